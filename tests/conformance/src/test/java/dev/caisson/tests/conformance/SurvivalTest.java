package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.api.tasks.WaitResponse;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.EventLog;
import dev.caisson.tests.support.EventLog.TaskEvent;
import dev.caisson.tests.support.Fifo;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import io.grpc.Status.Code;
import io.grpc.StatusRuntimeException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code kill -9} of caissond at every moment: no running container ends, no exit is lost, nothing is left behind. */
class SurvivalTest extends SurvivalBed {
    private static final int ROUNDS = Integer.getInteger("caisson.survival.rounds", 12);

    /** The call that is under way when the daemon is killed. */
    enum Moment {
        CREATE,
        START,
        EXEC,
        DELETE
    }

    private static SplittableRandom random(String what) {
        long seed = Long.getLong("caisson.seed", System.nanoTime());
        System.out.println(what + ": -Dcaisson.seed=" + seed);
        return new SplittableRandom(seed);
    }

    /** Every exit event of a process must carry the same status: one may come twice, never with another. */
    private static void assertExitsAgree(EventLog log, String container, int status) {
        List<TaskEvent> exits = log.of(container).stream()
                .filter(e -> e.topic().equals("/tasks/exit") && e.id().equals(container))
                .toList();
        assertThat(exits)
                .as("exit events of " + container)
                .isNotEmpty()
                .allSatisfy(e -> assertThat(e.status()).isEqualTo(status));
    }

    @Test
    void killedWhileIdle() {
        try (EventLog log = new EventLog(bed().client());
                Task task =
                        Task.running(bed(), "idle", "sh", "-c", "trap 'exit 23' TERM; while :; do sleep 0.05; done")) {
            long pid = task.state().getPid();
            long first = caissond();

            assertThat(killCaissond()).isTrue();

            assertThat(Proc.lives(pid)).isTrue();
            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
            task.exec("x", Spec.process("sh", "-c", "exit 8"), Stdio.NONE);
            Future<WaitResponse> waiting = task.waiting("x");
            task.start("x");
            assertThat(Task.result(waiting, SOON)).isEqualTo(8);
            assertThat(caissond()).isNotEqualTo(first);
            task.kill(15);
            assertThat(task.await("", SOON)).isEqualTo(23);
            log.await(task.id(), "exit", SOON);
            assertExitsAgree(log, task.id(), 23);
        }
    }

    @Test
    void exitWithoutADaemonIsKept() {
        try (EventLog log = new EventLog(bed().client());
                Task task = Task.running(bed(), "nodaemon", "sh", "-c", "sleep 1; exit 29")) {
            Future<WaitResponse> waiting = task.waiting("");
            // Wait must be at the daemon before it dies, to be delivered again to the next one.
            Await.sleep(Duration.ofMillis(300));
            assertThat(killCaissond()).isTrue();

            assertThat(Task.result(waiting, SOON)).isEqualTo(29);
            log.await(task.id(), "exit", SOON);
            assertExitsAgree(log, task.id(), 29);
            assertThat(task.delete().getExitStatus()).isEqualTo(29);
        }
    }

    @Test
    void streamsGoOnWithoutADaemon() {
        try (Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(bed(), Ctr.newId("streams"), "cat")) {
            task.create(Stdio.inOut(in, out));
            task.start();
            in.write("before ".getBytes(StandardCharsets.UTF_8));
            out.expect("before", SOON);

            killCaissond();
            in.write("after".getBytes(StandardCharsets.UTF_8));
            out.expect("after", SOON);
            task.closeStdin("");
            in.detach();

            assertThat(task.await("", SOON)).isZero();
            assertThat(out.textToEnd(SOON)).isEqualTo("before after");
        }
    }

    @Test
    void terminalGoesOnWithoutADaemon() {
        String id = Ctr.newId("ttylives");
        try (Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task =
                        Task.container(bed(), id, Spec.of(bed().tag(), id, "sh").terminal())) {
            task.create(Stdio.inOut(in, out));
            task.start();
            in.write("echo one\n".getBytes(StandardCharsets.UTF_8));
            out.expect("\r\none", SOON);

            killCaissond();
            in.write("echo two\n".getBytes(StandardCharsets.UTF_8));
            out.expect("\r\ntwo", SOON);
            task.resize("", 91, 33);
            in.write("stty size\n".getBytes(StandardCharsets.UTF_8));
            out.expect("33 91", SOON);
        }
    }

    @ParameterizedTest
    @EnumSource(Moment.class)
    void killedDuring(Moment moment) throws InterruptedException {
        SplittableRandom random = random("killedDuring " + moment);
        try (EventLog log = new EventLog(bed().client());
                Task witness = Task.running(bed(), "witness", "sleep", "1000");
                ExecutorService other = Executors.newSingleThreadExecutor()) {
            long witnessPid = witness.state().getPid();
            for (int round = 0; round < ROUNDS; round++) {
                int delayMicros = random.nextInt(40_000);
                String program = moment == Moment.EXEC ? "sleep 1000" : "sleep 0.3; exit 31";
                try (Task task = Task.container(bed(), Ctr.newId("mid"), "sh", "-c", program)) {
                    prepare(task, moment);
                    Future<?> call = other.submit(() -> perform(task, moment));
                    Await.sleep(Duration.ofNanos(delayMicros * 1000L));
                    killCaissond();
                    boolean served = served(call, moment);
                    verify(log, task, moment, served);
                }
                assertThat(Proc.lives(witnessPid))
                        .as("the witness lives in round " + round)
                        .isTrue();
            }
            assertThat(witness.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }

    private static void prepare(Task task, Moment moment) {
        if (moment != Moment.CREATE) {
            task.create(Stdio.NONE);
        }
        if (moment == Moment.EXEC || moment == Moment.DELETE) {
            task.start();
        }
        if (moment == Moment.DELETE) {
            assertThat(task.await("", SOON)).isEqualTo(31);
        }
    }

    private static void perform(Task task, Moment moment) {
        switch (moment) {
            case CREATE -> task.create(Stdio.NONE);
            case START -> task.start();
            case EXEC -> {
                task.exec("x", Spec.process("sh", "-c", "exit 8"), Stdio.NONE);
                task.start("x");
            }
            case DELETE -> task.delete();
        }
    }

    /** Whether the call succeeded; a failure must be "unavailable", and must say so. */
    private static boolean served(Future<?> call, Moment moment) throws InterruptedException {
        try {
            call.get();
            return true;
        } catch (ExecutionException e) {
            assertThat(e.getCause())
                    .isInstanceOfSatisfying(
                            StatusRuntimeException.class,
                            refused -> assertThat(unavailable(refused, moment))
                                    .as(refused.toString())
                                    .isTrue());
            return false;
        }
    }

    /** containerd has no code for a shim whose {@code start} failed, and that is a part of Create only. */
    private static boolean unavailable(StatusRuntimeException refused, Moment moment) {
        return refused.getStatus().getCode() == Code.UNAVAILABLE
                || (moment == Moment.CREATE && refused.toString().contains("failed to start shim"));
    }

    private static void verify(EventLog log, Task task, Moment moment, boolean served) {
        if (!served && moment != Moment.CREATE && moment != Moment.EXEC) {
            throw new AssertionError(moment + " is idempotent and must be served by the next daemon");
        }
        switch (moment) {
            case CREATE -> {
                if (served) {
                    assertThat(task.state().getStatus()).isEqualTo(Status.CREATED);
                    task.start();
                    assertThat(task.await("", SOON)).isEqualTo(31);
                }
            }
            case START -> {
                assertThat(task.await("", SOON)).isEqualTo(31);
                log.await(task.id(), "exit", SOON);
                assertExitsAgree(log, task.id(), 31);
            }
            case EXEC -> {
                if (served) {
                    assertThat(task.await("x", SOON)).isEqualTo(8);
                }
                assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
                task.kill(9);
                assertThat(task.await("", SOON)).isEqualTo(137);
            }
            case DELETE -> {
                Await.until("task is gone", SOON, () -> gone(task));
            }
        }
    }

    private static boolean gone(Task task) {
        try {
            task.state();
            return false;
        } catch (StatusRuntimeException e) {
            return e.getStatus().getCode() == Code.NOT_FOUND;
        }
    }

    /** A daemon of the other wall has to live for as long as a sandbox process takes to start, or no container is ever made. */
    private static final long PERIOD_MILLIS =
            System.getProperty("caisson.wall", "").isEmpty() ? 200 : 3000;

    @Test
    void killedEveryTwoHundredMillisecondsWhileFiftyContainersComeAndGo() throws InterruptedException {
        try (EventLog log = new EventLog(bed().client());
                Task witness = Task.running(bed(), "witness", "sleep", "1000")) {
            long witnessPid = witness.state().getPid();
            List<Future<Boolean>> lives;
            try (ExecutorService pool = Executors.newFixedThreadPool(5);
                    ExecutorService killer = Executors.newSingleThreadExecutor()) {
                Future<?> kills = killer.submit(() -> {
                    while (!Thread.currentThread().isInterrupted()) {
                        Await.sleep(Duration.ofMillis(PERIOD_MILLIS));
                        killCaissond();
                    }
                });
                lives = IntStream.range(0, 50)
                        .mapToObj(i -> pool.submit(() -> oneLife(log, i)))
                        .toList();
                pool.shutdown();
                assertThat(pool.awaitTermination(150, TimeUnit.SECONDS)).isTrue();
                kills.cancel(true);
            }
            int completed = 0;
            for (Future<Boolean> life : lives) {
                try {
                    completed += life.get() ? 1 : 0;
                } catch (ExecutionException e) {
                    throw new AssertionError("a container under a dying daemon: " + e.getCause(), e);
                }
            }
            System.out.println(completed + " of 50 containers were created in spite of a daemon killed every "
                    + PERIOD_MILLIS + " ms");
            assertThat(Proc.lives(witnessPid)).isTrue();
            assertThat(witness.state().getStatus()).isEqualTo(Status.RUNNING);
            assertThat(bed().ctr().run("task", "ls", "-q").ok().out().strip()).isEqualTo(witness.id());
        }
    }

    /** One container; {@code false} when its creation was refused as unavailable. Once created it must end as written. */
    private boolean oneLife(EventLog log, int number) {
        int code = number + 1;
        try (Task task = Task.container(bed(), Ctr.newId("storm"), "sh", "-c", "exit " + code)) {
            try {
                task.create(Stdio.NONE);
            } catch (StatusRuntimeException e) {
                assertThat(unavailable(e, Moment.CREATE)).as(e.toString()).isTrue();
                return false;
            }
            Future<WaitResponse> waiting = task.waiting("");
            task.start();
            assertThat(Task.result(waiting, Duration.ofSeconds(60))).isEqualTo(code);
            task.delete();
            log.await(task.id(), "exit", SOON);
            assertExitsAgree(log, task.id(), code);
            return true;
        }
    }
}
