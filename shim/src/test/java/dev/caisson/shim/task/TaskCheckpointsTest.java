package dev.caisson.shim.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TaskCheckpointsTest {
    private static final Path WORK = Path.of("/bundle");

    @TempDir
    Path directory;

    @Test
    void anImageMayBeElsewhere() throws Exception {
        assertThat(TaskCheckpoints.find(directory.toString(), WORK).images()).isEqualTo(directory);
        Files.writeString(directory.resolve("caisson-image-path"), "/images/of pod");
        assertThat(TaskCheckpoints.find(directory.toString(), WORK).images()).isEqualTo(Path.of("/images/of pod"));
        Files.writeString(directory.resolve("caisson-image-path"), "relative");
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> TaskCheckpoints.find(directory.toString(), WORK))
                .withMessageContaining("\"relative\" is no absolute path");
    }
}
