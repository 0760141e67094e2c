package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Stdio;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.guest.GuestStreams;
import dev.caisson.kvm.plan.ProxyPlan;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Root;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The guest's half without a machine: a real monitor and the agent that it starts, with unix sockets where a guest has vsock. */
@Timeout(120)
class AgentTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int PORT = 80_000;
    private static final Path MONITOR = Path.of(System.getProperty("caisson.monitor", "../../monitor/target/caisson"))
            .toAbsolutePath()
            .normalize();

    @TempDir
    Path directory;

    private Process guest;
    private ServerSocketChannel machine;
    private MonitorPod pod;
    private GuestAgent agent;

    @BeforeEach
    void open() throws Exception {
        Path state = Files.createDirectories(directory.resolve("state"));
        Path program = directory.resolve("agent");
        String classPath = Arrays.stream(System.getProperty("java.class.path").split(":", -1))
                .map(p -> Path.of(p).toAbsolutePath().toString())
                .collect(Collectors.joining(":"));
        Files.writeString(
                program,
                "#!/bin/sh\nexec " + System.getProperty("java.home") + "/bin/java -XX:+UseSerialGC"
                        + " -XX:TieredStopAtLevel=1 --enable-native-access=ALL-UNNAMED"
                        + " --sun-misc-unsafe-memory-access=allow -Djava.library.path="
                        + Path.of(System.getProperty("java.library.path")).toAbsolutePath()
                        + " -Dcaisson.agent.host=" + directory.resolve("ports") + " -cp " + classPath
                        + " dev.caisson.agent.AgentMain \"$@\"\n");
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
        guest = new ProcessBuilder(MONITOR.toString(), "--play")
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        byte[] plan = monitorAt(directory.resolve("listener"), state, program).encode();
        try (OutputStream to = guest.getOutputStream()) {
            to.write(ByteBuffer.allocate(4)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(plan.length)
                    .array());
            to.write(plan);
        }
        machine = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        machine.bind(UnixDomainSocketAddress.of(directory.resolve("ports")));
        Thread.ofVirtual().start(this::map);
        pod = MonitorPod.open(Files.createDirectories(directory.resolve("pod")));
        agent = new GuestAgent(directory.resolve("ports"), () -> "");
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!Files.exists(directory.resolve("listener"))) {
            assertThat(System.nanoTime()).as("the monitor listens in time").isLessThan(end);
            Thread.sleep(2);
        }
    }

    /** As the end of a guest's boot plan. */
    private static LaunchPlan monitorAt(Path socket, Path state, Path program) {
        PlanBuilder p = new PlanBuilder();
        byte[] path = socket.toString().getBytes(StandardCharsets.UTF_8);
        byte[] address = ByteBuffer.allocate(3 + path.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putShort((short) 1)
                .put(path)
                .array();
        Arg.Slot listener = p.slot();
        p.callInto(listener, "socket", Sys.SOCKET, Arg.of(1), Arg.of(0x80001), Arg.ZERO);
        p.call("bind", Sys.BIND, listener, p.bytes(address), Arg.of(address.length));
        p.call("listen", Sys.LISTEN, listener, Arg.of(16));
        Arg.Data argv = p.stringArray(List.of("caisson-monitor", state.toString(), program.toString(), "guest"));
        Arg.Data environment = p.stringArray(List.of());
        p.call("dup", Sys.DUP2, listener, Arg.of(3));
        p.call("exec", Sys.EXECVE, p.string(MONITOR.toString()), argv, environment);
        return p.build();
    }

    /** What the machine does with a connection to one of the guest's ports. */
    private void map() {
        try {
            while (true) {
                SocketChannel host = machine.accept();
                StringBuilder line = new StringBuilder();
                ByteBuffer octet = ByteBuffer.allocate(1);
                while (host.read(octet) == 1 && octet.get(0) != '\n') {
                    line.append((char) octet.get(0));
                    octet.clear();
                }
                assertThat(line.toString()).isEqualTo("CONNECT " + GuestAgent.PORT);
                SocketChannel inside = SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("listener")));
                host.write(ByteBuffer.wrap("OK 1073741824\n".getBytes(StandardCharsets.US_ASCII)));
                Thread.ofVirtual().start(() -> copy(host, inside));
                Thread.ofVirtual().start(() -> copy(inside, host));
            }
        } catch (IOException e) {
            // closed: the test is over
        }
    }

    private static void copy(SocketChannel from, SocketChannel to) {
        try (from;
                to) {
            var _ = Channels.newInputStream(from).transferTo(Channels.newOutputStream(to));
        } catch (IOException e) {
            // one of them has left
        }
    }

    @AfterEach
    void close() throws Exception {
        machine.close();
        pod.close();
        // Its agent is no child of it, as a daemon of a host is none.
        guest.destroyForcibly();
        guest.waitFor();
        for (ProcessHandle each : agents()) {
            each.destroyForcibly();
        }
    }

    private List<ProcessHandle> agents() {
        String mark = "-Dcaisson.agent.host=" + directory.resolve("ports");
        return ProcessHandle.allProcesses()
                .filter(p -> commandLine(p.pid()).contains(mark))
                .toList();
    }

    private static String commandLine(long pid) {
        try {
            return Files.readString(Path.of("/proc", Long.toString(pid), "cmdline"), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return "";
        }
    }

    /** The container's init, created in the guest, and its proxy. */
    private Launch create(Bundle bundle) throws Exception {
        return create(bundle, null);
    }

    private Launch create(Bundle bundle, @Nullable Path stdin) throws Exception {
        prepare(bundle, GuestStreams.all(false));
        return proxy(bundle, PORT, stdin, directory.resolve("stdout"));
    }

    private void prepare(Bundle bundle, GuestStreams streams) throws ContainerFault {
        Spec.Builder spec = bundle.spec().toBuilder();
        spec.root = new Root(bundle.directory().resolve("rootfs").toString(), false);
        agent.prepare(bundle.id(), "", SpecWriter.write(spec.build()), streams, false, null);
    }

    /** @param port the first of its streams' */
    private Launch proxy(Bundle bundle, int port, @Nullable Path stdin, Path stdout) throws Exception {
        int io = pod.launcher().nextId();
        pod.launcher()
                .openIo(
                        io,
                        new Stdio(
                                stdin == null ? Stdio.Stream.NONE : new Stdio.Stream(Stdio.Kind.PATH, stdin.toString()),
                                new Stdio.Stream(Stdio.Kind.CREATE, stdout.toString()),
                                Stdio.Stream.NONE,
                                false));
        Launch proxy = pod.launcher()
                .spawn(
                        pod.launcher().nextId(),
                        "proxy",
                        ProxyPlan.of(
                                new ProxyPlan.Place(
                                        directory.resolve("ports").toString(),
                                        GuestAgent.PORT,
                                        directory.resolve("ports_" + port).toString(),
                                        directory.resolve("ports_" + (port + 1)).toString(),
                                        directory.resolve("ports_" + (port + 2)).toString(),
                                        false,
                                        false),
                                GuestAgent.frames(bundle.id(), "")),
                        io,
                        Set.of());
        var _ = proxy.awaitNote(ProxyPlan.NOTE_READY, PATIENCE);
        agent.connectStreams(bundle.id(), "", port, port + 1, port + 2);
        return proxy;
    }

    private void remove(Bundle bundle) throws ContainerFault {
        agent.delete(bundle.id(), "");
        agent.remove(bundle.id());
    }

    @Test
    void itGreetsAndRunsAContainer() throws Exception {
        assertThat(agent.hello(null).kernel())
                .isEqualTo(
                        Files.readString(Path.of("/proc/sys/kernel/osrelease")).strip());
        Bundle bundle = Bundle.shell(directory, "cat; echo said; exit 9");
        Launch proxy = create(bundle);
        agent.start(bundle.id(), "");
        assertThat(proxy.awaitExit(PATIENCE)).isTrue();
        assertThat(proxy.exit().join().code()).isEqualTo(9);
        assertThat(directory.resolve("stdout")).hasContent("said\n");
        remove(bundle);
        assertThat(directory.resolve("state/streams")).isEmptyDirectory();
    }

    /** As on a host: process 1 keeps what matters. */
    @Test
    void itMayBeKilledWhileAContainerRuns() throws Exception {
        Bundle bundle = Bundle.shell(directory, "echo before; read line </gate; echo after; exit 4");
        assertThat(new ProcessBuilder("mkfifo", bundle.rootfs("gate").toString())
                        .start()
                        .waitFor())
                .isZero();
        Launch proxy = create(bundle);
        agent.start(bundle.id(), "");
        List<ProcessHandle> first = agents();
        assertThat(first).hasSize(1);
        first.getFirst().destroyForcibly();
        Files.writeString(bundle.rootfs("gate"), "go\n");
        assertThat(proxy.awaitExit(PATIENCE)).isTrue();
        assertThat(proxy.exit().join().code()).isEqualTo(4);
        assertThat(directory.resolve("stdout")).hasContent("before\nafter\n");
        // The exit was told by process 1, perhaps before the next agent was there.
        remove(bundle);
        assertThat(agents()).isNotEqualTo(first).hasSize(1);
    }

    /** As of a machine that was written down and goes on: its streams are somebody else's then, and nothing of them is lost. */
    @Test
    void streamsGetOtherEndsWhileTheirContainerIsPaused() throws Exception {
        Bundle bundle = Bundle.shell(directory, "echo before; read word; echo $word; exit 4");
        Path silent = directory.resolve("silent");
        assertThat(new ProcessBuilder("mkfifo", silent.toString()).start().waitFor())
                .isZero();
        try (var _ = new java.io.RandomAccessFile(silent.toFile(), "rw")) {
            Launch first = create(bundle, silent);
            agent.start(bundle.id(), "");
            long end = System.nanoTime() + PATIENCE.toNanos();
            while (!Files.readString(directory.resolve("stdout")).equals("before\n")) {
                assertThat(System.nanoTime()).as("its word comes in time").isLessThan(end);
                Thread.sleep(2);
            }
            agent.pause(bundle.id());
            agent.settle(List.of(bundle.id()));
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(() -> agent.settle(List.of("another")))
                    .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.WRONG_STATE))
                    .withMessageContaining("something else than another runs");
            Path in = Files.writeString(directory.resolve("second-stdin"), "after\n");
            Launch second = proxy(bundle, PORT + 3, in, directory.resolve("second-stdout"));
            agent.resume(bundle.id());
            assertThat(second.awaitExit(PATIENCE)).isTrue();
            assertThat(second.exit().join().code()).isEqualTo(4);
            assertThat(directory.resolve("second-stdout")).hasContent("after\n");
            assertThat(first.awaitExit(PATIENCE)).isTrue();
            assertThat(directory.resolve("stdout")).hasContent("before\n");
        }
        remove(bundle);
    }

    /** As of a container that nobody listened to, and that goes on where somebody would. */
    @Test
    void streamsThatItWasMadeWithoutAreAtTheirEnd() throws Exception {
        Bundle bundle = Bundle.shell(directory, "cat && echo lost && exit 3");
        prepare(bundle, new GuestStreams(false, false, false, false));
        Launch proxy = proxy(bundle, PORT, null, directory.resolve("stdout"));
        agent.start(bundle.id(), "");
        assertThat(proxy.awaitExit(PATIENCE)).isTrue();
        assertThat(proxy.exit().join().code()).isEqualTo(3);
        assertThat(directory.resolve("stdout")).isEmptyFile();
        remove(bundle);
    }

    @Test
    void whatIsWrongIsSaid() {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> agent.prepare("c", "no-such-disk", new byte[0], GuestStreams.all(false), false, null))
                .withMessageContaining("no-such-disk")
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.NOT_FOUND));
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> agent.streams("../c", "", GuestStreams.all(false)))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.INVALID));
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> agent.start("nobody", ""))
                .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.NOT_FOUND));
    }
}
