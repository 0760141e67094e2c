package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.cri.ContainerState;
import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.api.tasks.WaitResponse;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.EventLog;
import dev.caisson.tests.support.EventLog.TaskEvent;
import dev.caisson.tests.support.Fifo;
import dev.caisson.tests.support.Pod;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Upgrade in place: the caissond of a second installation takes over a state directory with live pods. The second
 * installation is a copy of the first in another directory, because an installation may lie anywhere.
 */
class UpgradeTest extends SurvivalBed {
    private Path first() {
        return runtime().prefix().orElseThrow();
    }

    private Path second() {
        Path copy = bed().dir().resolve("p2");
        if (!Files.isDirectory(copy)) {
            Command.of("cp", "-a", first().toString(), copy.toString()).run().ok();
        }
        return copy;
    }

    /** Starts {@code prefix}'s caissond over the running one and waits until it serves; returns its pid. */
    private long takeOver(Path prefix) {
        long old = caissond();
        Path log = bed().dir().resolve("takeover.log");
        ProcessBuilder builder = new ProcessBuilder(
                prefix.resolve("libexec/caissond").toString(),
                "--state-dir",
                bed().caissonState().toString(),
                "--take-over");
        builder.environment().putAll(bed().environment());
        builder.redirectInput(Path.of("/dev/null").toFile());
        builder.redirectErrorStream(true).redirectOutput(log.toFile());
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException("start caissond of " + prefix, e);
        }
        Await.until(
                () -> "caissond of " + prefix + " serves; it says " + text(log),
                SOON,
                () -> bed().caissondPid().filter(pid -> pid != old).isPresent() || !process.isAlive());
        assertThat(process.isAlive()).as("take-over: " + text(log)).isTrue();
        Await.until("the old caissond is gone", SOON, () -> !Proc.lives(old));
        long now = caissond();
        assertThat(Proc.link(now, "exe")).startsWith(prefix.toString());
        return now;
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }

    private Command.Result caisson(String... arguments) {
        List<String> argv =
                new ArrayList<>(List.of(first().resolve("bin/caisson").toString()));
        argv.addAll(List.of(arguments));
        return Command.of(argv)
                .env(Map.of("CAISSON_STATE_DIR", bed().caissonState().toString(), "CAISSON_TEST_BED", bed().tag()))
                .run();
    }

    /** The other suites of this JVM go on with the installation under test. */
    @AfterEach
    void backToTheFirstInstallation() {
        if (runtime().isSubject() && bed().caissondPid().isPresent()) {
            caisson("daemon", "leave");
        }
    }

    private static void assertOneStatus(EventLog log, Task task, int status) {
        log.await(task.id(), "exit", SOON);
        assertThat(log.of(task.id()))
                .filteredOn(e -> e.topic().equals("/tasks/exit") && e.id().equals(task.id()))
                .isNotEmpty()
                .extracting(TaskEvent::status)
                .containsOnly(status);
    }

    @Test
    void livePodsMoveToTheNewDaemon() {
        try (EventLog log = new EventLog(bed().client());
                Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task streaming = Task.container(bed(), Ctr.newId("upcat"), "cat");
                Task created = Task.container(bed(), Ctr.newId("upcreated"), "sh", "-c", "exit 12");
                Task waited = Task.running(
                        bed(), "upwait", "sh", "-c", "trap 'exit 23' TERM; while :; do sleep 0.05; done")) {
            streaming.create(Stdio.inOut(in, out));
            streaming.start();
            created.create(Stdio.NONE);
            in.write("before ".getBytes(StandardCharsets.UTF_8));
            out.expect("before", SOON);
            long pid = waited.state().getPid();
            Future<WaitResponse> inFlight = waited.waiting("");
            waited.exec("old", Spec.process("sleep", "1000"), Stdio.NONE);
            long oldExec = waited.start("old");

            takeOver(second());

            waited.exec("new", Spec.process("sh", "-c", "exit 8"), Stdio.NONE);
            Future<WaitResponse> exec = waited.waiting("new");
            waited.start("new");
            assertThat(Task.result(exec, SOON)).isEqualTo(8);
            assertThat(waited.state().getPid()).isEqualTo((int) pid);
            assertThat(Proc.lives(oldExec)).isTrue();
            assertThat(waited.state("old").getStatus()).isEqualTo(Status.RUNNING);
            waited.kill("old", 9, false);
            assertThat(waited.await("old", SOON)).isEqualTo(137);
            assertThat(created.state().getStatus()).isEqualTo(Status.CREATED);
            created.start();
            assertThat(created.await("", SOON)).isEqualTo(12);
            in.write("after".getBytes(StandardCharsets.UTF_8));
            out.expect("after", SOON);
            streaming.closeStdin("");
            in.detach();
            assertThat(streaming.await("", SOON)).isZero();
            assertThat(out.textToEnd(SOON)).isEqualTo("before after");
            assertThat(inFlight.isDone()).isFalse();
            waited.kill(15);
            assertThat(Task.result(inFlight, SOON)).isEqualTo(23);
            assertOneStatus(log, waited, 23);
            assertThat(log.briefs(created.id())).containsExactly("create", "start", "exit");
        }
    }

    @Test
    void exitsDuringTheHandOverAreNotLost() {
        try (EventLog log = new EventLog(bed().client());
                Task one = Task.running(bed(), "upone", "sh", "-c", "sleep 0.2; exit 31");
                Task two = Task.running(bed(), "uptwo", "sh", "-c", "sleep 0.4; exit 32");
                Task three = Task.running(bed(), "upthree", "sh", "-c", "sleep 0.8; exit 33")) {
            List<Task> tasks = List.of(one, two, three);
            List<Future<WaitResponse>> waits =
                    tasks.stream().map(task -> task.waiting("")).toList();

            takeOver(second());

            for (int i = 0; i < tasks.size(); i++) {
                assertThat(Task.result(waits.get(i), SOON)).isEqualTo(31 + i);
                assertOneStatus(log, tasks.get(i), 31 + i);
                assertThat(tasks.get(i).delete().getExitStatus()).isEqualTo(31 + i);
            }
        }
    }

    @Test
    void podsOfTheCriMoveTooAndNewOnesStart() {
        try (Pod pod = Pod.run(bed())) {
            String old = pod.start("old", "sleep", "1000");

            takeOver(second());

            assertThat(pod.execOut(old, "echo", "same")).isEqualTo("same\n");
            String young = pod.start("young", "sh", "-c", "exit 9");
            assertThat(pod.awaitExit(young, SOON).getExitCode()).isEqualTo(9);
            try (Pod next = Pod.run(bed())) {
                String container = next.start("next", "sleep", "1000");
                assertThat(next.containerStatus(container).getState()).isEqualTo(ContainerState.CONTAINER_RUNNING);
            }
            pod.stop(old, 0);
            assertThat(pod.containerStatus(old).getExitCode()).isEqualTo(137);
        }
    }

    @Test
    void takeOversWhileTwentyContainersComeAndGoLoseNothing() throws InterruptedException, ExecutionException {
        try (EventLog log = new EventLog(bed().client());
                Task witness = Task.running(bed(), "witness", "sleep", "1000");
                ExecutorService pool = Executors.newFixedThreadPool(4)) {
            List<Future<?>> lives = new ArrayList<>();
            for (int i = 1; i <= 20; i++) {
                int code = i;
                lives.add(pool.submit(() -> oneLife(log, code)));
            }
            takeOver(second());
            takeOver(first());
            takeOver(second());
            pool.shutdown();
            assertThat(pool.awaitTermination(100, TimeUnit.SECONDS)).isTrue();
            for (Future<?> life : lives) {
                life.get();
            }
            assertThat(witness.state().getStatus()).isEqualTo(Status.RUNNING);
            assertThat(bed().ctr().run("task", "ls", "-q").ok().out().strip()).isEqualTo(witness.id());
        }
    }

    private void oneLife(EventLog log, int code) {
        try (Task task = Task.container(bed(), Ctr.newId("uplife"), "sh", "-c", "sleep 0.1; exit " + code)) {
            task.create(Stdio.NONE);
            Future<WaitResponse> waiting = task.waiting("");
            task.start();
            assertThat(Task.result(waiting, SOON)).isEqualTo(code);
            task.delete();
            assertOneStatus(log, task, code);
        }
    }

    @Test
    void newDaemonKilledAfterTheUpgradeIsReplaced() {
        try (Task task =
                Task.running(bed(), "upkill", "sh", "-c", "trap 'exit 24' TERM; while :; do sleep 0.05; done")) {
            Future<WaitResponse> inFlight = task.waiting("");
            long upgraded = takeOver(second());

            assertThat(killCaissond()).isTrue();

            Await.until("the killed daemon is gone", SOON, () -> !Proc.lives(upgraded));
            task.kill(15);
            assertThat(Task.result(inFlight, SOON)).isEqualTo(24);
            assertThat(caissond()).isNotEqualTo(upgraded);
        }
    }

    @Test
    void daemonThatLeftComesBackWithTheNextRequest() {
        try (EventLog log = new EventLog(bed().client());
                Task task = Task.running(
                        bed(), "upleave", "sh", "-c", "trap 'exit 25' TERM; while :; do sleep 0.05; done")) {
            long left = caissond();
            long pid = task.state().getPid();

            caisson("daemon", "leave").ok();

            Await.until("the daemon that left is gone", SOON, () -> !Proc.lives(left));
            assertThat(Proc.lives(pid)).isTrue();
            task.exec("x", Spec.process("sh", "-c", "exit 3"), Stdio.NONE);
            Future<WaitResponse> exec = task.waiting("x");
            task.start("x");
            assertThat(Task.result(exec, SOON)).isEqualTo(3);
            assertThat(caissond()).isNotEqualTo(left);
            task.kill(15);
            assertThat(task.await("", SOON)).isEqualTo(25);
            assertOneStatus(log, task, 25);
        }
    }

    @Test
    void withoutTakeOverTheRunningDaemonStays() {
        try (Task task = Task.running(bed(), "upstay", "sleep", "1000")) {
            long running = caissond();

            Command.Result refused = Command.of(
                            second().resolve("libexec/caissond").toString(),
                            "--state-dir",
                            bed().caissonState().toString())
                    .run();

            assertThat(refused.exit()).isEqualTo(1);
            assertThat(refused.err())
                    .contains("another daemon serves")
                    .contains(bed().caissonState().toString());
            assertThat(caissond()).isEqualTo(running);
            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }
}
