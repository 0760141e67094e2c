package dev.caisson.kvm.pod;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** With processes that are no machines. */
@Timeout(60)
class MachineProcessTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Duration SHORT = Duration.ofSeconds(1);

    private static Process run(String script) throws IOException {
        return new ProcessBuilder("sh", "-c", script).start();
    }

    private static boolean rests(Process process, Duration limit) throws Exception {
        try {
            return MachineProcess.of((int) process.pid()).awaitRest(limit);
        } finally {
            process.destroyForcibly();
            process.waitFor();
        }
    }

    @Test
    void whoSleepsRests() throws Exception {
        assertThat(rests(run("exec sleep 100"), LONG)).isTrue();
    }

    @Test
    void whoIsBusyDoesNot() throws Exception {
        assertThat(rests(run("while :; do :; done"), SHORT)).isFalse();
    }

    /** What a thread has used that has ended, or a child, is not used any more. */
    @Test
    void whoWasBusyRestsAfterwards() throws Exception {
        assertThat(rests(run("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; exec sleep 100"), LONG))
                .isTrue();
    }

    @Test
    void whoHasEndedRests() throws Exception {
        Process ended = run("exit 0");
        MachineProcess known = MachineProcess.of((int) ended.pid());
        ended.waitFor();
        assertThat(known.awaitRest(LONG)).isTrue();
    }
}
