package dev.caisson.shim.task;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.shim.translate.StdioUris;

/**
 * Processes of execs, made between Exec and the Start that follows it. containerd and its client take milliseconds from the one to the
 * other; to make the process takes about one, which is over then. It waits right before its program, as a container's init does before
 * Start. Nobody is told of it: it has no state, no exit and no event. It has its streams already, so an exec that nobody starts keeps it until it is
 * deleted or its container ends.
 */
final class ExecsAhead {
    /** Ends the tag of such a launch, by which a later daemon knows it. No id of containerd's has a space. */
    private static final String TAG = " (ahead)";

    private static final int SIGKILL = 9;

    private ExecsAhead() {}

    /** Makes the process of an exec that was added just now; what stands against it is the start's to tell. May block. */
    static void make(Task task, TaskProcess p) {
        task.lock.lock();
        try {
            Launch init = task.init.launch();
            Container container = task.container();
            if (init == null
                    || container == null
                    || task.init.state() != TaskState.RUNNING
                    || p.state() != TaskState.CREATED
                    || p.wasStarted()
                    || task.execs.get(p.id) != p) {
                return;
            }
            StdioUris stdio = StdioUris.parse(p.stdin, p.stdout, p.stderr, p.terminal);
            LazyLauncher launcher = new LazyLauncher(task.pod());
            if (stdio.logger() != null || p.terminal || launcher.find(p.launchId) != null) {
                return;
            }
            launcher.openIo(p.launchId, stdio.stdio());
            String tag = "exec " + task.id + " " + p.id + TAG;
            Launch made = container.execAhead(init, p.launchId, tag, p.execSpec(), p.launchId);
            if (made != null) {
                CannedAnswers.exec(task, p);
            }
        } catch (ContainerFault e) {
            log().log(System.Logger.Level.DEBUG, "ahead of exec " + p.id + " in " + task.id + ": " + e.getMessage());
        } finally {
            task.lock.unlock();
        }
    }

    /** Lets the process of an exec go on that waits, whichever daemon made it. With the task's lock held. */
    static void start(Task task, TaskProcess p, Container container, Launch init, Launch made) throws ContainerFault {
        ProcessExit ended = made.exit().getNow(null);
        if (ended != null && !made.hasFailed()) {
            throw new ContainerFault(
                    ContainerFault.Kind.FAILED,
                    "exec " + p.id + " in " + task.id + ": the process ended with status " + ended.code()
                            + " before it could run its program");
        }
        container.startAhead(init, made, p.execSpec());
    }

    /** Ends the process if nobody has started it. With the task's lock held. */
    static void drop(Task task, TaskProcess p) {
        Launch l = new LazyLauncher(task.pod()).find(p.launchId);
        if (l != null && isWaiting(task, l)) {
            l.kill(SIGKILL);
            l.forget();
        }
    }

    /** Whether a launch is of this kind, and has not been let go. */
    static boolean isWaiting(Task task, Launch l) {
        MonitorLink link = task.pod().link();
        return link != null && !l.gateUsed() && link.tag(l).endsWith(TAG);
    }

    /** Not a constant: to load the logging takes ten milliseconds of a daemon's start, and nothing may ever be logged. */
    private static System.Logger log() {
        return System.getLogger(ExecsAhead.class.getName());
    }
}
