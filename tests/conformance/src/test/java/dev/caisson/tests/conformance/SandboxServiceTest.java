package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.caisson.tests.api.cri.NamespaceMode;
import dev.caisson.tests.api.cri.NamespaceOption;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.ttrpc.Code;
import dev.caisson.ttrpc.TtrpcException;
import dev.caisson.ttrpc.proto.sandbox.PingRequest;
import dev.caisson.ttrpc.proto.sandbox.PingResponse;
import dev.caisson.ttrpc.proto.sandbox.PlatformRequest;
import dev.caisson.ttrpc.proto.sandbox.PlatformResponse;
import dev.caisson.ttrpc.proto.sandbox.SandboxMetricsRequest;
import dev.caisson.ttrpc.proto.sandbox.SandboxMetricsResponse;
import dev.caisson.ttrpc.proto.sandbox.SandboxStatusResponse;
import dev.caisson.ttrpc.proto.sandbox.StartSandboxResponse;
import dev.caisson.ttrpc.proto.task.ConnectRequest;
import dev.caisson.ttrpc.proto.task.ConnectResponse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** The Sandbox service and the members of a sandbox, over plain ttrpc. */
class SandboxServiceTest extends ShimRigSuite {
    private static final Duration SOON = Duration.ofSeconds(15);
    private static final long SELF = ProcessHandle.current().pid();
    private static final String[] IDLE = {"sleep", "1000"};

    private SandboxPod sandbox() {
        return new SandboxPod(rig, "sb");
    }

    private SandboxPod running() {
        SandboxPod pod = sandbox().create();
        pod.start();
        return pod;
    }

    private static void assertRefused(Code code, String text, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOfSatisfying(TtrpcException.class, e -> {
            assertThat(e.code()).isEqualTo(code);
            assertThat(e).hasMessageContaining(text);
        });
    }

    private static String namespace(long pid, String type) {
        return Proc.link(pid, "ns/" + type);
    }

    /** Sets, replaces or with an empty path adds a namespace entry. */
    private static void namespace(Spec spec, String type, String path) {
        withoutNamespace(spec, type);
        ObjectNode entry = ((ArrayNode) spec.tree().at("/linux/namespaces")).addObject();
        entry.put("type", type);
        if (!path.isEmpty()) {
            entry.put("path", path);
        }
    }

    private static void withoutNamespace(Spec spec, String type) {
        Iterator<com.fasterxml.jackson.databind.JsonNode> all =
                spec.tree().at("/linux/namespaces").iterator();
        while (all.hasNext()) {
            if (all.next().path("type").asText().equals(type)) {
                all.remove();
            }
        }
    }

    @Test
    void lifecycle() {
        SandboxPod pod = sandbox().create();
        assertThat(pod.status().getState()).isEqualTo("SANDBOX_NOTREADY");

        StartSandboxResponse started = pod.start();

        assertThat(Proc.lives(started.getPid())).isTrue();
        assertThat(pod.status().getState()).isEqualTo("SANDBOX_READY");
        CompletableFuture<?> waiting = pod.waiting();
        Await.sleep(Duration.ofMillis(200));
        assertThat(waiting.isDone()).isFalse();
        pod.stop();
        SandboxPod.get(waiting);
        assertThat(Proc.lives(started.getPid())).isFalse();
        pod.shutdown();
        rig.assertNothingLeft();
    }

    @Test
    void platformPingMetricsAndConnect() {
        SandboxPod pod = running();

        PlatformResponse platform = pod.sandbox(
                "Platform", PlatformRequest.newBuilder().setSandboxId("sb").build(), PlatformResponse.parser());
        assertThat(platform.getPlatform().getOs()).isEqualTo("linux");
        assertThat(platform.getPlatform().getArchitecture()).isEqualTo("amd64");
        pod.sandbox("PingSandbox", PingRequest.newBuilder().setSandboxId("sb").build(), PingResponse.parser());
        SandboxMetricsResponse metrics = pod.sandbox(
                "SandboxMetrics",
                SandboxMetricsRequest.newBuilder().setSandboxId("sb").build(),
                SandboxMetricsResponse.parser());
        assertThat(metrics.getMetrics().getId()).isEqualTo("sb");
        assertThat(metrics.getMetrics().getData().getTypeUrl()).contains("io.containerd.cgroups.v");
        ConnectResponse connected =
                pod.task("Connect", ConnectRequest.newBuilder().setId("sb").build(), ConnectResponse.parser());
        assertThat(rig.monitors()).contains(Integer.toUnsignedLong(connected.getShimPid()));
    }

    @Test
    void unknownSandboxIsNotFound() {
        SandboxPod pod = running();
        PingRequest other = PingRequest.newBuilder().setSandboxId("other").build();

        assertRefused(Code.NOT_FOUND, "other", () -> pod.sandbox("PingSandbox", other, PingResponse.parser()));
    }

    @Test
    void creatingTwiceIsRejected() {
        SandboxPod pod = running();

        assertRefused(Code.ALREADY_EXISTS, "already exists", pod::create);
        assertThat(pod.status().getState()).isEqualTo("SANDBOX_READY");
    }

    @Test
    void startWithoutCreateIsRejected() {
        SandboxPod pod = sandbox();

        assertRefused(Code.FAILED_PRECONDITION, "precondition", pod::start);
    }

    @Test
    void stopIsIdempotentAndTheStatusStays() {
        SandboxPod pod = running();
        pod.stop();

        SandboxStatusResponse status = pod.status();
        assertThat(status.getState()).isEqualTo("SANDBOX_NOTREADY");
        assertThat(status.getExitedAt().getSeconds())
                .isGreaterThanOrEqualTo(status.getCreatedAt().getSeconds());
        assertThat(status.getExitedAt().getSeconds()).isPositive();
        pod.stop();
        assertThat(pod.status().getState()).isEqualTo("SANDBOX_NOTREADY");
        SandboxPod.get(pod.waiting());
    }

    @Test
    void statusTellsPidTimeAndDetails() {
        SandboxPod pod = sandbox().create();
        long begin = System.currentTimeMillis() / 1000;
        int pid = pod.start().getPid();

        SandboxStatusResponse status = pod.status();

        assertThat(status.getPid()).isEqualTo(pid);
        assertThat(status.getCreatedAt().getSeconds()).isBetween(begin - 5, begin + 5);
        assertThat(status.getInfoMap())
                .containsEntry("pid", Integer.toString(pid))
                .containsEntry("state", "SANDBOX_READY");
    }

    @Test
    void membersComeAndGoIndependently() {
        SandboxPod pod = running();
        long one = pod.member("one", IDLE);
        long two = pod.member("two", IDLE);
        CompletableFuture<?> twoEnds = pod.waiting("two", "");
        pod.createMember("three", "sh", "-c", "exit 7");
        var threeEnds = pod.waiting("three", "");
        pod.startProcess("three", "");

        assertThat(SandboxPod.get(threeEnds).getExitStatus()).isEqualTo(7);
        assertThat(pod.delete("three", "").getExitStatus()).isEqualTo(7);
        assertThat(rig.monitors()).hasSize(1);
        pod.kill("one", 9, true);
        assertThat(SandboxPod.get(pod.waiting("one", "")).getExitStatus()).isEqualTo(137);
        pod.delete("one", "");
        assertThat(Proc.lives(one)).isFalse();
        assertThat(Proc.lives(two)).isTrue();
        assertThat(twoEnds.isDone()).isFalse();
        assertThat(pod.status().getState()).isEqualTo("SANDBOX_READY");
        long again = pod.member("one", IDLE);
        assertThat(Proc.lives(again)).isTrue();

        pod.stop();

        SandboxPod.get(twoEnds);
        Await.until("members end with their sandbox", SOON, () -> !Proc.lives(two) && !Proc.lives(again));
    }

    @Test
    void execInAMember() {
        SandboxPod pod = running();
        pod.member("m", IDLE);

        assertThat(pod.exec("m", "x", "sh", "-c", "exit 42")).isEqualTo(42);
    }

    @Test
    void membersShareTheNetworkWhateverTheirSpecificationAsks() {
        SandboxPod pod = running();
        int sandbox = pod.status().getPid();
        String network = namespace(sandbox, "net");
        assertThat(network).isNotEqualTo(namespace(SELF, "net"));

        long fresh = pod.member("fresh", spec -> namespace(spec, "network", ""), IDLE);
        long none = pod.member("none", spec -> withoutNamespace(spec, "network"), IDLE);
        long path = pod.member("path", spec -> namespace(spec, "network", "/proc/1/ns/net"), IDLE);

        assertThat(List.of(fresh, none, path))
                .allSatisfy(pid -> assertThat(namespace(pid, "net")).isEqualTo(network));
    }

    @Test
    void ipcAndUtsAreSharedWhereAPathAsksAndPlaceholdersAreNotJoined() {
        SandboxPod pod = running();
        int sandbox = pod.status().getPid();
        Consumer<Spec> shared = spec -> {
            namespace(spec, "ipc", "/proc/1/ns/ipc");
            namespace(spec, "uts", "/proc/1/ns/uts");
        };

        long one = pod.member("one", shared, IDLE);
        long two = pod.member("two", shared, IDLE);
        long own = pod.member("own", IDLE);

        for (String type : List.of("ipc", "uts")) {
            assertThat(namespace(sandbox, type)).isNotEqualTo(namespace(SELF, type));
            assertThat(namespace(one, type)).as(type).isEqualTo(namespace(sandbox, type));
            assertThat(namespace(two, type)).as(type).isEqualTo(namespace(sandbox, type));
            assertThat(namespace(own, type))
                    .as(type)
                    .isNotEqualTo(namespace(sandbox, type))
                    .isNotEqualTo(namespace(SELF, type));
        }
        assertThat(namespace(one, "pid")).isNotEqualTo(namespace(two, "pid"));
    }

    @Test
    void devShmIsSharedWithTheIpcNamespaceOnly() {
        SandboxPod pod = running();
        Consumer<Spec> shared = spec -> namespace(spec, "ipc", "/proc/1/ns/ipc");
        pod.member("one", shared, IDLE);
        pod.member("two", shared, IDLE);
        pod.member("own", IDLE);

        assertThat(pod.exec("one", "w", "sh", "-c", "echo note > /dev/shm/note"))
                .isZero();

        assertThat(pod.exec("two", "r", "grep", "note", "/dev/shm/note")).isZero();
        assertThat(pod.exec("own", "r", "test", "-e", "/dev/shm/note")).isEqualTo(1);
        pod.shutdown();
        rig.assertNothingLeft();
    }

    @Test
    void processesAreSharedWhereThePodAsksAndKillStaysInsideTheMember() {
        SandboxPod pod = sandbox();
        pod.create(SandboxPod.config(rig, NamespaceOption.newBuilder().setPid(NamespaceMode.POD)), "");
        int sandbox = pod.start().getPid();
        Consumer<Spec> shared = spec -> namespace(spec, "pid", "/proc/1/ns/pid");
        long one = pod.member("one", shared, "sh", "-c", "sleep 1001 & sleep 1002 & wait");
        long two = pod.member("two", shared, IDLE);
        assertThat(namespace(one, "pid")).isEqualTo(namespace(sandbox, "pid")).isNotEqualTo(namespace(SELF, "pid"));
        assertThat(namespace(two, "pid")).isEqualTo(namespace(sandbox, "pid"));
        Await.until("three processes of one", SOON, () -> pod.pids("one").getProcessesCount() == 3);
        assertThat(pod.pids("two").getProcessesCount()).isEqualTo(1);
        List<Long> ofOne = pod.pids("one").getProcessesList().stream()
                .map(each -> Integer.toUnsignedLong(each.getPid()))
                .toList();
        var ends = pod.waiting("one", "");

        pod.kill("one", 9, true);

        assertThat(SandboxPod.get(ends).getExitStatus()).isEqualTo(137);
        Await.until("all of one are gone", SOON, () -> ofOne.stream().noneMatch(Proc::lives));
        assertThat(Proc.lives(two)).isTrue();
        assertThat(Proc.lives(sandbox)).isTrue();
    }

    @Test
    void hostNetworkHasNoNetworkSandbox() {
        SandboxPod pod = sandbox();
        pod.create(SandboxPod.config(rig, SandboxPod.ownProcesses().setNetwork(NamespaceMode.NODE)), "");
        int sandbox = pod.start().getPid();

        long member = pod.member("m", spec -> withoutNamespace(spec, "network"), IDLE);

        assertThat(namespace(sandbox, "net")).isEqualTo(namespace(SELF, "net"));
        assertThat(namespace(member, "net")).isEqualTo(namespace(SELF, "net"));
        assertThat(pod.status().getInfoMap()).doesNotContainKey("networkSandboxPath");
    }

    @Test
    void networkNamespaceOfTheCallerIsUsedAndTold() {
        Command.of("ip", "netns", "add", rig.tag()).run().ok();
        try {
            Path netns = Path.of("/run/netns", rig.tag());
            SandboxPod pod = sandbox();
            pod.create(SandboxPod.config(rig, SandboxPod.ownProcesses()), netns.toString());
            pod.start();

            long member = pod.member("m", IDLE);

            String inode = Command.of("stat", "-L", "-c", "net:[%i]", netns.toString())
                    .run()
                    .ok()
                    .out()
                    .strip();
            assertThat(namespace(member, "net")).isEqualTo(inode);
            assertThat(pod.status().getInfoMap()).containsEntry("networkSandboxPath", netns.toString());
        } finally {
            Command.of("ip", "netns", "del", rig.tag()).run();
        }
    }

    @Test
    void placeholderFileInsteadOfANetworkNamespaceIsLeftAlone() throws IOException {
        Path file = Files.writeString(rig.dir().resolve("netns"), "not a namespace");
        SandboxPod pod = sandbox();

        pod.create(SandboxPod.config(rig, SandboxPod.ownProcesses()), file.toString());
        int sandbox = pod.start().getPid();

        assertThat(namespace(sandbox, "net")).isNotEqualTo(namespace(SELF, "net"));
        assertThat(Files.readString(file)).isEqualTo("not a namespace");
        assertThat(HostSnapshot.mountsOf(file.toString())).isEmpty();
        assertThat(pod.status().getInfoMap()).containsEntry("networkSandboxPath", file.toString());
    }

    @Test
    void shutdownReleasesEverythingOfLiveMembersToo() {
        SandboxPod pod = running();
        long one = pod.member("one", "sh", "-c", "sleep 1001 & wait");
        pod.createMember("created", IDLE);

        pod.shutdown();

        rig.assertNothingLeft();
        assertThat(Proc.lives(one)).isFalse();
        // containerd runs delete afterwards all the same.
        rig.delete("sb").run().ok();
    }

    @Test
    void shutdownWithoutCreateEndsTheMonitor() {
        SandboxPod pod = sandbox();

        pod.shutdown();

        rig.assertNothingLeft();
    }

    @Test
    void daemonKilledAtEveryStep() {
        SandboxPod pod = sandbox();
        rig.killCaissond();
        pod.create();
        rig.killCaissond();
        int sandbox = pod.start().getPid();
        CompletableFuture<?> waiting = pod.waiting();
        rig.killCaissond();
        long member = pod.member("m", spec -> namespace(spec, "ipc", "/proc/1/ns/ipc"), IDLE);
        rig.killCaissond();
        assertThat(pod.exec("m", "x", "sh", "-c", "exit 42")).isEqualTo(42);
        assertThat(namespace(member, "ipc")).isEqualTo(namespace(sandbox, "ipc"));
        rig.killCaissond();
        assertThat(pod.status().getState()).isEqualTo("SANDBOX_READY");
        assertThat(pod.status().getPid()).isEqualTo(sandbox);
        assertThat(waiting.isDone()).isFalse();
        rig.killCaissond();
        pod.stop();
        SandboxPod.get(waiting);
        rig.killCaissond();
        assertThat(pod.status().getState()).isEqualTo("SANDBOX_NOTREADY");
        assertThat(pod.status().getExitedAt().getSeconds()).isPositive();
        rig.killCaissond();
        pod.shutdown();
        rig.assertNothingLeft();
    }

    @Test
    void sandboxThatDiesIsNotReady() {
        SandboxPod pod = running();
        CompletableFuture<?> waiting = pod.waiting();

        Command.of("kill", "-KILL", Integer.toString(pod.status().getPid()))
                .run()
                .ok();

        SandboxPod.get(waiting);
        assertThat(pod.status().getState()).isEqualTo("SANDBOX_NOTREADY");
        pod.shutdown();
        rig.assertNothingLeft();
    }
}
