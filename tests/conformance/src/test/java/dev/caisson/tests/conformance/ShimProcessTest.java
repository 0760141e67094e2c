package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.ShimRig;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.Spec;
import dev.caisson.ttrpc.CallOptions;
import dev.caisson.ttrpc.Code;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.TtrpcException;
import dev.caisson.ttrpc.proto.runc.Options;
import dev.caisson.ttrpc.proto.task.CreateTaskResponse;
import dev.caisson.ttrpc.proto.task.StartRequest;
import dev.caisson.ttrpc.proto.task.StartResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a pod's processes inherit and what they do not, and the options that say so. */
class ShimProcessTest extends ShimRigSuite {
    private static final Duration SOON = Duration.ofSeconds(10);

    private static byte[] shimCgroup(String path) {
        return Any.newBuilder()
                .setTypeUrl("containerd.runc.v1.Options")
                .setValue(Options.newBuilder().setShimCgroup(path).build().toByteString())
                .build()
                .toByteArray();
    }

    private void create(TtrpcClient client, String id, Spec spec, Any options, String stdout)
            throws IOException, InterruptedException {
        Files.createDirectories(rig.bundle(id).resolve("rootfs"));
        Files.write(
                rig.bundle(id).resolve("config.json"), spec.toAny().getValue().toByteArray());
        client.call(
                ServiceNames.TASK_V2,
                "Create",
                rig.createRequest(id).setStdout(stdout).setOptions(options).build(),
                CreateTaskResponse.parser(),
                CallOptions.timeout(SOON));
    }

    @Test
    void monitorIsKilledForMemoryBeforeContainerd() {
        rig.start("c1").run().ok();

        int own = Integer.parseInt(
                Proc.read(ProcessHandle.current().pid(), "oom_score_adj").strip());
        assertThat(Integer.parseInt(
                        Proc.read(rig.monitors().getFirst(), "oom_score_adj").strip()))
                .isEqualTo(Math.min(own + 1, 1000));
    }

    @Test
    void monitorLivesInTheShimCgroup() throws IOException {
        Path group = Path.of("/sys/fs/cgroup", Files.isDirectory(Path.of("/sys/fs/cgroup/pids")) ? "pids" : "")
                .resolve("shims-of-" + rig.tag());
        Files.createDirectory(group);
        try {
            rig.start("c1").stdin(shimCgroup("/" + group.getFileName())).run().ok();

            long monitor = rig.monitors().getFirst();
            assertThat(Files.readAllLines(group.resolve("cgroup.procs"))).containsExactly(Long.toString(monitor));
            rig.delete("c1").run().ok();
            Await.until("the monitor ends", SOON, () -> !Proc.lives(monitor));
            assertThat(group).isDirectory(); // it is the administrator's
        } finally {
            Await.until("the group can be removed", SOON, () -> group.toFile().delete());
        }
        rig.assertNothingLeft();
    }

    @Test
    void missingShimCgroupIsNamedAndLeavesNothing() {
        Command.Result started =
                rig.start("c1").stdin(shimCgroup("/no-such-" + rig.tag())).run();

        assertThat(started.exit()).isEqualTo(1);
        assertThat(started.err()).contains("shim_cgroup /no-such-" + rig.tag() + " does not exist");
        rig.assertNothingLeft();
        assertThat(HostSnapshot.cgroupsOf("no-such-" + rig.tag())).isEmpty();
    }

    @Test
    void coreSchedulingIsAskedForAndNoErrorWithoutIt() {
        rig.start("c1").env(Map.of("SCHED_CORE", "1")).run().ok();

        assertThat(rig.monitors()).hasSize(1);
    }

    @Test
    void limitOfOpenFilesIsTheCallersAndNotTheDaemons() throws IOException, InterruptedException {
        Skip.unless(Command.find("prlimit").isPresent(), "a limit of open files", "prlimit(1) of util-linux");
        rig.delete("nobody").run().ok(); // starts a daemon with this JVM's own limit, which is another
        String id = Ctr.newId("nofile");
        List<String> argv = new ArrayList<>(List.of("prlimit", "--nofile=1234:4321"));
        argv.addAll(rig.start(id).argv());
        Command.Result started = Command.of(argv)
                .in(rig.bundle(id))
                .env(Map.of("CAISSON_STATE_DIR", rig.state().toString(), "CAISSON_TEST_BED", rig.tag()))
                .run()
                .ok();
        Path out = rig.dir().resolve("out");
        Spec spec = Spec.of(rig.tag(), id, "sh", "-c", "ulimit -n; ulimit -Hn")
                .with(tree -> ((com.fasterxml.jackson.databind.node.ObjectNode) tree.get("process")).remove("rlimits"));
        TtrpcClient client = rig.connect(ShimRig.socketOf(started.out()));
        create(client, id, spec, Any.getDefaultInstance(), "file://" + out);
        client.call(
                ServiceNames.TASK_V2,
                "Start",
                StartRequest.newBuilder().setId(id).build(),
                StartResponse.parser(),
                CallOptions.timeout(SOON));

        Await.until(
                () -> "two limits in " + text(out),
                SOON,
                () -> text(out).lines().count() == 2);
        assertThat(text(out)).isEqualTo("1234\n4321\n");
        rig.delete(id).run().ok();
        rig.assertNothingLeft();
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException notYet) {
            return "";
        }
    }

    @Test
    void unknownOptionOfTheCriIsRefusedByName() {
        String id = Ctr.newId("options");
        Path socket = ShimRig.socketOf(rig.start(id).run().ok().out());
        TtrpcClient client = rig.connect(socket);
        Any options = Any.newBuilder()
                .setTypeUrl("runtimeoptions.v1.Options")
                .setValue(dev.caisson.ttrpc.proto.runtimeoptions.Options.newBuilder()
                        .setConfigBody(ByteString.copyFromUtf8("SystemdCgroup = false\nHypervisor = \"qemu\"\n"))
                        .build()
                        .toByteString())
                .build();

        assertThatThrownBy(() -> create(client, id, Spec.of(rig.tag(), id, "true"), options, ""))
                .isInstanceOfSatisfying(
                        TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.INVALID_ARGUMENT))
                .hasMessageContaining("unknown option \"hypervisor\"");
        rig.delete(id).run().ok();
        rig.assertNothingLeft();
    }

    /** In a container of its own the command is process 1, and is no init for that. */
    @Test
    void commandAsProcessOneIsACommand() {
        Command.Result version = Command.of(
                        "unshare",
                        "--pid",
                        "--fork",
                        rig.prefix().resolve("bin/containerd-shim-caisson-v2").toString(),
                        "-v")
                .timeout(SOON)
                .run()
                .ok();

        assertThat(version.out()).startsWith("containerd-shim-caisson-v2 version ");
    }
}
