package dev.caisson.trap;

import dev.caisson.backend.WallWatcher;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;

/**
 * The guard of a container: a process of the pod's that sleeps until the sandbox process or the container's init has ended, and then ends the
 * init, whoever else is there to do it. The daemon may come and go. Its gate is where the sandbox process is told what to serve
 * in this container, its notes are where it answers: the sandbox process takes both out of it (pidfd_getfd(2)).
 */
final class GuardPlan {
    /** The note's code; those below 64 belong to launch plans. Its value is the guard's pid. */
    static final int NOTE_GUARDS = 65;

    private static final int SIGKILL = 9;
    private static final int POLLIN = 1;
    private static final int POLLFD_SIZE = 8;

    private GuardPlan() {}

    /**
     * @param outlives whether the container outlives whoever launches this
     */
    static LaunchPlan of(int sandbox, int init, boolean outlives) {
        PlanBuilder p = WallWatcher.begin("guard", outlives);
        Arg.Slot sandboxFd = p.slot();
        Arg.Slot initFd = p.slot();
        Arg.Slot self = p.slot();
        p.callInto(sandboxFd, "open sandbox process", Sys.PIDFD_OPEN, Arg.of(sandbox), Arg.ZERO);
        p.callInto(initFd, "open container's init", Sys.PIDFD_OPEN, Arg.of(init), Arg.ZERO);
        Arg.Data waited = p.struct(4, 0, 2, POLLIN, 2, 0, 4, 0, 2, POLLIN, 2, 0);
        p.store(sandboxFd, waited, 4);
        p.store(initFd, waited.plus(POLLFD_SIZE), 4);
        p.callInto(self, "get pid", Sys.GETPID);
        p.note(NOTE_GUARDS, self);
        p.call("wait for an end", Sys.PPOLL, waited, Arg.of(2), Arg.ZERO, Arg.ZERO);
        p.attempt(Sys.PIDFD_SEND_SIGNAL, initFd, Arg.of(SIGKILL), Arg.ZERO, Arg.ZERO);
        return p.build();
    }
}
