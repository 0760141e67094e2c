package dev.caisson.tests.support;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.netty.UnixTransport;
import dev.caisson.ttrpc.proto.bootstrap.BootstrapParams;
import dev.caisson.ttrpc.proto.bootstrap.BootstrapResult;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;
import dev.caisson.ttrpc.proto.types.Mount;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * The shim binary without a containerd: this JVM runs {@code start} and {@code delete} and speaks ttrpc to the address that comes
 * back. Everything lies in one short directory under /tmp whose name is in every process's environment or paths.
 */
public final class ShimRig implements AutoCloseable {
    /** The containerd namespace of the rig. */
    public static final String NAMESPACE = "rig";

    private static final Duration SOON = Duration.ofSeconds(10);

    private final Path prefix;
    private final String tag;
    private final Path dir;
    private final UnixTransport transport = new UnixTransport();

    private ShimRig(Path prefix, String tag) {
        this.prefix = prefix;
        this.tag = tag;
        this.dir = Path.of("/tmp", tag);
    }

    /** Makes the directory; skips the running test when there is no installation. */
    public static ShimRig open() {
        Optional<Path> prefix = RuntimeUnderTest.installation();
        Skip.unless(prefix.isPresent(), "the shim binary by itself", "CAISSON_PREFIX (./dev install PREFIX)");
        SplittableRandom random = new SplittableRandom();
        ShimRig rig = new ShimRig(prefix.orElseThrow(), "cr" + Long.toString(random.nextLong(1L << 24, 1L << 30), 36));
        try {
            Files.createDirectories(rig.state());
            Files.createDirectories(rig.dir.resolve("b"));
        } catch (IOException e) {
            throw new UncheckedIOException("create " + rig.dir, e);
        }
        return rig;
    }

    public Path dir() {
        return dir;
    }

    /** The word that is in the paths, environments and cgroups of everything of the rig. */
    public String tag() {
        return tag;
    }

    /** CAISSON_STATE_DIR. */
    public Path state() {
        return dir.resolve("caisson");
    }

    public Path prefix() {
        return prefix;
    }

    /** A bundle directory without a config.json; made if need be. */
    public Path bundle(String id) {
        try {
            return Files.createDirectories(dir.resolve("b").resolve(id));
        } catch (IOException e) {
            throw new UncheckedIOException("create bundle of " + id, e);
        }
    }

    /** A root file system with busybox and its applets. */
    public Path rootfs() {
        Path root = dir.resolve("rootfs");
        if (Files.isDirectory(root)) {
            return root;
        }
        try {
            for (String name : List.of("bin", "proc", "sys", "dev", "tmp", "run", "etc")) {
                Files.createDirectories(root.resolve(name));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("create " + root, e);
        }
        Path busybox = Command.find("busybox").orElseThrow(() -> Skip.because("a root file system", "busybox-static"));
        Command.of("cp", "-L", busybox.toString(), root.resolve("bin/busybox").toString())
                .run()
                .ok();
        Command.of(
                        root.resolve("bin/busybox").toString(),
                        "--install",
                        root.resolve("bin").toString())
                .run()
                .ok();
        return root;
    }

    /** A Create for the bundle of that id, on {@link #rootfs()} read-only. */
    public CreateTaskRequest.Builder createRequest(String id) {
        return CreateTaskRequest.newBuilder()
                .setId(id)
                .setBundle(bundle(id).toString())
                .addRootfs(Mount.newBuilder()
                        .setType("bind")
                        .setSource(rootfs().toString())
                        .addOptions("ro")
                        .addOptions("rbind"));
    }

    /** The shim binary with these arguments, in the given working directory, with the rig's environment. */
    public Command shim(Path workingDirectory, String... arguments) {
        List<String> argv = new ArrayList<>();
        argv.add(prefix.resolve("bin/containerd-shim-caisson-v2").toString());
        argv.addAll(List.of(arguments));
        return Command.of(argv)
                .in(workingDirectory)
                .env(Map.of(
                        "CAISSON_STATE_DIR",
                        state().toString(),
                        "CAISSON_TEST_BED",
                        tag,
                        "TTRPC_ADDRESS",
                        dir.resolve("t.sock").toString()));
    }

    /** {@code start} as containerd runs it. */
    public Command start(String id) {
        return shim(
                bundle(id),
                "-namespace",
                NAMESPACE,
                "-id",
                id,
                "-address",
                dir.resolve("c.sock").toString(),
                "start");
    }

    /** {@code delete} as containerd runs it. */
    public Command delete(String id) {
        Path bundle = bundle(id);
        return shim(
                bundle,
                "-namespace",
                NAMESPACE,
                "-id",
                id,
                "-address",
                dir.resolve("c.sock").toString(),
                "-bundle",
                bundle.toString(),
                "delete");
    }

    /** What containerd 2.3 and later writes to the standard input of {@code start}. */
    public BootstrapParams.Builder bootstrap(String id) {
        return BootstrapParams.newBuilder()
                .setInstanceId(id)
                .setNamespace(NAMESPACE)
                .setContainerdTtrpcAddress(dir.resolve("t.sock").toString())
                .setContainerdGrpcAddress(dir.resolve("c.sock").toString());
    }

    /** Runs {@code start} with bootstrap parameters; the socket that the answer names. */
    public Path startBootstrapped(String id) {
        byte[] answer =
                start(id).stdin(bootstrap(id).build().toByteArray()).run().ok().stdout();
        try {
            BootstrapResult result = BootstrapResult.parseFrom(answer);
            if (result.getVersion() != 3 || !result.getProtocol().equals("ttrpc")) {
                throw new AssertionError(
                        "start answered version " + result.getVersion() + ", protocol " + result.getProtocol());
            }
            return socketOf(result.getAddress());
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError("start answered " + new String(answer, StandardCharsets.UTF_8), e);
        }
    }

    /** The file of a {@code unix://} address. */
    public static Path socketOf(String address) {
        if (!address.startsWith("unix://")) {
            throw new AssertionError("not a unix socket: " + address);
        }
        return Path.of(address.substring("unix://".length()));
    }

    /** A ttrpc connection. */
    public TtrpcClient connect(Path socket) {
        try {
            return transport.connect(socket, SOON);
        } catch (IOException e) {
            throw new UncheckedIOException("connect to " + socket, e);
        }
    }

    /** Pid of the rig's caissond while it runs. */
    public Optional<Long> caissondPid() {
        try {
            long pid = Long.parseLong(
                    Files.readString(state().resolve("caissond.pid")).strip());
            return Proc.lives(pid) ? Optional.of(pid) : Optional.empty();
        } catch (IOException | NumberFormatException none) {
            return Optional.empty();
        }
    }

    /** SIGKILL to caissond, and waits until it is gone. */
    public void killCaissond() {
        caissondPid().ifPresent(pid -> {
            ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
            Await.until("caissond " + pid + " is gone", SOON, () -> !Proc.lives(pid));
        });
    }

    /** Pids of the monitors. */
    public List<Long> monitors() {
        return HostSnapshot.processesOf(tag).stream()
                .filter(pid -> Proc.read(pid, "cmdline").startsWith("caisson-monitor "))
                .toList();
    }

    /** What is there besides caissond and its own files, one line each. */
    public List<String> leftovers() {
        List<String> lines = new ArrayList<>();
        for (long pid : HostSnapshot.processesOf(tag)) {
            String line = pid + "@" + Proc.startTime(pid) + " "
                    + Proc.read(pid, "cmdline").strip();
            if (Proc.lives(pid) && !LeakCheck.standing().test(line)) {
                lines.add("process " + line);
            }
        }
        HostSnapshot.mountsOf(tag).forEach(mount -> lines.add("mount " + mount));
        for (Path cgroup : HostSnapshot.cgroupsOf(tag)) {
            // The containerd namespace's own comes with its first container and stays.
            if (!cgroup.endsWith(tag)) {
                lines.add("cgroup " + cgroup);
            }
        }
        for (String part : List.of("pods", "s")) {
            String[] names = state().resolve(part).toFile().list();
            for (String name : names == null ? new String[0] : names) {
                lines.add("file " + state().resolve(part).resolve(name));
            }
        }
        return lines;
    }

    /** Fails with one line per thing that is still there after a moment. */
    public void assertNothingLeft() {
        Await.until(
                () -> "nothing left, but " + String.join("\n", leftovers()),
                SOON,
                () -> leftovers().isEmpty());
    }

    @Override
    public void close() {
        transport.close();
        for (int round = 0; round < 20; round++) {
            List<Long> left = HostSnapshot.processesOf(tag);
            if (left.isEmpty()) {
                break;
            }
            left.forEach(pid -> ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly));
            Await.sleep(Duration.ofMillis(50));
        }
        for (String mount : HostSnapshot.mountsOf(tag).reversed()) {
            Command.of("umount", "-l", mount).run();
        }
        for (Path cgroup : HostSnapshot.cgroupsOf(tag).reversed()) {
            cgroup.toFile().delete();
        }
        if (HostSnapshot.mountsOf(tag).isEmpty()) {
            Command.of("rm", "-rf", "--one-file-system", dir.toString()).run();
        }
    }
}
