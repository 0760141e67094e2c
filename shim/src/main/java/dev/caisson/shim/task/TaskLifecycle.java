package dev.caisson.shim.task;

import dev.caisson.backend.Backends;
import dev.caisson.backend.ConfigFile;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.lifecycle.TaskEvent;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.backend.state.RecordStore;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.ProcessReader;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.ResourcesReader;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecWriter;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.translate.RuntimeOptions;
import dev.caisson.shim.translate.StdioUris;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;
import dev.caisson.ttrpc.proto.task.ExecProcessRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What is done to tasks, and what happens to them. All effects of the Task service are here. */
public final class TaskLifecycle {
    static final int SIGKILL = 9;
    private static final Duration LOGGER_START = Duration.ofSeconds(10);
    private static final Duration KILL_TIME = Duration.ofSeconds(5);

    private final Backends backends;
    private final TaskRecords records;
    private final TaskExits exits;
    private final TaskRecovery recovery;
    private final TaskRemoval removal;
    private final ExecutorService executor;
    private final SpecsAhead specsAhead;

    public TaskLifecycle(RecordStore store, Backends backends, ExecutorService executor) {
        this.backends = backends;
        this.specsAhead = new SpecsAhead(executor);
        this.records = new TaskRecords(store, backends);
        this.executor = executor;
        this.exits = new TaskExits(records);
        this.removal = new TaskRemoval(records, exits);
        this.recovery = new TaskRecovery(removal, exits, records, executor);
    }

    /** The part that deals with ends. */
    public TaskExits exits() {
        return exits;
    }

    /** The part that deals with an earlier daemon's pods. */
    public TaskRecovery recovery() {
        return recovery;
    }

    /** The part that deals with removing. */
    public TaskRemoval removal() {
        return removal;
    }

    /** Configurations whose Create will come. */
    public SpecsAhead specsAhead() {
        return specsAhead;
    }

    // ---- create ----

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

    private Task create(Pod pod, CreateTaskRequest request, Commit commit, boolean isSandbox) throws ContainerFault {
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
        startLogger(task, stdio.logger(), task.init.launchId, launcher);
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
    private void settleHeld(Task task) {
        Launch init = task.init.launch();
        if (task.isSettled() || init == null || task.init.state() != TaskState.CREATED) {
            return;
        }
        task.settled(true);
        try {
            Container container = requireContainer(task);
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

    // ---- sandboxes ----

    /** Makes the task that holds a sandbox's namespaces. */
    public void createSandbox(Pod pod, String id, String bundle) throws ContainerFault {
        Task task = create(
                pod, CreateTaskRequest.newBuilder().setId(id).setBundle(bundle).build(), launch -> {}, true);
        settle(task);
    }

    public int startSandbox(SandboxTask sandbox, boolean again) throws ContainerFault {
        return start(sandbox.task(), "", again, p -> {});
    }

    /** Ends every process of a pod, the sandbox's own last. Idempotent. */
    public void stopAll(Pod pod, SandboxTask sandbox) {
        for (Task task : Tasks.of(pod).values()) {
            if (task != sandbox.task()) {
                killHard(task);
            }
        }
        killHard(sandbox.task());
        Launch l = sandbox.task().init.launch();
        if (l != null) {
            l.awaitExit(KILL_TIME);
        }
    }

    private static void killHard(Task task) {
        Container container = task.container();
        Launch l = task.init.launch();
        try {
            if (container != null) {
                container.signalAll(SIGKILL);
            }
        } catch (ContainerFault e) {
            log().log(System.Logger.Level.DEBUG, e.getMessage());
        }
        if (l != null) {
            l.kill(SIGKILL);
        }
    }

    private static void startLogger(Task task, StdioUris.@Nullable Logger logger, int io, LazyLauncher launcher)
            throws ContainerFault {
        if (logger == null) {
            return;
        }
        Launch l = launcher.spawn(
                launcher.nextId(),
                LoggerPlan.TAG + task.id,
                LoggerPlan.of(logger, task.id, task.pod().info().namespace()),
                io,
                Set.of(Launcher.Flag.SELF, Launcher.Flag.LOGGER_ENDS));
        l.awaitLaunched(LOGGER_START);
        l.exit().thenRun(l::forget);
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

    // ---- start ----

    /**
     * @param again an earlier daemon got the request too, and may have carried it out
     * @param pledge leaves the answer with the monitor; called only where there is nothing else to wait for
     */
    int start(Task task, String execId, boolean again, Consumer<TaskProcess> pledge) throws ContainerFault {
        TaskProcess p = require(task, execId);
        task.lock.lock();
        try {
            if (again && p.wasStarted()) {
                return p.pid();
            }
            if (!p.isInit && task.init.state() == TaskState.STOPPED) {
                throw new ContainerFault(Kind.WRONG_STATE, "cannot exec in a stopped container: " + task.id);
            }
            p.beginStart();
            boolean started = false;
            try {
                Container container = requireContainer(task);
                boolean runs = p.isInit && task.isRestored();
                if (container.runsWhenLaunched() && !runs) {
                    p.startPledged();
                    pledge.accept(p);
                }
                if (p.isInit) {
                    settleHeld(task);
                    if (!runs) {
                        container.start(java.util.Objects.requireNonNull(p.launch()));
                    }
                } else {
                    startExec(task, p, container);
                }
                started = true;
                TaskEvents.started(task, p);
            } finally {
                if (!started) {
                    startFailed(task, p);
                }
                if (p.endStart(started)) {
                    exits.publishExit(task, p);
                } else {
                    records.saveOrLog(task);
                }
                if (p.isInit && started) {
                    CannedAnswers.refresh(task);
                } else if (started) {
                    CannedAnswers.exec(task, p);
                }
            }
            return p.pid();
        } finally {
            task.lock.unlock();
        }
    }

    private void startExec(Task task, TaskProcess p, Container container) throws ContainerFault {
        Launch init = task.init.launch();
        if (init == null) {
            throw new ContainerFault(Kind.WRONG_STATE, "cannot exec in a stopped container: " + task.id);
        }
        LazyLauncher launcher = new LazyLauncher(task.pod());
        // Made ahead; or another daemon launched it and was lost before it could answer.
        Launch earlier = launcher.find(p.launchId);
        if (earlier != null) {
            if (ExecsAhead.isWaiting(task, earlier)) {
                ExecsAhead.start(task, p, container, init, earlier);
            } else {
                container.resumeExec(init, earlier, p.execSpec());
            }
            p.attach(earlier);
            ProcessExit exit = earlier.exit().getNow(null);
            if (exit != null) {
                exits.onExit(task, p, exit); // while it waited nobody listened
            }
            return;
        }
        StdioUris stdio = StdioUris.parse(p.stdin, p.stdout, p.stderr, p.terminal);
        launcher.openIo(p.launchId, stdio.stdio());
        startLogger(task, stdio.logger(), p.launchId, launcher);
        Launch l = container.exec(init, p.launchId, "exec " + task.id + " " + p.id, p.execSpec(), p.launchId);
        p.attach(l);
        CannedAnswers.refresh(task);
    }

    /** The task must end up where it can be waited for and deleted. */
    private void startFailed(Task task, TaskProcess p) {
        LazyLauncher launcher = new LazyLauncher(task.pod());
        Launch l = launcher.find(p.launchId);
        if (p.isInit) {
            if (l != null) {
                l.kill(SIGKILL);
                l.awaitExit(KILL_TIME);
            }
            return;
        }
        if (l != null) {
            l.kill(SIGKILL);
            l.forget();
        }
        launcher.closeIo(p.launchId);
        ProcessExit never = new ProcessExit(255, Instant.now());
        p.onNeverRan(never);
        p.exited.complete(never);
    }

    // ---- exec ----

    TaskProcess exec(Task task, ExecProcessRequest request) throws ContainerFault {
        String execId = Identifiers.require("exec id", request.getExecId());
        task.init.check(TaskEvent.EXEC);
        String json = request.getSpec().getValue().toString(StandardCharsets.UTF_8);
        ProcessSpec spec;
        try {
            spec = ProcessReader.read(json.getBytes(StandardCharsets.UTF_8));
        } catch (InvalidSpecException e) {
            throw new ContainerFault(Kind.INVALID, String.valueOf(e.getMessage()), e);
        }
        if (spec.args().isEmpty()) {
            throw new ContainerFault(Kind.INVALID, "process: args: must not be empty");
        }
        TaskProcess p = new TaskProcess(
                execId,
                false,
                new LazyLauncher(task.pod()).nextId(),
                request.getStdin(),
                request.getStdout(),
                request.getStderr(),
                request.getTerminal(),
                json,
                spec);
        if (execId.equals(task.id) || task.execs.putIfAbsent(execId, p) != null) {
            throw new ContainerFault(Kind.ALREADY_EXISTS, "exec with given ID already exists: " + execId);
        }
        p.apply(TaskEvent.BUILT);
        records.saveOrLog(task);
        TaskEvents.execAdded(task, execId);
        return p;
    }

    // ---- signals and the freezer ----

    void kill(Task task, String execId, int signal, boolean all) throws ContainerFault {
        if (signal < 0 || signal > 64) {
            throw new ContainerFault(Kind.INVALID, "unknown signal \"" + Integer.toUnsignedString(signal) + "\"");
        }
        TaskProcess p = require(task, execId);
        p.check(TaskEvent.KILL);
        Launch l = p.launch();
        if (l == null) {
            throw new ContainerFault(Kind.WRONG_STATE, "process is not started: " + p.id);
        }
        if (signal == 0) {
            return;
        }
        Container container = requireContainer(task);
        boolean whole = p.isInit && (all || (signal == SIGKILL && !task.hasOwnPids()));
        if (whole) {
            container.signalAll(signal);
            if (task.init.state() == TaskState.CREATED) {
                l.kill(signal);
            }
        } else {
            l.kill(signal);
        }
        if (signal == SIGKILL && task.init.state() == TaskState.PAUSED) {
            container.resume(); // a frozen task dies when it thaws
        }
    }

    void pause(Task task) throws ContainerFault {
        task.lock.lock();
        try {
            task.init.check(TaskEvent.PAUSE);
            requireContainer(task).pause();
            task.init.apply(TaskEvent.PAUSE);
            CannedAnswers.refresh(task);
            records.saveOrLog(task);
            TaskEvents.paused(task);
        } finally {
            task.lock.unlock();
        }
    }

    void resume(Task task) throws ContainerFault {
        task.lock.lock();
        try {
            task.init.check(TaskEvent.RESUME);
            requireContainer(task).resume();
            task.init.apply(TaskEvent.RESUME);
            CannedAnswers.refresh(task);
            records.saveOrLog(task);
            TaskEvents.resumed(task);
        } finally {
            task.lock.unlock();
        }
    }

    void update(Task task, byte[] resourcesJson) throws ContainerFault {
        task.lock.lock();
        try {
            task.init.check(TaskEvent.UPDATE);
            Resources resources = ResourcesReader.read(resourcesJson);
            requireContainer(task).update(resources);
        } catch (InvalidSpecException e) {
            throw new ContainerFault(Kind.INVALID, String.valueOf(e.getMessage()), e);
        } finally {
            task.lock.unlock();
        }
    }

    // ---- streams ----

    void resize(Task task, String execId, int width, int height) throws ContainerFault {
        TaskProcess p = require(task, execId);
        if (p.terminal) {
            new LazyLauncher(task.pod()).resize(p.launchId, Math.min(height, 0xffff), Math.min(width, 0xffff));
        }
    }

    /** As ResizePty, for a caller beside the Task service. */
    public void resize(Pod pod, String id, String execId, int width, int height) throws ContainerFault {
        Task task = Tasks.of(pod).get(id);
        if (task == null) {
            throw new ContainerFault(Kind.NOT_FOUND, "container does not exist: " + id);
        }
        resize(task, execId, width, height);
    }

    void closeStdin(Task task, String execId) throws ContainerFault {
        TaskProcess p = require(task, execId);
        new LazyLauncher(task.pod()).closeStdin(p.launchId);
    }

    // ---- look-ups ----

    static TaskProcess require(Task task, String execId) throws ContainerFault {
        TaskProcess p = task.process(execId);
        if (p == null) {
            throw new ContainerFault(
                    Kind.NOT_FOUND, "exec process " + execId + " does not exist in container " + task.id);
        }
        return p;
    }

    static Container requireContainer(Task task) throws ContainerFault {
        Container c = task.container();
        if (c == null) {
            throw new ContainerFault(Kind.WRONG_STATE, "container is not built: " + task.id);
        }
        return c;
    }

    /** Not a constant: to load the logging takes ten milliseconds of a daemon's start, and nothing may ever be logged. */
    private static System.Logger log() {
        return System.getLogger(TaskLifecycle.class.getName());
    }
}
