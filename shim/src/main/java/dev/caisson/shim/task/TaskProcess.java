package dev.caisson.shim.task;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.lifecycle.TaskEvent;
import dev.caisson.backend.lifecycle.TaskMachine;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.oci.ProcessSpec;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A container's init or an exec'd process, as containerd sees it. Guarded by itself; holds no lock while anything waits.
 *
 * <p>The exit may be known before the start has been answered. It is held back until the start event is queued: containerd must
 * see start before exit.
 */
final class TaskProcess {
    private static final Duration CATCH_UP = Duration.ofSeconds(10);

    /** Container id for init, exec id otherwise: what exit events call it. */
    final String id;

    final boolean isInit;
    final int launchId;
    final String stdin;
    final String stdout;
    final String stderr;
    final boolean terminal;
    /** What an exec is to run, as it came; null for init. */
    final @Nullable String specJson;

    /** The same, read; null for init. */
    final @Nullable ProcessSpec spec;
    /** Completes when the exit is visible to everybody. */
    final CompletableFuture<ProcessExit> exited = new CompletableFuture<>();

    private TaskState state = TaskState.CREATING;
    private int pid;
    private @Nullable Launch launch;
    private @Nullable ProcessExit exit;
    private boolean starting;
    private boolean started;
    private boolean exitHeld;
    private boolean startPledged;

    TaskProcess(
            String id,
            boolean isInit,
            int launchId,
            String stdin,
            String stdout,
            String stderr,
            boolean terminal,
            @Nullable String specJson,
            @Nullable ProcessSpec spec) {
        this.id = id;
        this.isInit = isInit;
        this.launchId = launchId;
        this.stdin = stdin;
        this.stdout = stdout;
        this.stderr = stderr;
        this.terminal = terminal;
        this.specJson = specJson;
        this.spec = spec;
    }

    /** What an exec is to run; whether it has a terminal says the request, not the specification. */
    ProcessSpec execSpec() {
        ProcessSpec.Builder b = java.util.Objects.requireNonNull(spec).toBuilder();
        b.terminal = terminal;
        return b.build();
    }

    synchronized TaskState state() {
        return state;
    }

    synchronized int pid() {
        return pid;
    }

    synchronized @Nullable Launch launch() {
        return launch;
    }

    synchronized @Nullable ProcessExit exit() {
        return exit;
    }

    synchronized boolean isAlive() {
        return exit == null && launch != null;
    }

    /** Whether its program has run, as far as any daemon got to know. */
    synchronized boolean wasStarted() {
        return started || state == TaskState.RUNNING || state == TaskState.PAUSED;
    }

    /** Takes what an earlier daemon stored. */
    synchronized void restore(
            TaskState storedState, int storedPid, boolean wasStarted, @Nullable ProcessExit storedExit) {
        started = wasStarted;
        state = storedState;
        pid = storedPid;
        exit = storedExit;
        if (storedExit != null) {
            state = storedState == TaskState.DELETED ? storedState : TaskState.STOPPED;
            exited.complete(storedExit);
        }
    }

    synchronized void attach(Launch l) {
        launch = l;
        if (l.pid() != 0) {
            pid = l.pid();
        }
    }

    /** Moves to the state after the event. */
    synchronized void apply(TaskEvent event) throws ContainerFault {
        state = TaskMachine.next(state, event, id);
    }

    /** Checks the event and moves nothing. */
    synchronized void check(TaskEvent event) throws ContainerFault {
        var _ = TaskMachine.next(state, event, id);
    }

    /** An earlier daemon started it, and was lost before it could write that down. */
    synchronized void markStarted() {
        started = true;
        if (state == TaskState.CREATED) {
            state = TaskState.RUNNING;
        }
    }

    synchronized void beginStart() throws ContainerFault {
        var _ = TaskMachine.next(state, TaskEvent.START, id);
        if (starting) {
            throw new ContainerFault(
                    ContainerFault.Kind.WRONG_STATE, "cannot start an already running container: " + id);
        }
        starting = true;
    }

    /**
     * The start was answered for good or bad.
     *
     * @return whether an exit was held back and is to be published now
     */
    synchronized boolean endStart(boolean ran) {
        starting = false;
        startPledged = false;
        notifyAll();
        started |= ran;
        if (ran && exit == null && state == TaskState.CREATED) {
            state = TaskState.RUNNING;
        }
        boolean held = exitHeld;
        exitHeld = false;
        return held;
    }

    /**
     * The process was reaped.
     *
     * @return whether its exit event is to be published now; false when it was already, or a start is under way
     */
    synchronized boolean onExit(ProcessExit how) {
        if (exit != null) {
            return false;
        }
        exit = how;
        if (state != TaskState.DELETED) {
            state = TaskState.STOPPED;
        }
        if (starting) {
            exitHeld = true;
            return false;
        }
        return true;
    }

    /** The monitor may answer the start that has begun. */
    synchronized void startPledged() {
        startPledged = true;
    }

    /** Waits until what the monitor may have told is so here, too. Not called with a lock held. */
    void catchUp(Task task) {
        try {
            awaitPledgedStart(task);
            Launch l = launch();
            if (l != null && l.exit().isDone() && !exited.isDone() && task.endsByItself(this)) {
                task.exits.settle(CATCH_UP);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void awaitPledgedStart(Task task) throws InterruptedException {
        if (!startPledged) {
            return;
        }
        Launch l = new LazyLauncher(task.pod()).find(launchId);
        long end = System.nanoTime() + CATCH_UP.toNanos();
        while (startPledged && l != null && l.isLaunched()) {
            long millis = (end - System.nanoTime()) / 1_000_000;
            if (millis <= 0) {
                return;
            }
            wait(millis);
        }
    }

    /** Marks as ended a process that never ran. */
    synchronized void onNeverRan(ProcessExit how) {
        if (exit == null) {
            exit = how;
            state = TaskState.STOPPED;
        }
    }
}
