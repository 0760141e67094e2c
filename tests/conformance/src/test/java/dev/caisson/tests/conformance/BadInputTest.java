package dev.caisson.tests.conformance;

import static dev.caisson.tests.conformance.Errors.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.caisson.tests.api.types.Mount;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Fifo;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is refused must be refused with a sentence, the right code and nothing left behind (the leak check's part). */
class BadInputTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(10);

    /**
     * A change to a good configuration that no runtime may accept.
     *
     * @param name what is wrong
     * @param change makes it wrong
     * @param word something of the object that the message must name
     */
    record Wrong(String name, Consumer<ObjectNode> change, String word) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static ObjectNode process(ObjectNode root) {
        return (ObjectNode) root.get("process");
    }

    private static ObjectNode namespace(ObjectNode root, String type) {
        for (var each : root.at("/linux/namespaces")) {
            if (each.path("type").asText().equals(type)) {
                return (ObjectNode) each;
            }
        }
        throw new IllegalArgumentException("no namespace " + type);
    }

    private static void mount(ObjectNode root, String type, String source, String destination) {
        ObjectNode mount = ((ArrayNode) root.get("mounts")).addObject();
        mount.put("type", type).put("source", source).put("destination", destination);
        if (type.equals("bind")) {
            mount.putArray("options").add("rbind");
        }
    }

    static List<Wrong> wrongConfigurations() {
        return List.of(
                new Wrong(
                        "missing program",
                        root -> process(root).putArray("args").add("/no/such/program"),
                        "/no/such/program"),
                new Wrong(
                        "program is a directory",
                        root -> process(root).putArray("args").add("/etc"),
                        "/etc"),
                new Wrong("no arguments", root -> process(root).putArray("args"), "args"),
                new Wrong(
                        "unknown namespace path",
                        root -> namespace(root, "network").put("path", "/no/such/ns"),
                        "/no/such/ns"),
                new Wrong(
                        "namespace path of another type",
                        root -> namespace(root, "network").put("path", "/proc/1/ns/ipc"),
                        ""),
                new Wrong(
                        "missing bind source",
                        root -> mount(root, "bind", "/no/such/source", "/mnt"),
                        "/no/such/source"),
                new Wrong("unknown file system", root -> mount(root, "nosuchfs", "none", "/mnt"), "/mnt"),
                new Wrong(
                        "unknown rlimit",
                        root -> ((ObjectNode) process(root).get("rlimits").get(0)).put("type", "RLIMIT_NOSUCH"),
                        "RLIMIT_NOSUCH"),
                new Wrong(
                        "sysctl of the host",
                        root -> ((ObjectNode) root.get("linux"))
                                .putObject("sysctl")
                                .put("vm.swappiness", "1"),
                        "vm.swappiness"),
                new Wrong("relative working directory", root -> process(root).put("cwd", "not/absolute"), "cwd"),
                new Wrong(
                        "unknown seccomp action",
                        root -> ((ObjectNode) root.get("linux"))
                                .putObject("seccomp")
                                .put("defaultAction", "SCMP_ACT_NOSUCH"),
                        "SCMP_ACT_NOSUCH"));
    }

    @ParameterizedTest
    @MethodSource("wrongConfigurations")
    void wrongConfigurationIsRefusedWithItsObjectNamed(Wrong wrong) {
        String id = Ctr.newId("wrong");
        Spec spec = Spec.of(bed().tag(), id, "true").with(wrong.change());
        try (Task task = Task.container(bed(), id, spec)) {
            assertThatThrownBy(() -> {
                        task.create(Stdio.NONE);
                        task.start();
                    })
                    .isInstanceOfSatisfying(StatusRuntimeException.class, e -> {
                        String text = String.valueOf(e.getStatus().getDescription());
                        assertThat(text).containsIgnoringCase(wrong.word());
                        if (runtime().isSubject()) {
                            assertThat(text.lines()).as("one sentence").hasSize(1);
                        }
                    });
        }
        assertThat(bed().ctr().run("task", "ls", "-q").ok().out()).doesNotContain(id);
    }

    @Test
    void failedCreateStillEndsTheOutputOfTheClient() {
        String id = Ctr.newId("faileof");
        subjectOnly("end of file on the outputs of a container that could not be created");
        Spec spec = Spec.of(bed().tag(), id, "/no/such/program");
        try (Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(bed(), id, spec)) {
            assertThatThrownBy(() -> {
                        task.create(Stdio.out(out));
                        task.start();
                    })
                    .isInstanceOf(StatusRuntimeException.class);
            assertThat(out.toEnd(SOON)).isEmpty();
        }
    }

    @Test
    void missingRootfsSourceIsNamed() {
        try (Task task = Task.container(bed(), Ctr.newId("noroot"), "true")) {
            Mount missing = Mount.newBuilder()
                    .setType("bind")
                    .setSource("/no/such/rootfs")
                    .addOptions("rbind")
                    .build();

            assertThatThrownBy(() -> task.create(Stdio.NONE, List.of(missing)))
                    .isInstanceOf(StatusRuntimeException.class)
                    .hasMessageContaining("no such file or directory");
        }
    }

    @Test
    void emptyRootfsHasNoProgram() {
        subjectOnly("nothing left in the bundle of a container without a root file system");
        try (Task task = Task.container(bed(), Ctr.newId("emptyroot"), "true")) {
            assertThatThrownBy(() -> {
                        task.create(Stdio.NONE, List.of());
                        task.start();
                    })
                    .isInstanceOf(StatusRuntimeException.class);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"../escape", "a/b", "-leading", "trailing-", "with space", "dot..dot", ""})
    void badIdsNeverReachThePaths(String id) {
        Command.Result result =
                bed().ctr().runContainer(id, List.of("--rm"), "true").run();

        assertThat(result.exit()).isNotZero();
        assertThat(result.err()).isNotBlank();
    }

    @Test
    void veryLongIdIsRefused() {
        Command.Result result = bed().ctr()
                .runContainer("x".repeat(300), List.of("--rm"), "true")
                .run();

        assertThat(result.exit()).isNotZero();
    }

    @ParameterizedTest
    @ValueSource(strings = {"../escape", "a/b", "with space"})
    void badExecIdsAreRefused(String exec) {
        try (Task task = Task.running(bed(), "badexec", "sleep", "1000")) {
            assertRefused(Status.Code.INVALID_ARGUMENT, () -> task.exec(exec, Spec.process("true"), Stdio.NONE));
        }
    }

    @Test
    void largestIdThatContainerdAllowsWorks() {
        String id = "i".repeat(76 - 8) + Ctr.newId("x").replace("x-", "y");
        try (Task task = Task.container(bed(), id, "sh", "-c", "exit 3")) {
            task.create(Stdio.NONE);
            var waiting = task.waiting("");
            task.start();
            assertThat(Task.result(waiting, SOON)).isEqualTo(3);
        }
    }

    @Test
    void clientThatNeverReadsHoldsNobodyElseUp() {
        try (Fifo never = Fifo.unread(Task.fifoPath(bed()));
                Fifo other = Fifo.reading(Task.fifoPath(bed()))) {
            String id = Ctr.newId("never");
            // The client holds the fifo open and does not read: the open succeeds, the writer stops at 64 KiB.
            try (Task blocked = Task.container(bed(), id, "dd", "if=/dev/zero", "bs=1M", "count=64", "status=none");
                    var holder = new java.io.RandomAccessFile(never.path().toFile(), "rw")) {
                blocked.create(Stdio.out(never));
                blocked.start();
                try (Task free = Task.container(bed(), Ctr.newId("free"), "echo", "quick")) {
                    free.create(Stdio.out(other));
                    free.start();
                    assertThat(other.textToEnd(SOON)).isEqualTo("quick\n");
                    assertThat(free.await("", SOON)).isZero();
                }
                assertThat(blocked.state().getPid()).isNotZero();
                blocked.kill(9);
                assertThat(blocked.await("", SOON)).isEqualTo(137);
                assertThat(holder.getFD().valid()).isTrue();
            } catch (java.io.IOException e) {
                throw new AssertionError("hold " + never.path(), e);
            }
        }
    }

    @Test
    void largeConfigurationDoesNotEndTheDaemon() {
        subjectOnly("a bound on the size of a configuration");
        long before = bed().caissondPid().orElseThrow();
        String id = Ctr.newId("huge");
        Spec spec = Spec.of(bed().tag(), id, "true")
                .with(root -> root.putObject("annotations").put("big", "x".repeat(3 << 20)));
        try (Task task = Task.container(bed(), id, spec)) {
            try {
                task.create(Stdio.NONE);
            } catch (StatusRuntimeException refused) {
                assertThat(refused.getStatus().getDescription()).isNotBlank();
            }
        }
        assertThat(bed().caissondPid()).hasValue(before);
        assertThat(Proc.lives(before)).isTrue();
    }
}
