package dev.caisson.shim.task;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.lifecycle.TaskEvent;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.shim.pod.Pod;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Taking tasks away: by Delete, by the {@code delete} command, and because nobody else will. */
public final class TaskRemoval {
    private static final int SIGKILL = 9;
    private static final Duration KILL_TIME = Duration.ofSeconds(5);
    private static final Duration EVENTS_BEFORE_DELETE = Duration.ofSeconds(2);
    private static final long GRAVE_MILLIS = 1000;

    private final TaskRecords records;
    private final TaskExits exits;

    TaskRemoval(TaskRecords records, TaskExits exits) {
        this.records = records;
        this.exits = exits;
    }

    /** What delete answers. */
    record Deleted(int pid, ProcessExit exit) {}

    Deleted delete(Task task, String execId) throws ContainerFault {
        TaskProcess p = TaskLifecycle.require(task, execId);
        task.lock.lock();
        try {
            if (!p.isInit) {
                return deleteExec(task, p);
            }
            p.check(TaskEvent.DELETE);
            Launch l = p.launch();
            if (p.state() == TaskState.CREATED && l != null) {
                l.kill(SIGKILL);
                l.awaitExit(KILL_TIME);
                ProcessExit exit = l.exit().getNow(null);
                if (exit != null) {
                    exits.onExit(task, p, exit);
                }
            }
            Container container = task.container();
            if (container != null) {
                container.destroy();
            }
            LazyLauncher launcher = new LazyLauncher(task.pod());
            for (TaskProcess e : task.execs.values()) {
                ExecsAhead.drop(task, e);
                launcher.closeIo(e.launchId);
            }
            launcher.closeIo(p.launchId);
            ProcessExit exit = p.exit() == null ? new ProcessExit(128 + SIGKILL, Instant.now()) : p.exit();
            p.apply(TaskEvent.DELETE);
            awaitEvents(task);
            records.bury(task, "", p.pid(), exit);
            records.delete(task);
            Tasks.of(task.pod()).remove(task.id, task);
            TaskEvents.deleted(task, exit);
            return new Deleted(p.pid(), exit);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "delete container " + task.id + ": " + e.getMessage(), e);
        } finally {
            task.lock.unlock();
        }
    }

    /**
     * The exit event must be out before the record that could repeat it goes. Whoever asks for a delete is a living containerd, so
     * this takes no time; the limit is for one that dies meanwhile.
     */
    private static void awaitEvents(Task task) {
        try {
            task.exits.settle(EVENTS_BEFORE_DELETE);
            if (!task.pod().events().drain(EVENTS_BEFORE_DELETE)) {
                log().log(System.Logger.Level.WARNING, "events of " + task.id + " are not delivered before its delete");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private Deleted deleteExec(Task task, TaskProcess p) throws ContainerFault {
        if (p.isAlive()) {
            throw new ContainerFault(
                    Kind.WRONG_STATE, "cannot delete process " + p.id + " that is not stopped: running");
        }
        ExecsAhead.drop(task, p);
        new LazyLauncher(task.pod()).closeIo(p.launchId);
        ProcessExit exit = p.exit() == null ? new ProcessExit(0, Instant.now()) : p.exit();
        awaitEvents(task);
        try {
            records.bury(task, p.id, p.pid(), exit);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "delete process " + p.id + ": " + e.getMessage(), e);
        }
        task.execs.remove(p.id, p);
        records.saveOrLog(task);
        return new Deleted(p.pid(), exit);
    }

    /** What an earlier daemon's delete would have answered; null when it did not get that far. */
    @Nullable
    Deleted buried(Pod pod, String id, String execId) {
        return records.buried(pod, id, execId);
    }

    /** The caller of delete has its answer, or will have it in a moment: a daemon killed right now may still lose it. */
    void forgetBuried(Pod pod, String id, String execId) {
        try {
            Thread.sleep(GRAVE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        if (!pod.isEnded()) {
            records.forgetBuried(pod, id, execId);
        }
    }

    /** Ends a container whatever state it is in; for the {@code delete} command and for dead monitors. */
    public void destroy(Task task) {
        task.lock.lock();
        try {
            discard(task);
            Tasks.of(task.pod()).remove(task.id, task);
        } finally {
            task.lock.unlock();
        }
    }

    /** Removes all tasks of a pod. */
    public void destroyAll(Pod pod) {
        for (Task task : List.copyOf(Tasks.of(pod).values())) {
            destroy(task);
        }
    }

    /** Removes everything that a half-made or dead task has. */
    void discard(Task task) {
        // A daemon that dies in the middle of this leaves the rest to the next one.
        task.markUnwanted();
        if (!task.pod().isEnded()) {
            records.saveOrLog(task);
        }
        LazyLauncher launcher = new LazyLauncher(task.pod());
        Launch init = launcher.find(task.init.launchId);
        if (init != null) {
            init.kill(SIGKILL);
            if (init.pid() != 0) {
                init.awaitExit(KILL_TIME);
            }
            init.forget();
        }
        for (TaskProcess p : task.execs.values()) {
            Launch l = launcher.find(p.launchId);
            if (l != null) {
                l.kill(SIGKILL);
                l.forget();
            }
            launcher.closeIo(p.launchId);
        }
        launcher.closeIo(task.init.launchId);
        Container container = task.container();
        if (container != null) {
            try {
                container.destroy();
            } catch (ContainerFault e) {
                log().log(System.Logger.Level.WARNING, e.getMessage());
            }
        }
        try {
            records.delete(task);
        } catch (IOException e) {
            log().log(System.Logger.Level.WARNING, "remove record of " + task.id + ": " + e.getMessage());
        }
    }

    /** Not a constant: to load the logging takes ten milliseconds of a daemon's start, and nothing may ever be logged. */
    private static System.Logger log() {
        return System.getLogger(TaskRemoval.class.getName());
    }
}
