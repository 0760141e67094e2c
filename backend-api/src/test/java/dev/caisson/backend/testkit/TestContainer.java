package dev.caisson.backend.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.RootfsMount;
import dev.caisson.backend.Stdio;
import dev.caisson.oci.ProcessSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A container in a test, with its streams in files of the bundle. Closing destroys it. */
public final class TestContainer implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(Integer.getInteger("caisson.await.seconds", 30));
    private static final AtomicInteger EXECS = new AtomicInteger();

    private final Backend backend;
    private final Bundle bundle;
    private final Launcher launcher;
    private final Container container;
    private final Backend.CreateRequest request;
    private @Nullable Launch init;

    private TestContainer(
            Backend backend, Bundle bundle, Launcher launcher, Container container, Backend.CreateRequest request) {
        this.backend = backend;
        this.bundle = bundle;
        this.launcher = launcher;
        this.container = container;
        this.request = request;
    }

    /** Prepares without doing anything yet; stdin is a file {@code stdin} of the bundle if there is one. */
    public static TestContainer prepare(
            Backend backend, Bundle bundle, Launcher launcher, List<RootfsMount> rootfs, Backend.Options options)
            throws ContainerFault {
        int io = launcher.nextId();
        boolean terminal =
                bundle.spec().process() != null && bundle.spec().process().terminal();
        launcher.openIo(io, stdio(bundle.directory(), "", terminal));
        Backend.CreateRequest request = new Backend.CreateRequest(
                bundle.id(),
                bundle.directory(),
                bundle.spec(),
                rootfs,
                launcher.nextId(),
                io,
                bundle.directory().resolve("scratch"),
                options);
        return new TestContainer(backend, bundle, launcher, backend.prepare(request, launcher), request);
    }

    public static TestContainer prepare(Backend backend, Bundle bundle, Launcher launcher) throws ContainerFault {
        return prepare(backend, bundle, launcher, List.of(), Backend.Options.DEFAULT);
    }

    private static Stdio stdio(Path directory, String prefix, boolean terminal) {
        Path stdin = directory.resolve(prefix + "stdin");
        return new Stdio(
                Files.exists(stdin) ? new Stdio.Stream(Stdio.Kind.PATH, stdin.toString()) : Stdio.Stream.NONE,
                new Stdio.Stream(
                        Stdio.Kind.CREATE, directory.resolve(prefix + "stdout").toString()),
                terminal
                        ? Stdio.Stream.NONE
                        : new Stdio.Stream(
                                Stdio.Kind.CREATE,
                                directory.resolve(prefix + "stderr").toString()),
                terminal);
    }

    public Container container() {
        return container;
    }

    public int io() {
        return request.io();
    }

    public Launch init() {
        return java.util.Objects.requireNonNull(init, "not created");
    }

    public TestContainer create() throws ContainerFault {
        init = container.create();
        return this;
    }

    /** From an image; it runs at once. */
    public TestContainer restore(Checkpoint asked) throws ContainerFault {
        init = container.restore(asked);
        return this;
    }

    public TestContainer start() throws ContainerFault {
        container.start(init());
        return this;
    }

    /** What another daemon would work with. */
    public Container recovered() throws ContainerFault {
        return backend.recover(request, Map.copyOf(container.record()), launcher);
    }

    public ProcessExit awaitExit() {
        return awaitExit(init());
    }

    private static ProcessExit awaitExit(Launch launch) {
        assertThat(launch.awaitExit(PATIENCE)).as("ends in time").isTrue();
        return launch.exit().join();
    }

    /** Creates, starts and waits. */
    public int run() throws ContainerFault {
        create();
        start();
        return awaitExit().code();
    }

    /** An exec'd process in a test. */
    public record TestExec(Launch launch, Path stdoutFile, Path stderrFile) {
        public int awaitCode() {
            return awaitExit(launch).code();
        }

        public String stdout() {
            return read(stdoutFile);
        }

        public String stderr() {
            return read(stderrFile);
        }
    }

    public TestExec exec(ProcessSpec process) throws ContainerFault {
        String prefix = nextExec();
        return exec(prefix, container.exec(init(), launcher.nextId(), "exec", process, openIo(prefix, process)));
    }

    /** Launched by a daemon that does not live to see it. */
    TestExec execOfLostDaemon(ProcessSpec process) throws ContainerFault {
        String prefix = nextExec();
        int id = launcher.nextId();
        Container lost = backend.recover(request, Map.copyOf(container.record()), LostDaemon.of(launcher));
        assertThatThrownBy(() -> lost.exec(init(), id, "exec", process, openIo(prefix, process)))
                .hasMessageContaining("lost");
        return exec(prefix, java.util.Objects.requireNonNull(launcher.find(id)));
    }

    private static String nextExec() {
        return "exec" + EXECS.incrementAndGet() + "-";
    }

    private int openIo(String prefix, ProcessSpec process) throws ContainerFault {
        int io = launcher.nextId();
        launcher.openIo(io, stdio(bundle.directory(), prefix, process.terminal()));
        return io;
    }

    private TestExec exec(String prefix, Launch launch) {
        return new TestExec(
                launch,
                bundle.directory().resolve(prefix + "stdout"),
                bundle.directory().resolve(prefix + "stderr"));
    }

    /** What a command prints inside, which must succeed. */
    public String execOutput(String... args) throws ContainerFault {
        TestExec exec = exec(bundle.exec(args));
        int code = exec.awaitCode();
        assertThat(code).as("exit code; stderr: %s", exec.stderr()).isZero();
        return exec.stdout();
    }

    public String stdout() {
        return read(bundle.directory().resolve("stdout"));
    }

    public String stderr() {
        return read(bundle.directory().resolve("stderr"));
    }

    private static String read(Path file) {
        try {
            return Files.exists(file) ? Files.readString(file) : "";
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            container.destroy();
        } catch (ContainerFault e) {
            throw new AssertionError("destroy " + bundle.id(), e);
        }
        Launch launch = launcher.find(request.launch());
        if (launch != null) {
            if (launch.pid() != 0) {
                assertThat(launch.awaitExit(PATIENCE))
                        .as("init ends with its container")
                        .isTrue();
            }
            launch.forget();
        }
        launcher.closeIo(request.io());
    }
}
