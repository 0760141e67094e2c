package dev.caisson.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A containerd with its own root, state, sockets, namespace and network, in one short directory under /tmp. Everything
 * that it starts carries {@link #tag} in its environment, its cgroup or its paths, which is how leaks are found.
 *
 * <p>Not thread safe as far as starting and stopping are concerned; the drivers may be used from any thread.
 */
public final class PrivateContainerd implements AutoCloseable {
    private static final Duration START_LIMIT = Duration.ofSeconds(60);
    private static final Duration STOP_LIMIT = Duration.ofSeconds(30);

    private final Settings settings;
    private final Path dir;
    private final String tag;
    private @Nullable Process process;
    private @Nullable ContainerdClient client;
    private String busyboxChainId = "";

    /**
     * @param build which containerd
     * @param runtime the runtime that {@link Ctr} and the CRI use
     * @param cri whether the CRI plugin is on (it needs /usr/lib/cni)
     * @param snapshotter {@code overlayfs} or {@code native}
     * @param sandboxer containerd 2.x's CRI: {@code podsandbox} makes a pod with a pause container, {@code shim} over the Sandbox API
     * @param hostPorts whether CNI maps ports of the host to pods, which changes the host's packet filter
     * @param environment more variables for containerd, and thereby for the shim
     */
    public record Settings(
            ContainerdBuild build,
            RuntimeUnderTest runtime,
            boolean cri,
            String snapshotter,
            String sandboxer,
            boolean hostPorts,
            boolean systemdCgroup,
            Map<String, String> environment) {
        public Settings {
            environment = Map.copyOf(environment);
        }

        /** CRI on, overlayfs, nothing special. */
        public static Settings of(ContainerdBuild build, RuntimeUnderTest runtime) {
            return new Settings(build, runtime, true, "overlayfs", "podsandbox", false, false, Map.of());
        }

        public Settings withEnvironment(Map<String, String> variables) {
            return new Settings(build, runtime, cri, snapshotter, sandboxer, hostPorts, systemdCgroup, variables);
        }

        public Settings withoutCri() {
            return new Settings(build, runtime, false, snapshotter, sandboxer, hostPorts, systemdCgroup, environment);
        }

        public Settings withShimSandboxes() {
            return new Settings(build, runtime, cri, snapshotter, "shim", hostPorts, systemdCgroup, environment);
        }

        public Settings withHostPorts() {
            return new Settings(build, runtime, cri, snapshotter, sandboxer, true, systemdCgroup, environment);
        }

        /** The runtime's option {@code SystemdCgroup}. */
        public Settings withSystemdCgroup() {
            return new Settings(build, runtime, cri, snapshotter, sandboxer, hostPorts, true, environment);
        }
    }

    private PrivateContainerd(Settings settings, Path dir, String tag) {
        this.settings = settings;
        this.dir = dir;
        this.tag = tag;
    }

    /** Starts one and imports {@link TestImages} into it. */
    public static PrivateContainerd start(Settings settings) {
        SplittableRandom random = new SplittableRandom();
        String tag = "cb" + Long.toString(random.nextLong(36L * 36 * 36 * 36 * 36, 36L * 36 * 36 * 36 * 36 * 36), 36);
        Path dir = RunDirectory.path().resolve(tag);
        try {
            Files.createDirectory(dir);
            Files.createDirectories(dir.resolve("cni"));
            Files.createDirectories(dir.resolve("caisson"));
            Files.writeString(
                    dir.resolve("owner"), Long.toString(ProcessHandle.current().pid()));
            Files.writeString(
                    dir.resolve("cni/10-test.conflist"),
                    ContainerdConfig.cni(dir, tag, random.nextInt(1, 255), settings.hostPorts()));
            Files.writeString(dir.resolve(ContainerdConfig.OPTIONS), ContainerdConfig.SYSTEMD_CGROUP);
            Files.writeString(
                    dir.resolve("config.toml"),
                    ContainerdConfig.render(
                            settings, dir, disk(tag), System.getProperty("caisson.containerd.log", "info")));
        } catch (IOException e) {
            throw new UncheckedIOException("prepare " + dir, e);
        }
        PrivateContainerd containerd = new PrivateContainerd(settings, dir, tag);
        try {
            containerd.start();
            containerd.importImages();
        } catch (RuntimeException | Error e) {
            containerd.close();
            throw e;
        }
        return containerd;
    }

    private void importImages() {
        TestImages.ImageFile busybox = TestImages.busybox(dir);
        busyboxChainId = busybox.chainId();
        importImage(busybox);
        importImage(TestImages.pause(dir));
    }

    /** Makes an image known to {@link Ctr} and to the CRI. */
    public void importImage(TestImages.ImageFile image) {
        List<String> namespaces = settings.cri() ? List.of(tag, "k8s.io") : List.of(tag);
        for (String namespace : namespaces) {
            new Ctr(this, namespace)
                    .run(
                            "images",
                            "import",
                            "--snapshotter",
                            settings.snapshotter(),
                            image.archive().toString())
                    .ok();
        }
    }

    /** Starts containerd on the existing directories and waits until it answers. */
    public void start() {
        if (process != null && process.isAlive()) {
            throw new IllegalStateException("containerd " + tag + " runs already");
        }
        ProcessBuilder builder = new ProcessBuilder(
                settings.build().containerd().toString(),
                "--config",
                dir.resolve("config.toml").toString());
        builder.environment().keySet().removeIf(name -> name.startsWith("JAVA_TOOL") || name.startsWith("JDK_JAVA"));
        builder.environment().putAll(environment());
        builder.directory(dir.toFile());
        builder.redirectErrorStream(true);
        builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log().toFile()));
        builder.redirectInput(Path.of("/dev/null").toFile());
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new UncheckedIOException("start " + settings.build().containerd(), e);
        }
        long deadline = System.nanoTime() + START_LIMIT.toNanos();
        ContainerdClient fresh = new ContainerdClient(socket(), tag);
        client = fresh;
        while (!fresh.answers(Duration.ofMillis(500))) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                throw new AssertionError("containerd " + tag + " does not answer\n" + logTail(60));
            }
            Await.sleep(Duration.ofMillis(20));
        }
    }

    /** Variables that containerd, and thereby the shim, is started with. */
    public Map<String, String> environment() {
        StringBuilder path = new StringBuilder();
        for (Path entry : settings.runtime().searchPath()) {
            path.append(entry).append(':');
        }
        path.append("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        Map<String, String> variables = new HashMap<>();
        variables.put("PATH", path.toString());
        variables.put("CAISSON_STATE_DIR", caissonState().toString());
        variables.put("CAISSON_TEST_BED", tag);
        variables.putAll(settings.environment());
        return variables;
    }

    /** SIGTERM, then wait; running containers stay. */
    public void stop() {
        closeClient();
        Process running = process;
        process = null;
        if (running == null) {
            return;
        }
        running.destroy();
        if (!ended(running)) {
            running.destroyForcibly();
            throw new AssertionError("containerd " + tag + " did not end within " + STOP_LIMIT + "\n" + logTail(40));
        }
    }

    /** SIGKILL, without any warning; running containers stay. */
    public void killHard() {
        closeClient();
        Process running = process;
        process = null;
        if (running != null) {
            running.destroyForcibly();
            if (!ended(running)) {
                throw new AssertionError("containerd " + tag + " survived SIGKILL");
            }
        }
    }

    /** {@link #stop} and {@link #start}. */
    public void restart() {
        stop();
        start();
    }

    private static boolean ended(Process running) {
        try {
            return running.waitFor(STOP_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void closeClient() {
        ContainerdClient open = client;
        client = null;
        if (open != null) {
            open.close();
        }
    }

    public Settings settings() {
        return settings;
    }

    /** The directory of everything; about 10 characters long. */
    public Path dir() {
        return dir;
    }

    /** Unique word that is also the containerd namespace and the bridge's name. */
    public String tag() {
        return tag;
    }

    public Path socket() {
        return dir.resolve("c.sock");
    }

    public Path log() {
        return dir.resolve("log");
    }

    /** Parent of a container's snapshot of {@link TestImages#BUSYBOX}. */
    public String busyboxChainId() {
        return busyboxChainId;
    }

    /** Where images and snapshots are: on a disk, also where the rest is on a tmpfs. */
    Path disk() {
        return disk(tag);
    }

    private static Path disk(String tag) {
        return Path.of("/tmp", tag);
    }

    /** What caissond sees as CAISSON_STATE_DIR. */
    public Path caissonState() {
        return dir.resolve("caisson");
    }

    /** The bundle of a container in a containerd namespace. */
    public Path bundle(String namespace, String id) {
        return dir.resolve("s/io.containerd.runtime.v2.task").resolve(namespace).resolve(id);
    }

    /** Pid of containerd itself. */
    public long pid() {
        Process running = process;
        if (running == null) {
            throw new IllegalStateException("containerd " + tag + " is down");
        }
        return running.pid();
    }

    boolean isContainerd(long pid) {
        Process running = process;
        return running != null && running.pid() == pid;
    }

    /** Pid of this installation's caissond, from its pid file; empty for the peers and while none runs. */
    public Optional<Long> caissondPid() {
        try {
            long pid = Long.parseLong(
                    Files.readString(caissonState().resolve("caissond.pid")).strip());
            return Proc.lives(pid) ? Optional.of(pid) : Optional.empty();
        } catch (IOException | NumberFormatException none) {
            return Optional.empty();
        }
    }

    /** A driver for the command line in this instance's namespace. */
    public Ctr ctr() {
        return new Ctr(this, tag);
    }

    /** gRPC in this instance's namespace; a new one after each restart. */
    public ContainerdClient client() {
        ContainerdClient open = client;
        if (open == null) {
            throw new IllegalStateException("containerd " + tag + " is down");
        }
        return open;
    }

    /** Last lines of containerd's and the shims' log. */
    public String logTail(int lines) {
        try {
            List<String> all = Files.readAllLines(log());
            return String.join("\n", all.subList(Math.max(0, all.size() - lines), all.size()));
        } catch (IOException e) {
            return "(no log: " + e.getMessage() + ")";
        }
    }

    /** Removes every container, stops containerd and caissond, and removes the directory, the bridge and the cgroups. */
    @Override
    public void close() {
        Teardown.run(this);
    }
}
