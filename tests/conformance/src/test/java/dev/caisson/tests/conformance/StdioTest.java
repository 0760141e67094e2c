package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.api.tasks.WaitResponse;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Fifo;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Standard streams over fifos: everything arrives, in order, and ends when it should. */
class StdioTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(10);
    private static final Duration LONG = Duration.ofSeconds(60);
    private static final int LARGE = 20 << 20;

    private static byte[] noise(long seed, int size) {
        byte[] bytes = new byte[size];
        new SplittableRandom(seed).nextBytes(bytes);
        return bytes;
    }

    @Test
    void twentyMebibytesThroughStdinAndStdoutOfInit() {
        byte[] data = noise(1, LARGE);
        try (Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(bed(), Ctr.newId("cat"), "cat")) {
            task.create(Stdio.inOut(in, out));
            Future<WaitResponse> waiting = task.waiting("");
            task.start();

            in.write(data);
            task.closeStdin("");
            in.detach();

            assertThat(Task.result(waiting, LONG)).isZero();
            assertThat(out.toEnd(SOON)).isEqualTo(data);
        }
    }

    @Test
    void twentyMebibytesThroughStdinAndStdoutOfAnExec() {
        byte[] data = noise(2, LARGE);
        try (Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.running(bed(), "catexec", "sleep", "1000")) {
            task.exec("x", Spec.process("cat"), Stdio.inOut(in, out));
            Future<WaitResponse> waiting = task.waiting("x");
            task.start("x");

            in.write(data);
            task.closeStdin("x");
            in.detach();

            assertThat(Task.result(waiting, LONG)).isZero();
            assertThat(out.toEnd(SOON)).isEqualTo(data);
            task.deleteExec("x");
        }
    }

    @Test
    void twentyMebibytesThroughCtr() {
        byte[] data = noise(3, LARGE);

        Command.Result result = bed().ctr()
                .runContainer(Ctr.newId("ctrcat"), List.of("--rm"), "cat")
                .stdin(data)
                .run()
                .ok();

        assertThat(result.stdout()).isEqualTo(data);
    }

    @Test
    void everyByteWrittenJustBeforeTheEndArrives() {
        for (int round = 0; round < 5; round++) {
            try (Fifo out = Fifo.reading(Task.fifoPath(bed()));
                    Task task = Task.container(
                            bed(), Ctr.newId("fastexit"), "dd", "if=/dev/zero", "bs=1M", "count=8", "status=none")) {
                task.create(Stdio.out(out));
                task.start();

                assertThat(out.toEnd(LONG)).hasSize(8 << 20);
                assertThat(task.await("", SOON)).isZero();
            }
        }
    }

    @Test
    void endOfFileComesBeforeDelete() {
        try (Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(bed(), Ctr.newId("eof"), "echo", "hello")) {
            task.create(Stdio.out(out));
            task.start();

            assertThat(out.textToEnd(SOON)).isEqualTo("hello\n");
            assertThat(task.await("", SOON)).isZero();
            assertThat(task.state().getStatus()).isEqualTo(Status.STOPPED);
        }
    }

    @Test
    void closingTheClientsStdinIsNoEndOfFile() {
        try (Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(bed(), Ctr.newId("detach"), "cat")) {
            task.create(Stdio.inOut(in, out));
            Future<WaitResponse> waiting = task.waiting("");
            task.start();
            in.write("one ".getBytes(StandardCharsets.UTF_8));
            out.expect("one", SOON);

            in.detach();
            Await.sleep(Duration.ofMillis(300));
            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
            in.attach();
            in.write("two".getBytes(StandardCharsets.UTF_8));
            out.expect("two", SOON);
            task.closeStdin("");
            in.detach();

            assertThat(Task.result(waiting, SOON)).isZero();
            assertThat(out.textToEnd(SOON)).isEqualTo("one two");
        }
    }

    @Test
    void slowReaderStopsTheWriterAndLosesNothing() {
        try (Fifo out = Fifo.unread(Task.fifoPath(bed()));
                Task task = Task.container(
                        bed(), Ctr.newId("slow"), "dd", "if=/dev/zero", "bs=1M", "count=16", "status=none")) {
            // Create may wait for the reader to open, so it runs beside the late reader.
            Thread late = Thread.ofPlatform().daemon().start(() -> {
                Await.sleep(Duration.ofSeconds(1));
                out.read();
            });
            task.create(Stdio.out(out));
            task.start();

            assertThat(out.toEnd(LONG)).hasSize(16 << 20);
            assertThat(task.await("", SOON)).isZero();
            assertThat(late.isAlive()).isFalse();
        }
    }

    @Test
    void noStreamsAtAllStillRuns() {
        try (Task task = Task.container(bed(), Ctr.newId("null"), "sh", "-c", "echo lost; cat; exit 9")) {
            task.create(Stdio.NONE);
            Future<WaitResponse> waiting = task.waiting("");
            task.start();

            assertThat(Task.result(waiting, SOON)).isEqualTo(9);
        }
    }

    @Test
    void standardOutputAloneMayBeAsked() {
        subjectOnly("a process with standard output and no standard error");
        try (Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(bed(), Ctr.newId("outonly"), "sh", "-c", "echo out; echo err >&2")) {
            task.create(new Stdio("", out.path().toString(), ""));
            task.start();

            assertThat(out.textToEnd(SOON)).isEqualTo("out\n");
        }
    }

    @Test
    void oneFifoMayServeBothOutputs() {
        try (Fifo both = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(bed(), Ctr.newId("both"), "sh", "-c", "echo out; echo err >&2")) {
            String path = both.path().toString();
            task.create(new Stdio("", path, path));
            task.start();

            assertThat(both.textToEnd(SOON)).contains("out\n").contains("err\n").hasSize(8);
        }
    }

    @Test
    void backgroundHolderOfThePipeDoesNotDelayTheExit() {
        try (Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.running(bed(), "holder", "sleep", "1000")) {
            task.exec("x", Spec.process("sh", "-c", "sleep 20 & echo started"), Stdio.out(out));
            Future<WaitResponse> waiting = task.waiting("x");
            task.start("x");

            out.expect("started", SOON);
            assertThat(Task.result(waiting, Duration.ofSeconds(5))).isZero();
        }
    }
}
