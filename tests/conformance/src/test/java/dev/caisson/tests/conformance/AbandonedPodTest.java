package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What nobody will ever ask for again goes by itself. */
class AbandonedPodTest extends SurvivalBed {
    /** Daemon and command were killed between the record of a pod and its monitor, and nobody asks for that pod any more. */
    @Test
    void aStartThatWasKilledBeforeThereWasAMonitorLeavesNothing() throws IOException {
        try (Task task = Task.running(bed(), "neighbour", "sleep", "1000")) {
            Path pods = bed().caissonState().resolve("pods");
            Path abandoned = pods.resolve("0123456789abcdef01234567");
            try (Stream<Path> all = Files.list(pods)) {
                String record = Files.readString(all.findFirst().orElseThrow().resolve("pod.json"));
                Files.createDirectory(abandoned);
                Files.writeString(
                        abandoned.resolve("pod.json"),
                        record.replaceFirst("(\"monitorPid\"\\s*:\\s*\")\\d+", "$10")
                                .replaceFirst("(\"socket\"\\s*:\\s*\"[^\"]*)", "$1-of-nobody"));
            }
            assertThat(killCaissond()).isTrue();

            // Something for which there must be a daemon.
            task.exec("x", Spec.process("true"), Stdio.NONE);
            task.start("x");
            Await.until("the record is gone", Duration.ofSeconds(60), () -> !Files.exists(abandoned));
            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
            task.kill(9);
            assertThat(task.await("", SOON)).isEqualTo(137);
        }
    }
}
