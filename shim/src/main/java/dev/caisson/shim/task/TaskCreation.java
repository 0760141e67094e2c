package dev.caisson.shim.task;

import dev.caisson.backend.Backends;
import dev.caisson.backend.ConfigFile;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.lifecycle.TaskEvent;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecWriter;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.translate.RuntimeOptions;
import dev.caisson.shim.translate.StdioUris;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.ExecutorService;

/** How tasks come to be: a configuration and a request become a container that waits for its start. */
public final class TaskCreation {
    private final Backends backends;
    private final TaskRecords records;
    private final TaskRemoval removal;
    private final ExecutorService executor;
    private final SpecsAhead specsAhead;

    TaskCreation(Backends backends, TaskRecords records, TaskRemoval removal, ExecutorService executor) {
        this.backends = backends;
        this.records = records;
        this.removal = removal;
        this.executor = executor;
        this.specsAhead = new SpecsAhead(executor);
    }

    /** Configurations whose Create will come. */
    public SpecsAhead specsAhead() {
        return specsAhead;
    }

    /** Something to do right before the first side effect. */
    interface Commit {
        /** @param launch of the container's init */
        void now(int launch);
    }

    Task create(Pod pod, CreateTaskRequest request, Commit commit) throws ContainerFault {
        return create(pod, request, commit, false);
    }

    /** As Create, for a caller beside the Task service. */
    public void createTask(Pod pod, CreateTaskRequest request) throws ContainerFault {
        Task task = create(pod, request, launch -> {});
        TaskEvents.created(task, request);
        executor.execute(() -> settle(task));
    }

    Task create(Pod pod, CreateTaskRequest request, Commit commit, boolean isSandbox) throws ContainerFault {
        String id = Identifiers.require("container id", request.getId());
        LazyLauncher launcher = new LazyLauncher(pod);
        int launch = launcher.nextId();
        TaskProcess init = new TaskProcess(
                id,
                true,
                launch,
                request.getStdin(),
                request.getStdout(),
                request.getStderr(),
                request.getTerminal(),
                null,
                null);
        Task task = new Task(pod, id, request.getBundle(), init);
        task.sandbox(isSandbox);
        task.lock.lock();
        try {
            if (Tasks.of(pod).putIfAbsent(id, task) != null) {
                throw new ContainerFault(Kind.ALREADY_EXISTS, "container with given ID already exists: " + id);
            }
            boolean opened = false;
            try {
                commit.now(launch);
                StdioUris stdio = StdioUris.parse(init.stdin, init.stdout, init.stderr, init.terminal);
                launcher.openIo(launch, stdio.stdio());
                opened = true;
                build(task, request, launcher, stdio);
                return task;
            } catch (ContainerFault e) {
                undoCreate(task, launcher, opened);
                throw e;
            } catch (InvalidSpecException e) {
                undoCreate(task, launcher, opened);
                throw new ContainerFault(Kind.INVALID, "create container " + id + ": " + e.getMessage(), e);
            } catch (IOException e) {
                undoCreate(task, launcher, opened);
                throw new ContainerFault(Kind.FAILED, "create container " + id + ": " + e.getMessage(), e);
            }
        } finally {
            task.lock.unlock();
        }
    }

    private void build(Task task, CreateTaskRequest request, LazyLauncher launcher, StdioUris stdio)
            throws ContainerFault, IOException {
        Spec spec = ConfigFile.with(Path.of(task.bundle, "config.json"), json -> {
            Spec read = specsAhead.take(task.bundle, json);
            Spec used = inSandbox(task, withTerminal(read, task.init.terminal));
            @SuppressWarnings(
                    "ReferenceEquality") // untouched is what is asked; a comparison would cost more than the writing
            boolean asRead = used == read;
            records.saveConfig(task.pod(), task.id, asRead ? json : SpecWriter.write(used));
            return used;
        });
        RuntimeOptions options = RuntimeOptions.of(request.getOptions());
        String byName = options.backend().isEmpty() ? task.pod().info().backend() : options.backend();
        String backend = spec.annotations().getOrDefault(Backends.ANNOTATION, byName);
        task.backendName(backend);
        task.spec(spec);
        Container container = backends.named(backend)
                .prepare(
                        records.request(task, spec, RuntimeOptions.mounts(request.getRootfsList()), options.options()),
                        launcher);
        task.container(container);
        records.save(task);
        container.begin();
        TaskLogger.start(task, stdio.logger(), task.init.launchId, launcher);
        task.restored(!request.getCheckpoint().isEmpty());
        Launch init = task.isRestored()
                ? container.restore(TaskCheckpoints.find(request.getCheckpoint(), Path.of(task.bundle)))
                : container.create();
        task.init.attach(init);
        task.init.apply(TaskEvent.BUILT);
        task.settled(false);
        records.save(task);
    }

    /** Does for a new task what its creator need not wait for: called when that has its answer. */
    void settle(Task task) {
        task.lock.lock();
        try {
            settleHeld(task);
        } finally {
            task.lock.unlock();
        }
    }

    /** With the task's lock held: a start that is faster than the one who answered the Create does it itself. */
    void settleHeld(Task task) {
        Launch init = task.init.launch();
        if (task.isSettled() || init == null || task.init.state() != TaskState.CREATED) {
            return;
        }
        task.settled(true);
        try {
            Container container = TaskLifecycle.requireContainer(task);
            container.settle(init);
            task.oomKillsSeen(container.oomKills());
            container.watchOom(() -> executor.execute(() -> TaskExits.publishOom(task)));
        } catch (ContainerFault e) {
            // Its init has ended: the start will say so.
            log().log(System.Logger.Level.DEBUG, "after creation of " + task.id + ": " + e.getMessage());
        }
        CannedAnswers.refresh(task);
    }

    /** The request decides, not the configuration. */
    private static Spec withTerminal(Spec spec, boolean terminal) {
        if (spec.process() == null || spec.process().terminal() == terminal) {
            return spec;
        }
        ProcessSpec.Builder process = spec.process().toBuilder();
        process.terminal = terminal;
        Spec.Builder b = spec.toBuilder();
        b.process = process.build();
        return b.build();
    }

    /** In the namespaces of the pod's sandbox, if it has one of its own. */
    private static Spec inSandbox(Task task, Spec spec) {
        for (Task other : Tasks.of(task.pod()).values()) {
            if (!other.isSandbox() || other == task || other.container() == null) {
                continue;
            }
            Spec sandbox = other.spec();
            if (sandbox != null && other.init.pid() != 0) {
                return SandboxMembers.join(
                        spec, sandbox, other.init.pid(), Path.of(other.bundle).resolve(SandboxMembers.SHM));
            }
        }
        return spec;
    }

    private void undoCreate(Task task, LazyLauncher launcher, boolean opened) {
        if (!opened) {
            // A client waits for the end of its fifos: they must have been open once.
            try {
                launcher.openIo(
                        task.init.launchId,
                        StdioUris.parse(task.init.stdin, task.init.stdout, task.init.stderr, false)
                                .stdio());
            } catch (ContainerFault e) {
                log().log(System.Logger.Level.DEBUG, e.getMessage());
            }
        }
        removal.discard(task);
        Tasks.of(task.pod()).remove(task.id, task);
    }

    /** Not a constant: to load the logging takes ten milliseconds of a daemon's start, and nothing may ever be logged. */
    private static System.Logger log() {
        return System.getLogger(TaskCreation.class.getName());
    }
}
