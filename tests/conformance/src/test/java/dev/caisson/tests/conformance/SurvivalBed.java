package dev.caisson.tests.conformance;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest;
import dev.caisson.tests.support.Skip;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;

/** What the suites about a dying caissond share; the peers have no such process, so they are skipped. */
abstract class SurvivalBed extends Bed {
    static final Duration SOON = Duration.ofSeconds(20);

    @BeforeEach
    void onlyWithADaemon() {
        Skip.unless(
                RuntimeUnderTest.selected(build)
                        .map(RuntimeUnderTest::isSubject)
                        .orElse(false),
                "survival of a killed daemon",
                "the subject, not a peer");
    }

    /** Pid of the running caissond; waits for one to come up. */
    long caissond() {
        Await.until(
                "a running caissond in " + bed().caissonState(),
                SOON,
                () -> bed().caissondPid().isPresent());
        return bed().caissondPid().orElseThrow();
    }

    /** SIGKILL to caissond, if one runs; returns whether one did. */
    boolean killCaissond() {
        Optional<Long> pid = bed().caissondPid();
        pid.flatMap(ProcessHandle::of).ifPresent(ProcessHandle::destroyForcibly);
        return pid.isPresent();
    }

    /** Sends a signal by name, for example {@code STOP}. */
    static void signal(String name, long pid) {
        Command.of("kill", "-" + name, Long.toString(pid)).run().ok();
    }

    /** The process that is parent of a container's init: its monitor. */
    static long parent(long pid) {
        for (String line : Proc.read(pid, "status").split("\n", -1)) {
            if (line.startsWith("PPid:")) {
                return Long.parseLong(line.substring(5).strip());
            }
        }
        throw new AssertionError("process " + pid + " has no parent: it ended");
    }
}
