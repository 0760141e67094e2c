package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.EventLog;
import dev.caisson.tests.support.EventLog.TaskEvent;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.opentest4j.TestAbortedException;

/** The events that subscribers of containerd rely on: which, in which order, with which ids. */
class EventOrderTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(10);

    /** containerd's runc shim ends at Shutdown with its last events unsent now and then; only the subject promises it. */
    private void awaitDelete(EventLog log, Task task) {
        try {
            Duration limit = runtime().isSubject() ? SOON : Duration.ofSeconds(1);
            log.await(task.id(), "exit", limit);
            log.await(task.id(), "delete", limit);
        } catch (AssertionError lost) {
            if (runtime().isSubject()) {
                throw lost;
            }
            Skip.note("the delete event of " + task.id(), "a shim that sends its last event");
            throw new TestAbortedException("the peer lost an event", lost);
        }
    }

    @Test
    void lifeOfAContainerWithAnExec() {
        try (EventLog log = new EventLog(bed().client());
                Task task = Task.container(bed(), Ctr.newId("events"), "sleep", "1000")) {
            long pid = task.create(Stdio.NONE);
            task.start();
            task.exec("x", Spec.process("sh", "-c", "exit 5"), Stdio.NONE);
            long execPid = task.start("x");
            assertThat(task.await("x", SOON)).isEqualTo(5);
            log.await(task.id(), SOON, e -> e.topic().equals("/tasks/exit") && e.id().equals("x"));
            task.kill(9);
            task.await("", SOON);
            task.delete();
            awaitDelete(log, task);

            assertThat(log.briefs(task.id()))
                    .containsSubsequence(
                            "create", "start", "exec-added x", "exec-started x", "exit x", "exit", "delete")
                    .hasSize(7);
            List<TaskEvent> events = log.of(task.id());
            assertThat(events).allSatisfy(e -> assertThat(e.namespace()).isEqualTo(bed().tag()));
            assertThat(events)
                    .allSatisfy(e -> assertThat(e.at()).isBetween(Instant.now().minusSeconds(60), Instant.now()));
            assertThat(events.get(0).pid()).isEqualTo(pid);
            assertThat(events.get(1).pid()).isEqualTo(pid);
            TaskEvent execExit = log.await(task.id(), "exit x", SOON);
            assertThat(execExit.pid()).isEqualTo(execPid);
            assertThat(execExit.status()).isEqualTo(5);
            TaskEvent exit = log.await(task.id(), "exit", SOON);
            assertThat(exit.id()).isEqualTo(task.id());
            assertThat(exit.pid()).isEqualTo(pid);
            assertThat(exit.status()).isEqualTo(137);
            TaskEvent delete = log.await(task.id(), "delete", SOON);
            assertThat(delete.status()).isEqualTo(137);
            assertThat(delete.pid()).isEqualTo(pid);
        }
    }

    @RepeatedTest(10)
    void exitOfAShortProcessComesAfterItsStart() {
        try (EventLog log = new EventLog(bed().client());
                Task task = Task.container(bed(), Ctr.newId("short"), "true")) {
            task.create(Stdio.NONE);
            task.start();
            log.await(task.id(), "exit", SOON);

            assertThat(log.briefs(task.id())).containsExactly("create", "start", "exit");
        }
    }

    @Test
    void exitsOfExecsComeBeforeTheExitOfInit() {
        try (EventLog log = new EventLog(bed().client());
                Task task = Task.running(bed(), "xbefore", "sleep", "1000")) {
            for (int i = 0; i < 5; i++) {
                task.exec("x" + i, Spec.process("sleep", "1000"), Stdio.NONE);
                task.start("x" + i);
            }

            task.kill(9);
            log.await(task.id(), "exit", SOON);

            List<String> briefs = log.briefs(task.id());
            assertThat(briefs.getLast()).isEqualTo("exit");
            assertThat(briefs).contains("exit x0", "exit x1", "exit x2", "exit x3", "exit x4");
        }
    }

    @Test
    void everyProcessExitsExactlyOnce() {
        try (EventLog log = new EventLog(bed().client());
                Task task = Task.running(bed(), "once", "sleep", "1000")) {
            for (int i = 0; i < 10; i++) {
                task.exec("x" + i, Spec.process("true"), Stdio.NONE);
                task.start("x" + i);
            }
            for (int i = 0; i < 10; i++) {
                log.await(task.id(), "exit x" + i, SOON);
            }
            task.kill(9);
            log.await(task.id(), "exit", SOON);
            task.delete();
            awaitDelete(log, task);

            assertThat(log.briefs(task.id()).stream().filter(b -> b.startsWith("exit")))
                    .hasSize(11)
                    .doesNotHaveDuplicates();
        }
    }

    @Test
    void pauseAndResume() {
        try (EventLog log = new EventLog(bed().client());
                Task task = Task.running(bed(), "freeze", "sleep", "1000")) {
            task.pause();
            task.resume();
            log.await(task.id(), "resumed", SOON);

            assertThat(log.briefs(task.id())).containsExactly("create", "start", "paused", "resumed");
        }
    }
}
