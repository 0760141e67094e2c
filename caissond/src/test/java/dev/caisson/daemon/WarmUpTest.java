package dev.caisson.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Backends;
import dev.caisson.shim.link.CommandLoop;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A rehearsal that fails costs the first containers their speed, and nobody would notice otherwise. */
class WarmUpTest {
    private static final int ROUNDS = 12; // two whole lives

    @TempDir
    Path state;

    @Test
    @Timeout(60)
    void wholeLivesOfContainersGoThroughAndNothingStays() throws Exception {
        ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
        try {
            for (WarmUp.Of each : WarmUp.Of.values()) {
                WarmUp rehearsal =
                        new WarmUp(each, state, "rehearsal", ROUNDS, new CommandLoop(), executor, new Backends());
                rehearsal.rehearse();
                if (each == WarmUp.Of.CONTAINERD) {
                    assertThat(state.resolve("rehearsal/pods")).isEmptyDirectory();
                }
                rehearsal.run();
                assertThat(state).isEmptyDirectory();
            }
        } finally {
            executor.shutdownNow(); // looks for abandoned pods sleep for many seconds
        }
    }
}
