package dev.caisson.cli;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Backends;
import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.ConfigFile;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.Remains;
import dev.caisson.cli.ContainerRecord.ProcessId;
import dev.caisson.cli.Invocation.Removal;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.Processes;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** {@code create} and {@code run}. */
final class Creation {
    private static final String FAILED = "create failed: unable to start container process: ";
    /** The note of init's plan that it is ready ({@code namespace.plan.Notes}). */
    private static final int READY = 17;

    /** In {@link Invocation#resume}. */
    private static final int RESUME_ENDED = 2;

    private static final long NOT_WAITING = -1;
    private static final int SIGKILL = 9;

    private final Request request;
    private final Containers containers;
    private final ContainerStore store;
    private final String id;

    Creation(Request request) throws Failure {
        this.request = request;
        this.containers = request.containers();
        this.store = containers.store();
        this.id = request.id();
    }

    /** A container that is being made, or was. */
    private record Made(Container container, Launch init) {}

    void create() throws Failure, ContainerFault, InvalidSpecException, IOException {
        Made made = make(FAILED, true, false, true, Creation::create);
        try {
            finish(made);
        } catch (Failure | ContainerFault e) {
            undo(made.container(), made.init());
            throw e;
        }
        request.done();
    }

    /** What the caller is told of the new process. */
    private void finish(Made made) throws Failure, ContainerFault {
        String socket = request.args().value("pidfd-socket");
        if (socket != null) {
            Descriptors.sendPidfd(
                    request.files().here(socket).toString(), made.init().pid(), "standard");
        }
        request.writePidFile(made.init().pid());
    }

    void run() throws Failure, ContainerFault, InvalidSpecException, IOException {
        boolean detach = request.args().is("detach");
        boolean keep = request.args().is("keep");
        int resume = request.call().resume();
        if (resume != 0 && resumed(resume, detach, keep)) {
            return;
        }
        AtomicReference<Runnable> waiting = new AtomicReference<>(() -> {});
        Made made = make(
                FAILED,
                false,
                !detach,
                true,
                (container, born) -> container.run(init -> {
                    born.accept(init);
                    relayNotify(init, waiting);
                }));
        try {
            finish(made);
        } catch (Failure e) {
            undo(made.container(), made.init());
            throw e;
        } catch (ContainerFault e) {
            undo(made.container(), made.init());
            throw new Failure(FAILED + e.getMessage(), e);
        }
        if (detach) {
            waiting.get().run();
        }
        leave(made, detach, keep);
    }

    private static Launch create(Container container, Container.Born born) throws ContainerFault {
        Launch init = container.create();
        born.accept(init);
        return init;
    }

    private void relayNotify(Launch init, AtomicReference<Runnable> waiting) throws ContainerFault {
        try {
            NotifySocket notify = NotifySocket.ofMade(request, store.directory(id));
            if (notify != null) {
                waiting.set(relay(notify, notify.open(), identify(init.pid())));
            }
        } catch (Failure e) {
            throw new ContainerFault(ContainerFault.Kind.FAILED, String.valueOf(e.getMessage()), e);
        }
    }

    void restore() throws Failure, ContainerFault, InvalidSpecException, IOException {
        boolean detach = request.args().is("detach");
        int resume = request.call().resume();
        if (resume != 0 && resumed(resume, detach, false)) {
            return;
        }
        Checkpoint asked = Checkpoints.asked(request);
        Made made = make("", false, !detach, false, (container, born) -> {
            Launch init = container.restore(asked);
            born.accept(init);
            return init;
        });
        try {
            finish(made);
        } catch (Failure | ContainerFault e) {
            undo(made.container(), made.init());
            throw e;
        }
        leave(made, detach, false);
    }

    private void leave(Made made, boolean detach, boolean keep) throws ContainerFault, IOException {
        if (detach) {
            request.done();
        } else if (keep) {
            request.call().endAsMain();
        } else {
            List<Removal> remains = remains(made.container());
            if (!remains.isEmpty() && request.call().endAsMain(remains).join()) {
                made.container().removed();
                return;
            }
            ProcessExit exit = made.init().exit().join();
            end(made.container(), exit.code());
        }
    }

    /** What the command can do by itself behind init's end; empty when it cannot. */
    private List<Removal> remains(Container container) {
        Remains left = container.remains();
        if (left == null || !request.files().isDaemons(request.call().pid())) {
            return List.of();
        }
        List<Removal> all = new ArrayList<>();
        left.directories().forEach(d -> all.add(new Removal(Removal.Kind.DIRECTORY, d)));
        left.shared().forEach(d -> all.add(new Removal(Removal.Kind.SHARED_DIRECTORY, d)));
        // The record goes last: until then whoever looks finds a container.
        store.files(id).forEach(f -> all.add(new Removal(Removal.Kind.FILE, f.toString())));
        all.add(new Removal(Removal.Kind.DIRECTORY, store.directory(id).toString()));
        return all;
    }

    /** Passes on in the background that the container is ready; what is returned waits for it. */
    static Runnable relay(NotifySocket notify, Fd socket, ProcessId init) {
        // Not a virtual one: it waits in the kernel for as long as the container likes, and would keep a processor's
        // carrier from all others.
        Thread relay = Thread.ofPlatform().daemon().name("notify-relay").start(() -> {
            try {
                notify.relay(socket, init);
            } catch (Failure | ContainerFault e) {
                log().log(System.Logger.Level.WARNING, String.valueOf(e.getMessage()));
            }
        });
        return () -> {
            try {
                relay.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        };
    }

    /** An earlier daemon started it and was lost: the rest is done from the record. */
    private boolean resumed(int resume, boolean detach, boolean keep)
            throws Failure, ContainerFault, InvalidSpecException, IOException {
        ContainerRecord record = store.read(id);
        if (record == null || record.init().pid() == 0) {
            // It ran, so it had a record, which the command itself has removed.
            boolean isRemoved = record == null && !detach && (resume & RESUME_ENDED) != 0;
            if (isRemoved) {
                request.call().end(code(resume));
            }
            return isRemoved;
        }
        if (detach) {
            request.writePidFile(record.init().pid());
            request.done();
            return true;
        }
        int code = code(resume);
        if (keep) {
            request.call().end(code);
            return true;
        }
        Launcher hands = request.call().launcher(Invocation.Hands.PLAIN);
        end(containers.open(id, record, hands), code);
        return true;
    }

    /** Of {@link Invocation#resume}. */
    private static int code(int resume) {
        return ProcessExit.ofWaitStatus(resume >> 8, Instant.EPOCH).code();
    }

    private void end(Container container, int code) throws ContainerFault, IOException {
        container.destroy();
        store.remove(id);
        request.call().end(code);
    }

    /** How an init comes into being; {@code born} hears of it before it runs. */
    private interface Maker {
        Launch make(Container container, Container.Born born) throws ContainerFault;
    }

    /**
     * @param failed how a failure to make it is introduced
     * @param waits whether init waits for a later command
     * @param stays whether this command does until init ends
     * @param begins whether it is made by a plan of the wall's own
     */
    private Made make(String failed, boolean waits, boolean stays, boolean begins, Maker maker)
            throws Failure, ContainerFault, InvalidSpecException, IOException {
        Path bundle = request.files().absolute(request.args().value("bundle", ""));
        byte[] json = readConfig(request.files().here(bundle));
        Spec spec = withListenFds(SpecReader.read(json));
        ProcessSpec process = spec.process();
        if (process == null) {
            throw new Failure("process property must not be empty");
        }
        Invocation.Console console = request.console(process.terminal(), stays);
        ProcessId self = identify(request.call().pid());
        claim(self);
        @Nullable Container container = null;
        @Nullable Launch init = null;
        try {
            Files.write(store.directory(id).resolve(Containers.CONFIG), json);
            NotifySocket notify = NotifySocket.of(request, store.directory(id));
            if (notify != null) {
                spec = notify.in(spec);
            }
            ContainerRecord record = record(bundle, spec, self);
            Launcher launcher = request.call()
                    .launcher(new Invocation.Hands(
                            stays,
                            stays && process.terminal(),
                            request.preserved(),
                            waits ? store.directory(id) : null,
                            console));
            container = containers
                    .backends()
                    .named(record.backend())
                    .prepare(containers.request(id, record, spec), launcher);
            Container made = container;
            if (begins) {
                made.begin();
            }
            store.write(id, record);
            init = maker.make(container, born -> keep(record, made, born, waits));
            return new Made(container, init);
        } catch (ContainerFault e) {
            undo(container, init);
            if (container == null) {
                throw e;
            }
            throw new Failure(failed + e.getMessage(), e);
        } catch (IOException | RuntimeException | Failure e) {
            undo(container, init);
            throw e;
        }
    }

    /** From now on the container is known to have this process. */
    private void keep(ContainerRecord record, Container container, Launch init, boolean waits) throws ContainerFault {
        try {
            store.write(
                    id, record.withInit(identify(init.pid()), waits ? ready(init) : NOT_WAITING, container.record()));
        } catch (IOException e) {
            init.kill(SIGKILL);
            throw new ContainerFault(
                    ContainerFault.Kind.FAILED, "store record of container " + id + ": " + Errno.describe(e), e);
        } catch (ContainerFault e) {
            init.kill(SIGKILL);
            throw e;
        }
    }

    static ProcessId identify(int pid) throws ContainerFault {
        try {
            return new ProcessId(pid, Processes.startTime(pid).orElse(0));
        } catch (ErrnoException e) {
            throw new ContainerFault(ContainerFault.Kind.FAILED, String.valueOf(e.getMessage()), e);
        }
    }

    private static long ready(Launch init) throws ContainerFault {
        return init.awaitNote(READY, Duration.ZERO);
    }

    private ContainerRecord record(Path bundle, Spec spec, ProcessId self) throws Failure {
        String backend = spec.annotations()
                .getOrDefault(
                        Backends.ANNOTATION, Backends.byProgram(request.call().program()));
        String rootfs = spec.root() == null ? "rootfs" : spec.root().path();
        return new ContainerRecord(
                bundle.toString(),
                bundle.resolve(rootfs).normalize().toString(),
                Instant.now(),
                backend,
                spec.linux().hasNamespace(NamespaceType.PID),
                0,
                new Backend.Options(
                        request.args().is("no-pivot"),
                        request.args().is("no-new-keyring"),
                        request.args().isGlobal("systemd-cgroup")
                                || "systemd".equals(request.args().global("cgroup-manager")),
                        -1,
                        -1,
                        null,
                        request.rootless()),
                self,
                ProcessId.NONE,
                -1,
                spec.annotations(),
                Map.of());
    }

    private byte[] readConfig(Path bundle) throws ContainerFault, IOException {
        return ConfigFile.with(bundle.resolve(request.args().value("config", Containers.CONFIG)), json -> json);
    }

    /** Sockets that systemd passed to the command are the container's. */
    private Spec withListenFds(Spec spec) {
        int n = request.listenFds();
        ProcessSpec process = spec.process();
        if (n == 0 || process == null) {
            return spec;
        }
        ProcessSpec.Builder p = process.toBuilder();
        List<String> env = new ArrayList<>(process.env());
        env.add("LISTEN_FDS=" + n);
        env.add("LISTEN_PID=1");
        p.env = env;
        Spec.Builder b = spec.toBuilder();
        b.process = p.build();
        return b.build();
    }

    /** Takes the id. What a creator left that died in the middle is removed first, and what this very command began with another daemon. */
    private void claim(ProcessId self) throws Failure, ContainerFault, IOException {
        if (store.claim(id, self)) {
            return;
        }
        ProcessId creator = store.creator(id);
        ContainerRecord record = store.read(id);
        boolean isUnfinished = record == null || record.init().pid() == 0;
        if (creator.equals(self) || (isUnfinished && !Containers.runs(creator))) {
            if (record != null) {
                containers.open(id, record, new LateLauncher(request.call())).destroy();
            }
            store.remove(id);
            if (store.claim(id, self)) {
                return;
            }
        }
        throw new Failure("container with given ID already exists: " + id);
    }

    private void undo(@Nullable Container container, @Nullable Launch init) {
        try {
            if (init != null) {
                init.kill(SIGKILL);
            }
            if (container != null) {
                container.destroy();
            }
        } catch (ContainerFault e) {
            log().log(System.Logger.Level.WARNING, "undo creation of " + id + ": " + e.getMessage());
        }
        try {
            store.remove(id);
        } catch (IOException e) {
            log().log(System.Logger.Level.WARNING, "remove state of " + id + ": " + Errno.describe(e));
        }
    }

    /** Not a constant: to load the logging takes ten milliseconds of a daemon's start, and nothing may ever be logged. */
    private static System.Logger log() {
        return System.getLogger(Creation.class.getName());
    }
}
