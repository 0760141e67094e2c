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
 *
 * <p>That of a container that may mount does that too ({@link MountSteps}), inside of the container's user namespace.
 */
final class GuardPlan {
    /** The note's code; those below 64 belong to launch plans. Its value is the guard's pid. */
    static final int NOTE_GUARDS = 65;

    private static final int SIGKILL = 9;
    private static final int POLLIN = 1;
    private static final int POLLFD_SIZE = 8;
    private static final int REVENTS = 6;

    private GuardPlan() {}

    /**
     * @param outlives whether the container outlives whoever launches this
     * @param mounts whether its processes may mount
     */
    static LaunchPlan of(int sandbox, int init, boolean outlives, boolean mounts) {
        PlanBuilder p = WallWatcher.begin("guard", outlives);
        Arg.Slot sandboxFd = p.slot();
        Arg.Slot initFd = p.slot();
        Arg.Slot self = p.slot();
        p.callInto(sandboxFd, "open sandbox process", Sys.PIDFD_OPEN, Arg.of(sandbox), Arg.ZERO);
        p.callInto(initFd, "open container's init", Sys.PIDFD_OPEN, Arg.of(init), Arg.ZERO);
        MountSteps server = mounts ? new MountSteps(p, initFd) : null;
        if (server != null) {
            server.enter();
            if (!outlives) {
                // Other rights may have ended what was set before.
                WallWatcher.tie(p, "guard");
            }
        }
        Arg.Data waited = p.struct(4, 0, 2, POLLIN, 2, 0, 4, 0, 2, POLLIN, 2, 0, 4, -1, 2, POLLIN, 2, 0);
        p.store(sandboxFd, waited, 4);
        p.store(initFd, waited.plus(POLLFD_SIZE), 4);
        p.callInto(self, "get pid", Sys.GETPID);
        p.note(NOTE_GUARDS, self);
        if (server == null) {
            p.call("wait for an end", Sys.PPOLL, waited, Arg.of(2), Arg.ZERO, Arg.ZERO);
        } else {
            serve(p, server, waited);
        }
        p.attempt(Sys.PIDFD_SEND_SIGNAL, initFd, Arg.of(SIGKILL), Arg.ZERO, Arg.ZERO);
        return p.build();
    }

    private static void serve(PlanBuilder p, MountSteps server, Arg.Data waited) {
        PlanBuilder.Label again = new PlanBuilder.Label();
        PlanBuilder.Label end = new PlanBuilder.Label();
        Arg.Slot happened = p.slot();
        p.store(server.requests(), waited.plus(2 * POLLFD_SIZE), 4);
        p.place(again);
        p.call("wait for an end or a request", Sys.PPOLL, waited, Arg.of(3), Arg.ZERO, Arg.ZERO);
        for (int i = 0; i < 2; i++) {
            p.load(happened, waited.plus(i * POLLFD_SIZE + REVENTS), 2);
            p.jumpIfNotEqual(happened, Arg.ZERO, end);
        }
        server.answer(end);
        p.jump(again);
        p.place(end);
    }
}
