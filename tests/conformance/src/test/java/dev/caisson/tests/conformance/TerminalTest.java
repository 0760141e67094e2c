package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.api.tasks.WaitResponse;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Fifo;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Processes with a terminal. */
class TerminalTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(10);

    private static byte[] keys(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static Stdio terminal(Fifo in, Fifo out) {
        return new Stdio(in.path().toString(), out.path().toString(), "");
    }

    @Test
    void initHasAControllingTerminalOfTheAskedSize() {
        String id = Ctr.newId("tty");
        try (Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task =
                        Task.container(bed(), id, Spec.of(bed().tag(), id, "sh").terminal())) {
            task.create(terminal(in, out));
            Future<WaitResponse> waiting = task.waiting("");
            task.start();

            in.write(keys("tty; test -c /dev/console && echo console\n"));
            out.expect("/dev/pts/0", SOON);
            out.expect("\r\nconsole", SOON);
            task.resize("", 97, 31);
            in.write(keys("stty size\n"));
            out.expect("31 97", SOON);
            in.write(keys("exit 6\n"));

            assertThat(Task.result(waiting, SOON)).isEqualTo(6);
            assertThat(out.textToEnd(SOON)).contains("exit 6");
        }
    }

    @Test
    void windowChangeIsSignalled() {
        String id = Ctr.newId("winch");
        String script = "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done";
        try (Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(
                        bed(), id, Spec.of(bed().tag(), id, "sh", "-c", script).terminal())) {
            task.create(terminal(in, out));
            task.start();
            out.expect("ready", SOON);

            task.resize("", 120, 40);

            out.expect("40 120", SOON);
        }
    }

    @Test
    void interruptKeyKillsTheForegroundProcess() {
        try (Task task = Task.running(bed(), "ttyint", "sleep", "1000");
                Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()))) {
            ObjectNode process =
                    Spec.process("sh", "-c", "echo ready; exec sleep 1000").put("terminal", true);
            task.exec("x", process, terminal(in, out));
            Future<WaitResponse> waiting = task.waiting("x");
            task.start("x");
            out.expect("ready", SOON);

            in.write(new byte[] {3});

            assertThat(Task.result(waiting, SOON)).isEqualTo(130);
            assertThat(task.state("x").getStatus()).isEqualTo(Status.STOPPED);
        }
    }

    @Test
    void execHasATerminalOfItsOwn() {
        try (Task task = Task.running(bed(), "ttyexec", "sleep", "1000");
                Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()))) {
            task.exec("x", Spec.process("sh").put("terminal", true), terminal(in, out));
            Future<WaitResponse> waiting = task.waiting("x");
            task.start("x");
            task.resize("x", 81, 27);

            in.write(keys("stty size; tty\n"));
            out.expect("27 81", SOON);
            out.expect("/dev/pts/", SOON);
            in.write(keys("exit 4\n"));

            assertThat(Task.result(waiting, SOON)).isEqualTo(4);
            out.toEnd(SOON);
        }
    }

    @Test
    void outputAfterTheLastKeyIsComplete() {
        try (Task task = Task.running(bed(), "ttylong", "sleep", "1000");
                Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()))) {
            ObjectNode process = Spec.process("sh", "-c", "seq 1 20000").put("terminal", true);
            task.exec("x", process, terminal(in, out));
            task.start("x");

            String text = out.textToEnd(Duration.ofSeconds(30));
            assertThat(text).startsWith("1\r\n2\r\n").endsWith("19999\r\n20000\r\n");
        }
    }

    @Test
    void resizeWithoutATerminalIsHarmless() {
        try (Task task = Task.running(bed(), "notty", "sleep", "1000")) {
            task.resize("", 80, 25);

            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }
}
