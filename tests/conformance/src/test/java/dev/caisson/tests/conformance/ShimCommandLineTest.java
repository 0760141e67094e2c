package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.ExtensionRegistryLite;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.ShimRig;
import dev.caisson.tests.support.Spec;
import dev.caisson.ttrpc.CallOptions;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.proto.bootstrap.BootstrapResult;
import dev.caisson.ttrpc.proto.task.ConnectRequest;
import dev.caisson.ttrpc.proto.task.ConnectResponse;
import dev.caisson.ttrpc.proto.task.DeleteResponse;
import dev.caisson.ttrpc.proto.types.RuntimeInfo;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** The shim binary's command line: what {@code start}, {@code delete}, {@code -info} and {@code -v} answer to whom. */
class ShimCommandLineTest extends ShimRigSuite {
    /** The answer is a plain address, nothing else was printed, and the address serves Task version 2. */
    private Path assertPlainAddress(Command.Result result) {
        result.ok();
        assertThat(result.err()).isEmpty();
        assertThat(result.out()).startsWith("unix:///").doesNotContain("\n");
        Path socket = ShimRig.socketOf(result.out());
        assertServes(socket, ServiceNames.TASK_V2);
        return socket;
    }

    private void assertServes(Path socket, String service) {
        try {
            ConnectResponse connected = rig.connect(socket)
                    .call(
                            service,
                            "Connect",
                            ConnectRequest.newBuilder().setId("c1").build(),
                            ConnectResponse.parser(),
                            CallOptions.timeout(Duration.ofSeconds(10)));
            assertThat(rig.monitors()).contains(Integer.toUnsignedLong(connected.getShimPid()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    private static byte[] legacyOptions() {
        return Any.newBuilder()
                .setTypeUrl("containerd.runc.v1.Options")
                .setValue(ByteString.EMPTY)
                .build()
                .toByteArray();
    }

    @Test
    void legacyOptionsAreAnsweredWithAPlainAddress() throws IOException {
        Path socket = assertPlainAddress(rig.start("c1").stdin(legacyOptions()).run());

        assertThat(Files.readString(rig.bundle("c1").resolve("address"))).isEqualTo("unix://" + socket);
    }

    @Test
    void noOptionsAreAnsweredWithAPlainAddress() {
        assertPlainAddress(rig.start("c1").run());
    }

    @Test
    void garbageIsTakenForNoOptions() {
        long seed = Long.getLong("caisson.seed", System.nanoTime());
        System.out.println("garbageIsTakenForNoOptions: -Dcaisson.seed=" + seed);
        SplittableRandom random = new SplittableRandom(seed);
        for (int round = 0; round < 5; round++) {
            byte[] garbage = new byte[random.nextInt(1, 2000)];
            random.nextBytes(garbage);
            assertPlainAddress(rig.start("c1").stdin(garbage).run());
        }
        assertThat(rig.monitors()).hasSize(1);
    }

    @Test
    void bootstrapParametersAreAnsweredWithVersionThree() throws InvalidProtocolBufferException {
        Command.Result result = rig.start("c1")
                .stdin(rig.bootstrap("c1").build().toByteArray())
                .run()
                .ok();

        assertThat(result.err()).isEmpty();
        BootstrapResult answer = BootstrapResult.parseFrom(result.stdout(), ExtensionRegistryLite.getEmptyRegistry());
        assertThat(answer.getVersion()).isEqualTo(3);
        assertThat(answer.getProtocol()).isEqualTo("ttrpc");
        // containerd 2.3 trims the answer before it parses it.
        assertThat(result.out().strip()).isEqualTo(result.out());
        assertServes(ShimRig.socketOf(answer.getAddress()), ServiceNames.TASK_V2);
        assertServes(ShimRig.socketOf(answer.getAddress()), ServiceNames.TASK_V3);
    }

    @Test
    void bootstrapParametersOfAnotherIdAreNotBelieved() {
        assertPlainAddress(
                rig.start("c1").stdin(rig.bootstrap("c2").build().toByteArray()).run());
    }

    @Test
    void socketDirectoryOfTheParametersIsUsed() {
        Path sockets = rig.dir().resolve("so");

        byte[] answer = rig.start("c1")
                .stdin(rig.bootstrap("c1")
                        .setSocketDir(sockets.toString())
                        .build()
                        .toByteArray())
                .run()
                .ok()
                .stdout();

        assertThat(new String(answer, StandardCharsets.UTF_8)).contains("unix://" + sockets + "/");
    }

    @Test
    void flagsInEveryForm() {
        String address = rig.dir().resolve("c.sock").toString();
        Path bundle = rig.bundle("c1");
        List<List<String>> forms = List.of(
                List.of("-namespace", "rig", "-id", "c1", "-address", address, "start"),
                List.of("--namespace", "rig", "--id", "c1", "--address", address, "start"),
                List.of("-namespace=rig", "-id=c1", "-address=" + address, "start"),
                List.of("--namespace=rig", "--id=c1", "--address=" + address, "start"),
                List.of(
                        "-debug",
                        "-namespace",
                        "rig",
                        "-publish-binary",
                        "/usr/bin/containerd",
                        "-id",
                        "c1",
                        "-address",
                        address,
                        "start"),
                List.of(
                        "-debug=true",
                        "-namespace",
                        "rig",
                        "-unknown",
                        "value",
                        "--newer=value",
                        "-id",
                        "c1",
                        "-address",
                        address,
                        "start"));
        Path first = null;
        for (List<String> form : forms) {
            Path socket = assertPlainAddress(
                    rig.shim(bundle, form.toArray(String[]::new)).run());
            assertThat(first == null || first.equals(socket))
                    .as(form.toString())
                    .isTrue();
            first = socket;
        }
        assertThat(rig.monitors()).hasSize(1);
    }

    @Test
    void missingOrHostileIdsAreRefused() {
        Path bundle = rig.bundle("c1");
        for (String id : List.of("", "a/b", "..", "x".repeat(300), "-dash")) {
            Command.Result refused =
                    rig.shim(bundle, "-namespace", "rig", "-id=" + id, "start").run();

            assertThat(refused.exit()).as("id \"" + id + "\"").isNotZero();
            assertThat(refused.out()).isEmpty();
            assertThat(refused.err()).contains("id");
        }
        assertThat(rig.shim(bundle, "-id", "c1", "start").run().err()).contains("namespace");
        rig.assertNothingLeft();
    }

    @Test
    void unknownActionSaysHowItIsUsed() {
        Command.Result refused = rig.shim(rig.bundle("c1"), "-namespace", "rig", "-id", "c1", "explode")
                .run();

        assertThat(refused.exit()).isNotZero();
        assertThat(refused.err()).contains("usage");
    }

    @Test
    void infoNeedsNoIdsAndGivesTheOptionsBack() throws InvalidProtocolBufferException {
        for (int round = 0; round < 2; round++) { // by the daemon, or from its file
            byte[] answer = rig.shim(rig.dir(), "-info")
                    .stdin(legacyOptions())
                    .run()
                    .ok()
                    .stdout();

            RuntimeInfo info = RuntimeInfo.parseFrom(answer);
            assertThat(info.getName()).contains("caisson");
            assertThat(info.getVersion().getVersion()).isNotEmpty();
            assertThat(info.getFeatures().getTypeUrl())
                    .isEqualTo("types.containerd.io/opencontainers/runtime-spec/1/features/Features");
            assertThat(info.getFeatures().getValue().toStringUtf8()).contains("\"ociVersionMin\"", "\"mountOptions\"");
            assertThat(info.getOptions().getTypeUrl()).isEqualTo("containerd.runc.v1.Options");
        }
    }

    @Test
    void versionNeedsNothing() {
        for (String flag : List.of("-v", "--version", "-version")) {
            Command.Result version = rig.shim(rig.dir(), flag).run().ok();
            assertThat(version.out()).contains("containerd-shim-caisson-v2").contains("version");
        }
        assertThat(rig.caissondPid()).isEmpty();
    }

    @Test
    void deleteWorksWithoutAnythingAndTwice() throws IOException {
        for (int round = 0; round < 2; round++) {
            Command.Result deleted = rig.delete("never").run().ok();
            DeleteResponse answer = DeleteResponse.parseFrom(deleted.stdout());
            assertThat(answer.getExitStatus()).isEqualTo(137);
            assertThat(answer.getExitedAt().getSeconds()).isPositive();
            rig.killCaissond();
        }
        rig.start("c1").run().ok();
        assertThat(rig.monitors()).hasSize(1);
        rig.killCaissond();
        rig.delete("c1").run().ok();
        rig.delete("c1").run().ok();
        rig.assertNothingLeft();
        Path gone = rig.dir().resolve("b/gone");
        rig.shim(rig.dir(), "-namespace", "rig", "-id", "gone", "-bundle", gone.toString(), "delete")
                .run()
                .ok();
    }

    @Test
    void twentyConcurrentStartsOfOneGroupShareOneMonitor()
            throws IOException, InterruptedException, ExecutionException {
        try (ExecutorService pool = Executors.newFixedThreadPool(20)) {
            List<Future<Command.Result>> starts = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                String id = "g" + i;
                Spec spec = Spec.of(rig.tag(), id, "true");
                spec.tree().putObject("annotations").put("io.kubernetes.cri.sandbox-id", "group");
                Files.write(
                        rig.bundle(id).resolve("config.json"),
                        spec.toAny().getValue().toByteArray());
                starts.add(pool.submit(() -> rig.start(id).run()));
            }
            String address = "";
            for (Future<Command.Result> start : starts) {
                String answer = start.get().ok().out();
                assertThat(address.isEmpty() || address.equals(answer)).isTrue();
                address = answer;
            }
            assertThat(rig.monitors()).hasSize(1);
        }
    }

    @Test
    void staleSocketOfADeadMonitorIsReplaced() throws IOException {
        Path socket = assertPlainAddress(rig.start("c1").run());
        long monitor = rig.monitors().getFirst();
        Command.of("kill", "-KILL", Long.toString(monitor)).run().ok();
        rig.delete("c1").run().ok();
        Files.deleteIfExists(socket);
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(socket));
        }
        assertThat(Files.exists(socket)).isTrue(); // and nobody listens

        Path again = assertPlainAddress(rig.start("c1").run());

        assertThat(again).isEqualTo(socket);
        assertThat(Proc.lives(monitor)).isFalse();
        rig.delete("c1").run().ok();
        rig.assertNothingLeft();
    }

    @Test
    void environmentThatWouldBreakAJvmDoesNoHarm() {
        assertPlainAddress(rig.start("c1")
                .env(Map.of("_JAVA_OPTIONS", "-Xmx1k", "LD_PRELOAD", "/nonexistent.so", "GOMAXPROCS", "2"))
                .run());
    }
}
