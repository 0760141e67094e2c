package dev.caisson.shim.task;

import dev.caisson.backend.Container;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.shim.pod.Pod;
import java.io.IOException;
import java.util.concurrent.ExecutorService;

/** What a new daemon does with the pods of an earlier one: reads their records, and matches them with what their monitors hold. */
public final class TaskRecovery {
    private static final int SIGKILL = 9;
    private static final long WATCH_AGAIN_MILLIS = 3000;

    private final TaskRemoval removal;
    private final TaskExits exits;
    private final TaskRecords records;
    private final ExecutorService executor;

    TaskRecovery(TaskRemoval removal, TaskExits exits, TaskRecords records, ExecutorService executor) {
        this.removal = removal;
        this.exits = exits;
        this.records = records;
        this.executor = executor;
    }

    public void load(Pod pod) throws IOException {
        records.loadAll(pod, new LazyLauncher(pod));
    }

    /** Matches records with what the monitor holds. On the event loop; work that may block is handed on. */
    public void attached(Pod pod, MonitorLink link) {
        for (Task task : Tasks.of(pod).values()) {
            boolean unwanted = isUnwanted(task, link);
            adopt(task, task.init, link);
            for (TaskProcess p : task.execs.values()) {
                adopt(task, p, link);
            }
            if (unwanted) {
                executor.execute(() -> removal.destroy(task));
            } else {
                CannedAnswers.refresh(task);
            }
        }
        executor.execute(() -> watchAgain(pod));
        for (Launch l : link.launches()) {
            boolean known = Tasks.of(pod).values().stream().anyMatch(t -> t.processOfLaunch(l.id()) != null);
            if (!known) {
                // A logger belongs to no process; it ends with the streams that it reads.
                String tag = link.tag(l);
                if (tag.startsWith(Launcher.WALL_TAG)) {
                    continue; // the wall's, which asks for it when its container is recovered, and forgets it
                }
                if (!tag.startsWith(LoggerPlan.TAG)) {
                    l.kill(SIGKILL);
                }
                l.exit().thenRun(l::forget);
            }
        }
    }

    /**
     * Whether the container's Create was committed and was answered as unavailable when its daemon died: in the middle of it, or between the record and
     * the answer; or an earlier daemon has begun to discard it. As it was stored, before what has happened to it since is looked at.
     */
    private static boolean isUnwanted(Task task, MonitorLink link) {
        TaskState state = task.init.state();
        Launch init = link.find(task.init.launchId);
        return task.isUnwanted()
                || state == TaskState.CREATING
                || (state == TaskState.CREATED && init != null && link.isLost(init) && !init.gateUsed());
    }

    /** After the first requests have had their turn: looking at every container of the node takes a while. */
    private void watchAgain(Pod pod) {
        try {
            Thread.sleep(WATCH_AGAIN_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        for (Task task : Tasks.of(pod).values()) {
            Container container = task.init.isAlive() ? task.container() : null;
            if (container != null) {
                TaskExits.publishOom(task);
                container.watchOom(() -> executor.execute(() -> TaskExits.publishOom(task)));
            }
        }
    }

    private void adopt(Task task, TaskProcess p, MonitorLink link) {
        link.reserveIds(p.launchId);
        Launch l = link.find(p.launchId);
        if (l == null) {
            return;
        }
        if (!p.isInit && ExecsAhead.isWaiting(task, l)) {
            return; // until somebody starts it
        }
        p.attach(l);
        boolean ran = l.isLaunched() && !l.hasFailed() && l.pid() != 0 && (!p.isInit || l.gateUsed());
        if (ran && p.state() == TaskState.CREATED) {
            p.markStarted();
            TaskEvents.started(task, p);
            task.pod().events().send();
        }
        ProcessExit exit = l.exit().getNow(null);
        if (exit != null) {
            task.exits.execute(() -> onAdoptedExit(task, p, exit));
        }
    }

    /** Stored or not, published or not: it is published again, with the status that is known. */
    private void onAdoptedExit(Task task, TaskProcess p, ProcessExit exit) {
        if (p.exit() == null) {
            exits.onExit(task, p, exit);
        } else {
            exits.publishExit(task, p);
        }
    }
}
