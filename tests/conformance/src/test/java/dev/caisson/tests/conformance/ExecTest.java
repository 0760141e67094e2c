package dev.caisson.tests.conformance;

import static dev.caisson.tests.conformance.Errors.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.api.tasks.WaitResponse;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Fifo;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import io.grpc.Status.Code;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Further processes in a running container. */
class ExecTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(10);

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 42, 127, 255})
    void exitCode(int code) {
        try (Task task = Task.running(bed(), "xcode", "sleep", "1000")) {
            task.exec("x", Spec.process("sh", "-c", "exit " + code), Stdio.NONE);
            Future<WaitResponse> waiting = task.waiting("x");
            task.start("x");

            assertThat(Task.result(waiting, SOON)).isEqualTo(code);
            assertThat(task.state("x").getStatus()).isEqualTo(Status.STOPPED);
            assertThat(task.deleteExec("x").getExitStatus()).isEqualTo(code);
            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }

    @Test
    void ctrTaskExec() {
        try (Task task = Task.running(bed(), "ctrexec", "sleep", "1000")) {
            Command.Result result = bed().ctr()
                    .exec(task.id(), "sh", "-c", "echo in $(hostname); exit 3")
                    .run();

            assertThat(result.exit()).as(result.toString()).isEqualTo(3);
            assertThat(result.out()).isEqualTo("in box\n");
        }
    }

    @Test
    void seesTheContainersNamespacesAndCgroup() {
        try (Task task = Task.running(bed(), "xns", "sleep", "1000")) {
            long init = task.state().getPid();
            task.exec("x", Spec.process("sleep", "1000"), Stdio.NONE);
            long pid = task.start("x");

            for (String namespace : List.of("pid", "ipc", "uts", "mnt", "net")) {
                assertThat(Proc.link(pid, "ns/" + namespace))
                        .as(namespace)
                        .isEqualTo(Proc.link(init, "ns/" + namespace));
            }
            assertThat(Proc.read(pid, "cgroup")).isEqualTo(Proc.read(init, "cgroup"));
            assertThat(task.pids()).contains(init, pid);
            task.kill("x", 9, false);
            assertThat(task.await("x", SOON)).isEqualTo(137);
        }
    }

    @Test
    void userDirectoryAndEnvironmentAreTheProcesssOwn() {
        try (Task task = Task.running(bed(), "xuser", "sleep", "1000");
                Fifo out = Fifo.reading(Task.fifoPath(bed()))) {
            ObjectNode process = Spec.process("sh", "-c", "echo $(id -u) $(id -g) $(pwd) $SHADE");
            process.putObject("user").put("uid", 65534).put("gid", 65534);
            process.put("cwd", "/tmp");
            process.putArray("env").add("PATH=/bin").add("SHADE=dark");
            task.exec("x", process, Stdio.out(out));
            task.start("x");

            assertThat(out.textToEnd(SOON)).isEqualTo("65534 65534 /tmp dark\n");
        }
    }

    @Test
    void missingProgramFailsInStartAndCanBeDeleted() {
        try (Task task = Task.running(bed(), "xmissing", "sleep", "1000")) {
            task.exec("x", Spec.process("/no/such/program"), Stdio.NONE);

            assertThatStartFails(task);

            task.deleteExec("x");
            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }

    private static void assertThatStartFails(Task task) {
        try {
            task.start("x");
        } catch (io.grpc.StatusRuntimeException e) {
            assertThat(e.getStatus().getDescription()).contains("/no/such/program");
            return;
        }
        throw new AssertionError("start of a missing program succeeded");
    }

    @Test
    void sameExecIdIsRefused() {
        try (Task task = Task.running(bed(), "xtwice", "sleep", "1000")) {
            task.exec("x", Spec.process("sleep", "1000"), Stdio.NONE);

            assertRefused(Code.ALREADY_EXISTS, () -> task.exec("x", Spec.process("true"), Stdio.NONE));
        }
    }

    @Test
    void unknownExecIdIsNotFound() {
        try (Task task = Task.running(bed(), "xunknown", "sleep", "1000")) {
            assertRefused(Code.NOT_FOUND, () -> task.start("nobody"));
            assertRefused(Code.NOT_FOUND, () -> task.kill("nobody", 9, false));
            assertRefused(Code.NOT_FOUND, () -> task.state("nobody"));
        }
    }

    @Test
    void endOfTheContainerEndsItsExecs() {
        try (Task task = Task.running(bed(), "xend", "sleep", "1000")) {
            task.exec("x", Spec.process("sleep", "1001"), Stdio.NONE);
            long pid = task.start("x");
            Future<WaitResponse> waiting = task.waiting("x");

            task.kill(9);

            assertThat(Task.result(waiting, SOON)).isEqualTo(137);
            assertThat(task.await("", SOON)).isEqualTo(137);
            Await.until("exec gone", SOON, () -> !Proc.lives(pid));
        }
    }

    @Test
    void twentyAtOnce() {
        try (Task task = Task.running(bed(), "xmany", "sleep", "1000")) {
            List<Future<WaitResponse>> waiting = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                task.exec("x" + i, Spec.process("sh", "-c", "sleep 0.2; exit " + i), Stdio.NONE);
                waiting.add(task.waiting("x" + i));
                task.start("x" + i);
            }
            for (int i = 0; i < 20; i++) {
                assertThat(Task.result(waiting.get(i), SOON)).isEqualTo(i);
                task.deleteExec("x" + i);
            }
        }
    }
}
