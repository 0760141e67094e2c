package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The second daemon that waits for the first one's death. */
class StandbyTest extends SurvivalBed {
    /** Its process, once it has its lock and sleeps until the daemon's is free. */
    private Optional<Long> standby() {
        return bed().caissondPid().flatMap(ProcessHandle::of).stream()
                .flatMap(ProcessHandle::children)
                .map(ProcessHandle::pid)
                .filter(pid -> Proc.read(pid, "cmdline").contains("--standby"))
                .filter(StandbyTest::waitsForALock)
                .findFirst();
    }

    private static boolean waitsForALock(long pid) {
        Pattern waiting = Pattern.compile(".*-> FLOCK +ADVISORY +WRITE " + pid + " .*");
        try (Stream<String> locks = Files.lines(Path.of("/proc/locks"))) {
            return locks.anyMatch(line -> waiting.matcher(line).matches());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private long awaitStandby() {
        Await.until("a standby of caissond", SOON, () -> standby().isPresent());
        return standby().orElseThrow();
    }

    private static void works(Task task, String exec) {
        task.exec(exec, Spec.process("sh", "-c", "exit 8"), Stdio.NONE);
        var waiting = task.waiting(exec);
        task.start(exec);
        assertThat(Task.result(waiting, SOON)).isEqualTo(8);
    }

    @Test
    void takesOverWhenTheDaemonIsKilledAndHasAStandbyOfItsOwn() {
        try (Task task = Task.running(bed(), "standby", "sleep", "1000")) {
            for (int round = 0; round < 2; round++) {
                long daemon = caissond();
                long standby = awaitStandby();
                killCaissond();
                works(task, "x" + round);
                assertThat(Proc.lives(daemon)).isFalse();
                assertThat(caissond()).isEqualTo(standby);
            }
        }
    }

    @Test
    void aDaemonThatLeavesTakesItAlong() {
        try (Task task = Task.running(bed(), "standby", "sleep", "1000")) {
            long daemon = caissond();
            long standby = awaitStandby();
            Path prefix = selectedPrefix();
            Command.of(List.of(prefix.resolve("bin/caisson").toString(), "daemon", "leave"))
                    .env(Map.of("CAISSON_STATE_DIR", bed().caissonState().toString(), "CAISSON_TEST_BED", bed().tag()))
                    .run()
                    .ok();
            Await.until("end of caissond", SOON, () -> !Proc.lives(daemon));
            assertThat(Proc.lives(standby)).isFalse();
            works(task, "x");
            assertThat(caissond()).isNotIn(daemon, standby);
        }
    }

    @Test
    void aDaemonThatIsToldToTerminateTakesItAlong() {
        try (Task task = Task.running(bed(), "standby", "sleep", "1000")) {
            long daemon = caissond();
            long standby = awaitStandby();
            signal("TERM", daemon);
            Await.until("end of caissond", SOON, () -> !Proc.lives(daemon));
            assertThat(Proc.lives(standby)).isFalse();
            works(task, "x");
        }
    }

    @Test
    void withoutOneTheNextRequestStartsADaemon() {
        try (Task task = Task.running(bed(), "standby", "sleep", "1000")) {
            long standby = awaitStandby();
            signal("KILL", standby);
            Await.until("end of the standby", SOON, () -> !Proc.lives(standby));
            killCaissond();
            works(task, "x");
        }
    }

    private Path selectedPrefix() {
        return runtime().prefix().orElseThrow();
    }
}
