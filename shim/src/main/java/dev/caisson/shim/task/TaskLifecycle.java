package dev.caisson.shim.task;

import dev.caisson.backend.Backends;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.lifecycle.TaskEvent;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.backend.state.RecordStore;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.Resources;
import dev.caisson.oci.ResourcesReader;
import dev.caisson.shim.pod.Pod;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;
import java.time.Duration;
import java.util.concurrent.ExecutorService;

/** What is done to tasks, and what happens to them: the effects of the Task service, here and in the parts that it gives out. */
public final class TaskLifecycle {
    static final int SIGKILL = 9;
    /** How long a killed process has to be gone. */
    static final Duration KILL_TIME = Duration.ofSeconds(5);

    private final TaskRecords records;
    private final TaskExits exits;
    private final TaskRecovery recovery;
    private final TaskRemoval removal;
    private final TaskCreation creation;
    private final TaskStarts starts;

    public TaskLifecycle(RecordStore store, Backends backends, ExecutorService executor) {
        this.records = new TaskRecords(store, backends);
        this.exits = new TaskExits(records);
        this.removal = new TaskRemoval(records, exits);
        this.creation = new TaskCreation(backends, records, removal, executor);
        this.starts = new TaskStarts(creation, records, exits);
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

    /** The part that makes them. */
    public TaskCreation creation() {
        return creation;
    }

    /** The part that starts their processes. */
    TaskStarts starts() {
        return starts;
    }

    // ---- sandboxes ----

    /** Makes the task that holds a sandbox's namespaces. */
    public void createSandbox(Pod pod, String id, String bundle) throws ContainerFault {
        Task task = creation.create(
                pod, CreateTaskRequest.newBuilder().setId(id).setBundle(bundle).build(), launch -> {}, true);
        creation.settle(task);
    }

    public int startSandbox(SandboxTask sandbox, boolean again) throws ContainerFault {
        return starts.start(sandbox.task(), "", again, p -> {});
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
