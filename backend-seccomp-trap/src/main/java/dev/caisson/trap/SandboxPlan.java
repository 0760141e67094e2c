package dev.caisson.trap;

import dev.caisson.backend.WallUser;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.util.List;

/** Starts a sandbox process, which keeps the plan's gate: the daemon tells it there which container it is for. */
final class SandboxPlan {
    private static final long CLONE_NEWIPC = 0x0800_0000L;
    private static final long CLONE_NEWNET = 0x4000_0000L;
    private static final int PR_SET_NO_NEW_PRIVS = 38;
    /**
     * CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER and FSETID, which guests may have over their files; SETGID and SETUID, to take on their users;
     * SYS_PTRACE, to read their memory; SYS_CHROOT and SYS_ADMIN, to enter their namespaces (setns(2)).
     */
    private static final long NEEDED = 0b11111 | 1L << 6 | 1L << 7 | 1L << 18 | 1L << 19 | 1L << 21;

    /** To return to the priority that it has now where RLIMIT_NICE cannot be raised for that. */
    private static final long SYS_NICE = 1L << 23;

    private static final int F_SETFD = 2;
    private static final int RLIMIT_NICE = 13;
    /** Nice 0 (getrlimit(2)). */
    private static final int ORDINARY_NICE = 20;

    private SandboxPlan() {}

    /**
     * @param argv its command line, a path first
     * @param mayRaiseLimits whether who plays the plan has CAP_SYS_RESOURCE
     */
    static LaunchPlan of(List<String> argv, boolean mayRaiseLimits) {
        long capabilities = mayRaiseLimits ? NEEDED : NEEDED | SYS_NICE;
        PlanBuilder p = new PlanBuilder();
        Arg.Data args = p.stringArray(argv);
        Arg.Data env = p.stringArray(List.of());
        Arg.Data path = p.string(argv.getFirst());
        if (mayRaiseLimits) {
            // Its threads may come back from SCHED_IDLE (sched(7)) to what they are now.
            p.call(
                    "let it have its priority back",
                    Sys.PRLIMIT64,
                    Arg.ZERO,
                    Arg.of(RLIMIT_NICE),
                    p.struct(8, ORDINARY_NICE, 8, ORDINARY_NICE),
                    Arg.ZERO);
        }
        WallUser.limit(p, capabilities);
        // Its answering threads join the containers' own; nothing that it makes before is the host's.
        p.call("leave the host's network", Sys.UNSHARE, Arg.of(CLONE_NEWNET | CLONE_NEWIPC));
        WallUser.become(p, capabilities);
        p.call("set no_new_privs", Sys.PRCTL, Arg.of(PR_SET_NO_NEW_PRIVS), Arg.of(1), Arg.ZERO, Arg.ZERO, Arg.ZERO);
        p.call("start session", Sys.SETSID);
        p.call("change to /", Sys.CHDIR, p.string("/"));
        p.call("set up standard input", Sys.DUP2, Arg.of(PlanBuilder.STDIN_FD), Arg.of(0));
        p.call("set up standard output", Sys.DUP2, Arg.of(PlanBuilder.STDERR_FD), Arg.of(1));
        p.call("set up standard error", Sys.DUP2, Arg.of(PlanBuilder.STDERR_FD), Arg.of(2));
        p.call("keep gate", Sys.FCNTL, Arg.of(PlanBuilder.GATE_FD), Arg.of(F_SETFD), Arg.ZERO);
        Arg.Slot result = p.slot();
        p.attemptInto(result, Sys.EXECVE, path, args, env);
        p.fail("exec sandbox process " + argv.getFirst(), result);
        return p.build();
    }
}
