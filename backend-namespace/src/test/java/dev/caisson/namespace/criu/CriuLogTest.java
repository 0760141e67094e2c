package dev.caisson.namespace.criu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What is taken from CRIU's log. */
final class CriuLogTest {
    @Test
    void theFirstErrorIsTheReason() {
        assertThat(CriuLog.reason(List.of(
                        "(00.000611) Version: 3.17.1 (gitid 0)",
                        "(02.240271) Error (criu/files-reg.c:1710): Can't lookup mount=36 for fd=1 path=/tmp/out",
                        "(02.967402) Error (criu/cr-dump.c:2053): Dumping FAILED.")))
                .isEqualTo("Can't lookup mount=36 for fd=1 path=/tmp/out");
        assertThat(CriuLog.reason(List.of("(00.1) Warn  (criu/x.c:1): no", "Error (", "nothing")))
                .isNull();
        assertThat(CriuLog.reason(List.of())).isNull();
    }

    /** The log is written by a program that looks into a container: its names are whoever's. */
    @Test
    void noLogIsTooOdd() {
        Random random = new Random(3);
        for (int i = 0; i < 20_000; i++) {
            StringBuilder line = new StringBuilder("Error (".substring(random.nextInt(7)));
            for (int n = random.nextInt(900); n > 0; n--) {
                line.append((char) (random.nextInt(8) == 0 ? "(): \n".charAt(random.nextInt(5)) : random.nextInt(256)));
            }
            String reason = CriuLog.reason(List.of(line.toString()));
            assertThat(reason == null || reason.length() <= 303).isTrue();
        }
    }
}
