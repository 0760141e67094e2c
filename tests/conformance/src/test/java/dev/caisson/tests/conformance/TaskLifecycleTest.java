package dev.caisson.tests.conformance;

import static dev.caisson.tests.conformance.Errors.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.task.Process;
import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.api.tasks.DeleteResponse;
import dev.caisson.tests.api.tasks.WaitResponse;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import io.grpc.Status.Code;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Create, start, state, wait, kill and delete, call by call. */
class TaskLifecycleTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(10);

    @Test
    void statesFollowTheCalls() {
        try (Task task = Task.container(bed(), Ctr.newId("states"), "sleep", "1000")) {
            long pid = task.create(Stdio.NONE);
            Process created = task.state();
            assertThat(created.getStatus()).isEqualTo(Status.CREATED);
            assertThat(Integer.toUnsignedLong(created.getPid())).isEqualTo(pid);
            assertThat(Proc.lives(pid)).isTrue();

            assertThat(task.start()).isEqualTo(pid);
            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
            assertThat(Proc.read(pid, "cmdline").strip()).isEqualTo("sleep 1000");

            task.kill(9);
            assertThat(task.await("", SOON)).isEqualTo(137);
            Process stopped = task.state();
            assertThat(stopped.getStatus()).isEqualTo(Status.STOPPED);
            assertThat(stopped.getExitStatus()).isEqualTo(137);

            DeleteResponse deleted = task.delete();
            assertThat(deleted.getExitStatus()).isEqualTo(137);
            assertThat(Integer.toUnsignedLong(deleted.getPid())).isEqualTo(pid);
            assertRefused(Code.NOT_FOUND, task::state, task.id());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 42, 127, 255})
    void waitGivesTheExitCodeAndItsTime(int code) {
        try (Task task = Task.container(bed(), Ctr.newId("code"), "sh", "-c", "exit " + code)) {
            task.create(Stdio.NONE);
            Future<WaitResponse> waiting = task.waiting("");
            Instant before = Instant.now().minusSeconds(1);
            task.start();

            assertThat(Task.result(waiting, SOON)).isEqualTo(code);
            // A second Wait and Delete give the same answer.
            assertThat(task.await("", SOON)).isEqualTo(code);
            DeleteResponse deleted = task.delete();
            assertThat(deleted.getExitStatus()).isEqualTo(code);
            assertThat(Instant.ofEpochSecond(deleted.getExitedAt().getSeconds()))
                    .isBetween(before.minusSeconds(1), Instant.now().plusSeconds(1));
        }
    }

    @Test
    void createdContainerHasNotRunItsProgram() {
        try (Task task = Task.container(bed(), Ctr.newId("gate"), "sleep", "1000")) {
            long pid = task.create(Stdio.NONE);

            assertThat(Proc.read(pid, "cmdline")).doesNotStartWith("sleep");
        }
    }

    @Test
    void createdContainerCanBeKilled() {
        try (Task task = Task.container(bed(), Ctr.newId("killcreated"), "sleep", "1000")) {
            task.create(Stdio.NONE);
            Future<WaitResponse> waiting = task.waiting("");

            task.kill(9);

            assertThat(Task.result(waiting, SOON)).isEqualTo(137);
            assertThat(task.state().getStatus()).isEqualTo(Status.STOPPED);
            task.delete();
        }
    }

    @Test
    void createdContainerCanBeDeleted() {
        try (Task task = Task.container(bed(), Ctr.newId("delcreated"), "sleep", "1000")) {
            long pid = task.create(Stdio.NONE);

            task.delete();

            assertRefused(Code.NOT_FOUND, task::state);
            assertThat(Proc.lives(pid)).isFalse();
        }
    }

    @Test
    void runningContainerCannotBeDeleted() {
        try (Task task = Task.running(bed(), "delrunning", "sleep", "1000")) {
            assertRefused(Errors.wrongState(runtime()), task::delete);

            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }

    @Test
    void secondStartIsRefused() {
        try (Task task = Task.running(bed(), "starttwice", "sleep", "1000")) {
            assertRefused(Errors.wrongState(runtime()), task::start);

            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }

    @Test
    void killAfterTheEndIsNotFound() {
        try (Task task = Task.running(bed(), "killended", "true")) {
            task.await("", SOON);

            assertRefused(Code.NOT_FOUND, () -> task.kill(15));
        }
    }

    @Test
    void secondCreateWithTheSameIdIsRefused() {
        try (Task task = Task.running(bed(), "createtwice", "sleep", "1000")) {
            assertRefused(Code.ALREADY_EXISTS, () -> task.create(Stdio.NONE), task.id());

            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }

    @Test
    void idCanBeUsedAgainAfterDelete() {
        String id = Ctr.newId("again");
        for (int round = 0; round < 5; round++) {
            try (Task task = Task.container(bed(), id, "sh", "-c", "exit 7")) {
                task.create(Stdio.NONE);
                Future<WaitResponse> waiting = task.waiting("");
                task.start();
                assertThat(Task.result(waiting, SOON)).isEqualTo(7);
                task.delete();
            }
        }
    }

    @Test
    void sigtermIsDeliveredToInit() {
        try (Task task = Task.running(
                bed(), "term", "sh", "-c", "trap 'exit 33' TERM; touch /tmp/ready; while :; do sleep 0.02; done")) {
            Await.until(
                    "trap set",
                    SOON,
                    () -> Files.exists(Path.of("/proc/" + task.state().getPid() + "/root/tmp/ready")));

            task.kill(15);

            assertThat(task.await("", SOON)).isEqualTo(33);
        }
    }

    @Test
    void killAllReachesEveryProcess() {
        try (Task task = Task.running(bed(), "killall", "sh", "-c", "sleep 1001 & sleep 1002 & wait")) {
            Await.until("three processes", SOON, () -> task.pids().size() == 3);
            var pids = task.pids();

            task.kill("", 9, true);

            assertThat(task.await("", SOON)).isEqualTo(137);
            Await.until("every process gone", SOON, () -> pids.stream().noneMatch(Proc::lives));
        }
    }

    @Test
    void endOfInitEndsItsPidNamespace() {
        try (Task task = Task.running(bed(), "orphans", "sh", "-c", "sleep 1003 & sleep 0.3")) {
            Await.until("children", SOON, () -> task.pids().size() >= 2);
            var pids = task.pids();

            assertThat(task.await("", SOON)).isZero();

            Await.until("every process gone", SOON, () -> pids.stream().noneMatch(Proc::lives));
        }
    }
}
