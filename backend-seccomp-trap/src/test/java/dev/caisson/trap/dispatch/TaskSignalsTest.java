package dev.caisson.trap.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Bit n-1 is signal n: 0x200 is SIGUSR1, 0x2000 SIGALRM. */
class TaskSignalsTest {
    @ParameterizedTest
    @CsvSource({
        "1, 0, 0, 0, NONE",
        "1, 200, 0, 0, CERTAIN",
        "1, 0, 200, 0, CERTAIN",
        "3, 0, 200, 0, POSSIBLE",
        "3, 2000, 200, 0, CERTAIN",
        "1, 200, 0, 200, NONE",
        "3, 0, 200, 200, NONE",
        "1, 2200, 0, 200, CERTAIN",
        "2, 0, ffffffffffffffff, 7fffffffffffffff, POSSIBLE",
    })
    void readsPendingAndBlockedOnes(int threads, String own, String shared, String blocked, TaskSignals expected) {
        String status = "Name:\tx: y\nState:\tS (sleeping)\nThreads:\t" + threads + "\nSigQ:\t0/1\nSigPnd:\t" + own
                + "\nShdPnd:\t" + shared + "\nSigBlk:\t" + blocked + "\nSigIgn:\tffff\n";
        assertThat(TaskSignals.of(status, mask -> mask)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"''", "'Name:\tzombie\n'"})
    void oneWithoutThreadsIsGone(String status) {
        assertThat(TaskSignals.of(status, mask -> mask)).isEqualTo(TaskSignals.GONE);
    }

    @Test
    void aCallMayBringAMaskOfItsOwn() {
        String status = "Threads:\t1\nSigPnd:\t0\nShdPnd:\t2000\nSigBlk:\t2000\n";
        assertThat(TaskSignals.of(status, mask -> 0)).isEqualTo(TaskSignals.CERTAIN);
        assertThat(TaskSignals.of(status, mask -> mask | 0x200)).isEqualTo(TaskSignals.NONE);
    }
}
