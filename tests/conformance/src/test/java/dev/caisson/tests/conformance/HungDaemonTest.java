package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.EventLog;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A stopped caissond for 30 s, with a restart of containerd in the middle of them: a hung daemon must not cost a single pod. */
class HungDaemonTest extends SurvivalBed {
    private static final Duration HUNG = Duration.ofSeconds(Integer.getInteger("caisson.hung.seconds", 30));

    @Test
    void containersLiveThroughAHungDaemon() {
        List<Task> tasks = new ArrayList<>();
        try {
            for (int i = 0; i < 3; i++) {
                tasks.add(Task.running(bed(), "hung", "sh", "-c", "trap 'exit 37' TERM; while :; do sleep 0.05; done"));
            }
            List<Long> pids =
                    tasks.stream().map(task -> (long) task.state().getPid()).toList();
            long daemon = caissond();
            long begin = System.nanoTime();
            signal("STOP", daemon);
            try {
                // Whatever containerd waits for from a shim that it knows, it waits for ten seconds at most.
                Await.sleep(HUNG.dividedBy(2));
                assertThat(pids).allMatch(Proc::lives);
                bed().killHard();
                bed().start();
                Await.sleep(HUNG.minusNanos(System.nanoTime() - begin));
                assertThat(pids).allMatch(Proc::lives);
            } finally {
                signal("CONT", daemon);
            }

            try (EventLog log = new EventLog(bed().client())) {
                for (Task task : tasks) {
                    Await.until("task is running", SOON, () -> task.state().getStatus() == Status.RUNNING);
                    task.exec("x", Spec.process("sh", "-c", "exit 8"), Stdio.NONE);
                    var waiting = task.waiting("x");
                    task.start("x");
                    assertThat(Task.result(waiting, SOON)).isEqualTo(8);
                    task.kill(15);
                    assertThat(task.await("", SOON)).isEqualTo(37);
                    assertThat(log.await(task.id(), "exit", SOON).status()).isEqualTo(37);
                }
            }
        } finally {
            tasks.forEach(Task::close);
        }
    }
}
