package dev.caisson.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProcessorsTest {
    @TempDir
    Path directory;

    private void make(int count) throws IOException {
        Files.createDirectory(directory.resolve("cpu0"));
        for (int i = 1; i < count; i++) {
            Files.writeString(
                    Files.createDirectory(directory.resolve("cpu" + i)).resolve("online"), "1\n");
        }
    }

    private String online(int number) throws IOException {
        return Files.readString(directory.resolve("cpu" + number).resolve("online"))
                .strip();
    }

    @Test
    void theLastOnesAreParkedAndComeBack() throws Exception {
        make(4);
        Processors processors = new Processors(directory);
        assertThat(processors.run(2)).isEqualTo(4);
        assertThat(online(1)).isEqualTo("1");
        assertThat(online(2)).isEqualTo("0");
        assertThat(online(3)).isEqualTo("0");
        assertThat(processors.run(3)).isEqualTo(4);
        assertThat(online(2)).isEqualTo("1");
        assertThat(online(3)).isEqualTo("0");
        assertThat(processors.run(9)).isEqualTo(4);
        assertThat(online(3)).isEqualTo("1");
        assertThat(processors.run(1)).isEqualTo(4);
        assertThat(online(1)).isEqualTo("0");
    }

    @Test
    void oneAlwaysRuns() throws Exception {
        make(1);
        assertThat(new Processors(directory).run(1)).isEqualTo(1);
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> new Processors(directory).run(0))
                .withMessageContaining("0 processors");
    }
}
