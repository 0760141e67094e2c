package dev.caisson.daemon;

import dev.caisson.backend.Backends;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.state.RecordStore;
import dev.caisson.cli.OciCommandLine;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import dev.caisson.linux.MemFd;
import dev.caisson.shim.ShimServices;
import dev.caisson.shim.command.ShimCommand;
import dev.caisson.shim.link.CommandCall;
import dev.caisson.shim.link.CommandLoop;
import dev.caisson.shim.link.FrameLoop;
import dev.caisson.shim.link.LinkServer;
import dev.caisson.shim.pod.PodRegistry;
import dev.caisson.shim.sandbox.SandboxService;
import dev.caisson.shim.task.TaskLifecycle;
import dev.caisson.shim.task.TaskService;
import dev.caisson.ttrpc.Methods;
import dev.caisson.ttrpc.RequestContext;
import dev.caisson.ttrpc.ServerOptions;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.ServiceRegistry;
import dev.caisson.ttrpc.TtrpcException;
import dev.caisson.ttrpc.TtrpcServer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;

/** Everything that a running daemon consists of. */
final class Daemon {
    /** Inherited from whoever started this daemon: says that a start is under way; see {@code start_daemon} in monitor/src/loop.c. */
    private static final int START_LOCK_FD = 3;

    private static final Duration BEFORE_WARM_UP = Duration.ofSeconds(1);
    private static final int STANDBY_ROUNDS = 3;
    private static final Duration HAND_OVER = Duration.ofSeconds(10);
    /** How long a guest stays without being asked anything. */
    private static final Duration IDLE = Duration.ofSeconds(5);

    private final Options options;
    private final ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
    private final RecordStore store;
    private final PodRegistry pods;
    private final CommandLoop commandLoop;
    private final FrameLoop linkLoop;
    private final LinkServer links;
    private final LinkServer commands;
    private final FutureTask<TtrpcServer> tasks;
    private final Fd monitorImage;
    private final ShimCommand shim;
    private final Backends backends;
    private final OciCommandLine oci;
    private final Standby standby;
    private final CountDownLatch commanded = new CountDownLatch(1);
    private final CountDownLatch end = new CountDownLatch(1);

    Daemon(Options options) throws IOException {
        this.options = options;
        this.standby = new Standby(options);
        this.store = new RecordStore(options.stateDirectory());
        this.pods = new PodRegistry(store, executor);
        // A second thread: most of a start is classes that are used for the first time. Commands need no protobuf, and
        // do not wait for it.
        FutureTask<Services> services = new FutureTask<>(() -> services(options, store, executor));
        this.tasks = new FutureTask<>(() -> tasks(services.get(), options, store, pods, executor));
        Thread.ofPlatform().daemon().name("services").start(() -> {
            services.run();
            tasks.run();
        });
        this.linkLoop = new FrameLoop("link-loop");
        this.commandLoop = new CommandLoop();
        this.links = new LinkServer(linkLoop, pods);
        this.commands = commandLoop.server(pods);
        // What runs in a container's namespaces is this sealed copy, never the file on disk (CVE-2019-5736).
        this.monitorImage =
                MemFd.sealed("caisson", Files.readAllBytes(options.prefix().resolve("bin/caisson")));
        Services made = await(services);
        this.backends = made.backends();
        TaskLifecycle lifecycle = made.lifecycle();
        this.oci = new OciCommandLine(
                backends, options.stateDirectory().resolve("oci"), Version.TEXT, new PodContainers(pods));
        this.shim = new ShimCommand(
                pods,
                lifecycle,
                backends,
                new ShimCommand.MonitorLaunch(
                        "/proc/" + ProcessHandle.current().pid() + "/fd/" + monitorImage.number(),
                        options.stateDirectory().toString(),
                        options.prefix().resolve("libexec/caissond").toString()),
                options.stateDirectory().resolve("s"),
                Version.TEXT);
        pods.serve(new ShimServices(lifecycle, shim, this::command), this::tasks);
    }

    private TtrpcServer tasks() {
        try {
            return await(tasks);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static <T> T await(FutureTask<T> part) throws IOException {
        try {
            return part.get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } catch (ExecutionException e) {
            throw new IOException("set up services: " + e.getCause(), e);
        }
    }

    /** What clients' requests act on. */
    private record Services(Backends backends, TaskLifecycle lifecycle) {}

    private static Services services(Options options, RecordStore store, ExecutorService executor) {
        Backends backends = new Backends();
        backends.keepIn(options.stateDirectory());
        return new Services(backends, new TaskLifecycle(store, backends, executor));
    }

    /** What containerd's requests are answered by. */
    private static TtrpcServer tasks(
            Services services, Options options, RecordStore store, PodRegistry pods, ExecutorService executor) {
        TaskLifecycle lifecycle = services.lifecycle();
        Methods task = new TaskService(lifecycle, pods, executor).methods();
        SandboxService sandbox = new SandboxService(
                lifecycle, pods, store, executor, options.prefix().resolve("bin/caisson"));
        return new TtrpcServer(
                ServiceRegistry.builder()
                        .service(ServiceNames.TASK_V2, task)
                        .service(ServiceNames.TASK_V3, task)
                        .service(ServiceNames.SANDBOX, sandbox.methods())
                        .build(),
                executor,
                ServerOptions.DEFAULT.withFailures(Daemon::logFailure));
    }

    private static void logFailure(RequestContext request, Throwable failure) {
        if (!(failure instanceof TtrpcException)) {
            System.getLogger(Daemon.class.getName())
                    .log(System.Logger.Level.ERROR, request.service() + "/" + request.method() + " failed", failure);
        }
    }

    void start() throws IOException {
        Path state = options.stateDirectory();
        Files.setPosixFilePermissions(state, PosixFilePermissions.fromString("rwx------"));
        Files.createDirectories(state.resolve("s"));
        commands.listen(state.resolve("command.sock"));
        links.listen(state.resolve("caissond.sock"));
        Files.writeString(
                state.resolve("caissond.pid"),
                Long.toString(ProcessHandle.current().pid()));
        releaseStartLock();
        Thread.ofPlatform().daemon().name("after-start").start(this::afterStart);
        if (Foster.isGuest()) {
            Thread.ofPlatform().daemon().name("idle").start(this::leaveWhenIdle);
        }
        Runtime.getRuntime().addShutdownHook(new Thread(this::ending, "leave"));
    }

    private void ending() {
        standby.end();
        pods.leave();
        backends.leave();
    }

    /** What a standby does while it has time: most of what a daemon's first answers need is touched once. */
    void rehearse() {
        warmUp(WarmUp.Of.CONTAINERD, "rehearsal-of-standby", STANDBY_ROUNDS);
    }

    /** For {@code -info}, which the command binary answers by itself. */
    private void writeInfo(Path state) throws IOException {
        try {
            Path fresh = state.resolve("info.new");
            Files.write(fresh, shim.storedInfo());
            Files.move(fresh, state.resolve("info-" + Version.TEXT), StandardCopyOption.ATOMIC_MOVE);
        } catch (ContainerFault e) {
            throw new IOException("describe the runtime: " + e.getMessage(), e);
        }
    }

    /** When what it was started for is done. */
    private void afterStart() {
        try {
            // Not by Thread.sleep, whose first use loads a class that no archive has, while the first command is at
            // work.
            if (end.await(BEFORE_WARM_UP.toMillis(), TimeUnit.MILLISECONDS)) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        try {
            writeInfo(options.stateDirectory());
        } catch (IOException e) {
            System.getLogger(Daemon.class.getName())
                    .log(System.Logger.Level.ERROR, "say what this runtime is: " + Errno.describe(e), e);
        }
        try {
            pods.loadAll();
        } catch (IOException e) {
            System.getLogger(Daemon.class.getName())
                    .log(System.Logger.Level.ERROR, "read records of pods: " + Errno.describe(e), e);
        }
        backends.cleanUp();
        warmUp(WarmUp.Of.CONTAINERD, "rehearsal", WarmUp.COMPILED);
        Thread.ofPlatform().daemon().name("after-first-command").start(this::afterFirstCommand);
        try {
            keepStandby();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void afterFirstCommand() {
        try {
            commanded.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        warmUp(WarmUp.Of.COMMANDS, "rehearsal-of-commands", WarmUp.COMPILED);
    }

    private void warmUp(WarmUp.Of of, String name, int rounds) {
        new WarmUp(of, options.stateDirectory(), name, rounds, commandLoop, executor, backends).run();
    }

    /** From when there is a pod that somebody may ask this daemon about; not in the way of its start. */
    private void keepStandby() throws InterruptedException {
        if (Standby.wanted() && !Foster.isGuest()) {
            pods.awaitFirst();
            Thread.sleep(BEFORE_WARM_UP);
            standby.keep();
        }
    }

    private static void releaseStartLock() throws IOException {
        Path fd = Path.of("/proc/self/fd/" + START_LOCK_FD);
        // Started by hand, that number is something of the JVM's own.
        if (Files.isSymbolicLink(fd) && Files.readSymbolicLink(fd).endsWith("start.lock")) {
            Fd.adopt(START_LOCK_FD, "start lock").close();
        }
    }

    private void command(CommandCall call) {
        if (call.argv().size() == 3
                && call.argv().get(1).equals("daemon")
                && call.argv().get(2).equals("leave")) {
            leave(call);
            return;
        }
        if (DaemonCommands.isOne(call)) {
            DaemonCommands.run(call, pods, options);
        } else {
            commanded.countDown();
            oci.run(new CommandInvocation(call));
        }
    }

    /** As long as commands come in, each a few hundred milliseconds after the one before, it stays. */
    private void leaveWhenIdle() {
        try {
            while (pods.idleTime().compareTo(IDLE) < 0) {
                Thread.sleep(IDLE.toMillis() / 10);
            }
            if (Foster.isGuest()) {
                handOver(0);
                end.countDown();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Hands over to another daemon: what is in flight is finished, monitors keep the rest for the next one. */
    private void leave(CommandCall call) {
        try {
            handOver(1);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        call.end(0);
        end.countDown();
    }

    private void handOver(int ownCommands) throws InterruptedException {
        ending();
        commands.close();
        links.close();
        var _ = pods.drainCommands(ownCommands, HAND_OVER);
        var _ = tasks().drainThreads(HAND_OVER);
        var _ = pods.drainEvents(Duration.ofSeconds(1));
        var _ = linkLoop.settle(HAND_OVER);
    }

    void awaitEnd() throws InterruptedException {
        end.await();
    }
}
