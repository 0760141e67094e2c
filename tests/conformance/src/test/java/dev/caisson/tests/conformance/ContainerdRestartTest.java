package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.EventLog;
import dev.caisson.tests.support.Fifo;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** containerd may be restarted or killed at any moment: containers live on and nothing about them is lost. */
class ContainerdRestartTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(10);

    /** How containerd goes. */
    enum Way {
        STOP,
        KILL
    }

    private void down(Way way) {
        if (way == Way.STOP) {
            bed().stop();
        } else {
            bed().killHard();
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void containersLiveOnAndAreDrivenAsBefore(Way way) {
        try (Task one = Task.running(bed(), "live", "sleep", "1000");
                Task two =
                        Task.running(bed(), "live", "sh", "-c", "trap 'exit 21' TERM; while :; do sleep 0.05; done")) {
            long pid = one.state().getPid();

            down(way);
            Await.sleep(Duration.ofMillis(200));
            assertThat(Proc.lives(pid)).isTrue();
            bed().start();

            assertThat(one.state().getStatus()).isEqualTo(Status.RUNNING);
            assertThat(Integer.toUnsignedLong(one.state().getPid())).isEqualTo(pid);
            one.exec("x", Spec.process("sh", "-c", "exit 8"), Stdio.NONE);
            var waiting = one.waiting("x");
            one.start("x");
            assertThat(Task.result(waiting, SOON)).isEqualTo(8);
            two.kill(15);
            assertThat(two.await("", SOON)).isEqualTo(21);
            assertThat(two.delete().getExitStatus()).isEqualTo(21);
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void exitWhileContainerdIsDownIsSeenAfterwards(Way way) {
        // containerd 2.x takes a shim whose Pids is empty for a leaked one, and runc lists what the cgroup has:
        // nothing.
        Skip.unless(
                runtime().isSubject() || !build.isVersion2(),
                "an exit while containerd 2.x is down",
                "a shim that lists ended tasks");
        try (Task task = Task.running(bed(), "downexit", "sh", "-c", "sleep 1; exit 19")) {
            long pid = task.state().getPid();
            down(way);
            Await.until("process ended", SOON, () -> !Proc.lives(pid));
            bed().start();

            Await.until("stopped", SOON, () -> task.state().getStatus() == Status.STOPPED);
            assertThat(task.state().getExitStatus()).isEqualTo(19);
            assertThat(task.delete().getExitStatus()).isEqualTo(19);
        }
    }

    @Test
    void exitEventWhileContainerdIsDownReachesSubscribersAfterwards() {
        subjectOnly("delivery of events that were made while containerd was down");
        try (Task task = Task.running(bed(), "downevent", "sh", "-c", "sleep 1; exit 19")) {
            long pid = task.state().getPid();
            bed().killHard();
            Await.until("process ended", SOON, () -> !Proc.lives(pid));
            bed().start();
            try (EventLog log = new EventLog(bed().client())) {
                assertThat(log.await(task.id(), "exit", SOON).status()).isEqualTo(19);
            }
        }
    }

    @Test
    void streamsSurvive() {
        try (Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(bed(), Ctr.newId("streams"), "cat")) {
            task.create(Stdio.inOut(in, out));
            task.start();
            in.write("before ".getBytes(StandardCharsets.UTF_8));
            out.expect("before", SOON);

            bed().killHard();
            in.write("while ".getBytes(StandardCharsets.UTF_8));
            out.expect("while", SOON);
            bed().start();
            in.write("after".getBytes(StandardCharsets.UTF_8));
            out.expect("after", SOON);
            task.closeStdin("");
            in.detach();

            assertThat(task.await("", SOON)).isZero();
            assertThat(out.textToEnd(SOON)).isEqualTo("before while after");
        }
    }

    @Test
    void killedAtAnyMomentWhileContainersComeAndGo() {
        subjectOnly("nothing left behind by a containerd that was killed during create");
        long seed = Long.getLong("caisson.seed", 7);
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        try (Task witness = Task.running(bed(), "witness", "sleep", "1000")) {
            List<String> ids = new ArrayList<>();
            for (int round = 0; round < 6; round++) {
                String id = Ctr.newId("storm");
                ids.add(id);
                Process running;
                running = bed().ctr()
                        .runContainer(id, List.of("--rm", "--null-io"), "sleep", "0.2")
                        .start();
                Await.sleep(Duration.ofMillis(random.nextInt(10, 400)));
                bed().killHard();
                bed().start();
                Await.until("ctr ended", Duration.ofSeconds(30), () -> !running.isAlive());
            }
            assertThat(witness.state().getStatus()).isEqualTo(Status.RUNNING);
            for (String id : ids) {
                bed().ctr().remove(id);
            }
            assertThat(bed().ctr().run("task", "ls", "-q").ok().out().strip()).isEqualTo(witness.id());
        }
    }
}
