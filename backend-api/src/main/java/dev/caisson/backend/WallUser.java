package dev.caisson.backend;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;

/** The user that a wall's own process is: none of the host's, and no other process's, with the capabilities that it needs and no others. Pure. */
public final class WallUser {
    /** Users of walls' processes: this and the pid, so that no two have the same, and no account of a host or an image that of one. */
    public static final int BASE = 2_000_000_000;

    private static final int PR_SET_KEEPCAPS = 8;
    private static final int PR_CAPBSET_DROP = 24;
    private static final int PR_CAP_AMBIENT = 47;
    private static final int PR_CAP_AMBIENT_RAISE = 2;
    private static final int CAPABILITY_VERSION_3 = 0x2008_0522;
    private static final int LAST_CAPABILITY = 63;

    private WallUser() {}

    /**
     * Limits what can be had again by executing something.
     *
     * @param needed a bit for each capability (capabilities(7))
     */
    public static void limit(PlanBuilder p, long needed) {
        for (int cap = 0; cap <= LAST_CAPABILITY; cap++) {
            if ((needed & 1L << cap) == 0) {
                // EINVAL beyond what the kernel knows.
                p.attempt(Sys.PRCTL, Arg.of(PR_CAPBSET_DROP), Arg.of(cap), Arg.ZERO, Arg.ZERO, Arg.ZERO);
            }
        }
    }

    /** Another user, which keeps what is needed over execve, as ambient capabilities. */
    public static void become(PlanBuilder p, long needed) {
        Arg.Slot user = p.slot();
        p.callInto(user, "get pid", Sys.GETPID);
        p.add(user, user, Arg.of(BASE));
        p.call("keep capabilities over the change of user", Sys.PRCTL, Arg.of(PR_SET_KEEPCAPS), Arg.of(1));
        p.call("drop groups", Sys.SETGROUPS, Arg.ZERO, Arg.ZERO);
        p.call("set group id", Sys.SETRESGID, user, user, user);
        p.call("set user id", Sys.SETRESUID, user, user, user);
        p.call(
                "set capabilities",
                Sys.CAPSET,
                p.struct(4, CAPABILITY_VERSION_3, 4, 0),
                p.struct(4, needed, 4, needed, 4, needed, 4, needed >>> 32, 4, needed >>> 32, 4, needed >>> 32));
        for (int cap = 0; cap <= LAST_CAPABILITY; cap++) {
            if ((needed & 1L << cap) != 0) {
                p.call(
                        "keep capability " + cap,
                        Sys.PRCTL,
                        Arg.of(PR_CAP_AMBIENT),
                        Arg.of(PR_CAP_AMBIENT_RAISE),
                        Arg.of(cap),
                        Arg.ZERO,
                        Arg.ZERO);
            }
        }
    }
}
