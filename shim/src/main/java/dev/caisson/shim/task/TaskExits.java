package dev.caisson.shim.task;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.ProcessExit;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.shim.pod.Pod;
import java.time.Duration;
import java.time.Instant;

/** Ends of processes: in which order they are made known, stored before told, and what goes with them. */
public final class TaskExits {
    private static final int SIGKILL = 9;
    private static final Duration KILL_TIME = Duration.ofSeconds(5);

    private final TaskRecords records;

    TaskExits(TaskRecords records) {
        this.records = records;
    }

    /** A process was reaped; called in the order of the monitor's reports. Must not block. */
    public void exited(Pod pod, MonitorLink link, int launch) {
        Launch l = link.find(launch);
        if (l == null) {
            return;
        }
        for (Task task : Tasks.of(pod).values()) {
            TaskProcess p = task.processOfLaunch(launch);
            if (p != null) {
                ProcessExit exit = l.exit().getNow(null);
                if (exit != null) {
                    task.exits.execute(() -> onExit(task, p, exit));
                }
                return;
            }
        }
    }

    void onExit(Task task, TaskProcess p, ProcessExit exit) {
        Launch l = p.isInit ? null : new LazyLauncher(task.pod()).find(p.launchId);
        if (l != null && ExecsAhead.isWaiting(task, l)) {
            return; // it has not begun
        }
        if (p.isInit && !task.hasOwnPids()) {
            endSharedPids(task);
        }
        if (p.onExit(exit)) {
            publishExit(task, p);
        }
    }

    /** Without a pid namespace of its own the container's other processes outlive init, and their exits must come before its. */
    private void endSharedPids(Task task) {
        Container container = task.container();
        try {
            if (container != null) {
                container.signalAll(SIGKILL);
            }
        } catch (ContainerFault e) {
            log().log(System.Logger.Level.WARNING, e.getMessage());
        }
        for (TaskProcess p : task.execs.values()) {
            Launch l = p.launch();
            if (l != null && p.exit() == null && l.awaitExit(KILL_TIME)) {
                ProcessExit exit = l.exit().getNow(null);
                if (exit != null && p.onExit(exit)) {
                    publishExit(task, p);
                }
            }
        }
    }

    void publishExit(Task task, TaskProcess p) {
        ProcessExit exit = java.util.Objects.requireNonNull(p.exit());
        publishOom(task);
        // Before anybody is told: a later daemon must tell the same, and may be asked to delete what has ended.
        records.saveOrLog(task);
        Launch l = p.launch();
        TaskEvents.exited(task, p, exit, () -> {
            if (l != null) {
                l.forget();
            }
        });
        p.exited.complete(exit);
        task.pod().events().send();
    }

    /** Looks and tells in one step: whoever publishes an exit after this does so after the event. */
    static void publishOom(Task task) {
        synchronized (task) {
            if (task.takeOom()) {
                TaskEvents.oom(task);
                task.pod().events().send();
            }
        }
    }

    /**
     * Waits until more than {@code seen} of a container's processes were killed for lack of memory, or its init has ended.
     *
     * @return how many there were
     */
    public static long awaitOom(Pod pod, String id, long seen) throws ContainerFault {
        Task task = Tasks.of(pod).get(id);
        if (task == null) {
            throw new ContainerFault(ContainerFault.Kind.NOT_FOUND, "container does not exist: " + id);
        }
        try {
            return task.awaitOom(seen);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(ContainerFault.Kind.UNAVAILABLE, "interrupted while " + id + " runs", e);
        }
    }

    /** Kills what a dead monitor's pod still runs; records stay until {@code delete} asks. */
    public void killLeftovers(Pod pod) {
        for (Task task : Tasks.of(pod).values()) {
            Container container = task.container();
            try {
                if (container != null) {
                    container.signalAll(SIGKILL);
                }
            } catch (ContainerFault e) {
                log().log(System.Logger.Level.WARNING, e.getMessage());
            }
            ProcessExit killed = new ProcessExit(128 + SIGKILL, Instant.now());
            task.init.onNeverRan(killed);
            task.init.exited.complete(killed);
        }
    }

    /** Not a constant: to load the logging takes ten milliseconds of a daemon's start, and nothing may ever be logged. */
    private static System.Logger log() {
        return System.getLogger(TaskExits.class.getName());
    }
}
