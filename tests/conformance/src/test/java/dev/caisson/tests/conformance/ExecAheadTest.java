package dev.caisson.tests.conformance;

import static dev.caisson.tests.conformance.Errors.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.api.tasks.WaitResponse;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Fifo;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import io.grpc.Status.Code;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIfSystemProperty;

/** An exec's process is made between Exec and Start; whatever happens to it there, nobody notices. */
@DisabledIfSystemProperty(
        named = "caisson.wall",
        matches = "trap|kvm",
        disabledReason = "a wall with a filter of its own or a guest makes an exec's process at Start")
class ExecAheadTest extends SurvivalBed {
    /** The process that waits in a container of one. */
    private static long waiting(Task task) {
        long init = task.state().getPid();
        Await.until(
                "a process that waits for its start", SOON, () -> task.pids().size() == 2);
        return task.pids().stream().filter(pid -> pid != init).findFirst().orElseThrow();
    }

    @Test
    void isTheOneThatIsStarted() {
        try (Task task = Task.running(bed(), "ahead", "sleep", "1000")) {
            task.exec("x", Spec.process("sleep", "1000"), Stdio.NONE);
            assertThat(task.state("x").getStatus()).isEqualTo(Status.CREATED);
            long pid = waiting(task);
            assertThat(Proc.read(pid, "cmdline")).doesNotContain("sleep");

            assertThat(task.start("x")).isEqualTo(pid);
            assertThat(task.state("x").getStatus()).isEqualTo(Status.RUNNING);
            assertThat(Integer.toUnsignedLong(task.state("x").getPid())).isEqualTo(pid);
            assertThat(Proc.read(pid, "cmdline")).startsWith("sleep");
            task.kill("x", 9, false);
            assertThat(task.await("x", SOON)).isEqualTo(137);
        }
    }

    @Test
    void killedBySomebodyItCannotBeStarted() {
        try (Task task = Task.running(bed(), "ahead", "sleep", "1000")) {
            task.exec("x", Spec.process("sh", "-c", "exit 8"), Stdio.NONE);
            long pid = waiting(task);
            signal("KILL", pid);
            Await.until("it is dead", SOON, () -> !Proc.lives(pid));

            assertRefused(
                    Code.UNKNOWN,
                    () -> task.start("x"),
                    "exec x in " + task.id(),
                    "137",
                    "before it could run its program");
            assertThat(task.state("x").getStatus()).isEqualTo(Status.STOPPED);
            task.deleteExec("x");
            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }

    @Test
    void isStartedByAnotherDaemon() {
        try (Task task = Task.running(bed(), "ahead", "sleep", "1000");
                Fifo out = Fifo.reading(Task.fifoPath(bed()))) {
            task.exec("x", Spec.process("sh", "-c", "echo here; exit 8"), Stdio.out(out));
            long pid = waiting(task);
            assertThat(killCaissond()).isTrue();

            Future<WaitResponse> ends = task.waiting("x");
            assertThat(task.start("x")).isEqualTo(pid);
            assertThat(Task.result(ends, SOON)).isEqualTo(8);
            assertThat(out.textToEnd(SOON)).isEqualTo("here\n");
        }
    }

    @Test
    void goesWithItsExec() {
        try (Task task = Task.running(bed(), "ahead", "sleep", "1000")) {
            task.exec("x", Spec.process("sleep", "1000"), Stdio.NONE);
            long pid = waiting(task);
            task.deleteExec("x");
            Await.until("it is dead", SOON, () -> !Proc.lives(pid));
        }
    }

    @Test
    void goesWithItsContainer() {
        try (Task task = Task.running(bed(), "ahead", "sleep", "1000")) {
            task.exec("x", Spec.process("sleep", "1000"), Stdio.NONE);
            long pid = waiting(task);

            task.kill(9);
            assertThat(task.await("", SOON)).isEqualTo(137);
            Await.until("it is dead", SOON, () -> !Proc.lives(pid));
            assertThat(task.state("x").getStatus()).isEqualTo(Status.CREATED);
            assertRefused(Code.FAILED_PRECONDITION, () -> task.start("x"), "stopped container");
        }
    }
}
