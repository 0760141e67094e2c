package dev.caisson.backend;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;

/** A small process of a pod's own that sleeps until something of the wall's ends: how its plan begins. Pure. */
public final class WallWatcher {
    private static final int PR_SET_PDEATHSIG = 1;
    private static final int SIGKILL = 9;

    private WallWatcher() {}

    /**
     * Ties it to whoever launches it, and holds nothing of theirs: who reads the caller's streams to their end does not wait for the wall.
     *
     * @param what it is, for messages
     * @param outlives whether what it watches lives on without the one who launches it
     */
    public static PlanBuilder begin(String what, boolean outlives) {
        PlanBuilder p = new PlanBuilder();
        if (!outlives) {
            tie(p, what);
        }
        p.call("start session", Sys.SETSID);
        for (int fd = 0; fd <= 2; fd++) {
            p.call("set up stream " + fd, Sys.DUP2, Arg.of(PlanBuilder.STDIN_FD), Arg.of(fd));
        }
        p.call("change to /", Sys.CHDIR, p.string("/"));
        return p;
    }

    /** Ends it with the one who launched it. */
    public static void tie(PlanBuilder p, String what) {
        p.call(
                "tie " + what + " to the monitor's life",
                Sys.PRCTL,
                Arg.of(PR_SET_PDEATHSIG),
                Arg.of(SIGKILL),
                Arg.ZERO,
                Arg.ZERO,
                Arg.ZERO);
    }
}
