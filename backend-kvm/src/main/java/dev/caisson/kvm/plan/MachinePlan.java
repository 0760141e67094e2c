package dev.caisson.kvm.plan;

import dev.caisson.backend.WallUser;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.util.List;

/**
 * Starts the process that is a machine: in namespaces of its own, with the files of its {@link Jail}, as a user that is nobody else's. It keeps the plan's gate. Pure.
 */
public final class MachinePlan {
    private static final int AT_FDCWD = -100;
    private static final int PR_SET_NO_NEW_PRIVS = 38;
    /**
     * DAC_OVERRIDE, for containers' disks and /dev/kvm; and what the guest's processes may do with the host's files that it shares: CHOWN, FOWNER,
     * FSETID, SETGID and SETUID (whose they are), SETFCAP.
     */
    private static final long NEEDED = 1L | 1L << 1 | 1L << 3 | 1L << 4 | 1L << 6 | 1L << 7 | 1L << 31;

    private static final int F_SETFD = 2;

    private static final int CLONE_NEWNET = 0x4000_0000;
    private static final int CLONE_NEWNS = 0x2_0000;
    private static final int CLONE_NEWIPC = 0x800_0000;
    private static final int O_WRONLY_CREAT_APPEND_CLOEXEC = 0x80441;

    private MachinePlan() {}

    /**
     * The plan.
     *
     * @param argv a path first
     * @param log takes its standard output and error
     */
    public static LaunchPlan of(List<String> argv, String log, Jail jail) {
        PlanBuilder p = new PlanBuilder();
        Arg.Data args = p.stringArray(argv);
        Arg.Data env = p.stringArray(List.of());
        Arg.Data program = p.string(argv.getFirst());
        p.call("start session", Sys.SETSID);
        Arg.Slot file = p.slot();
        p.callInto(
                file,
                "open " + log,
                Sys.OPENAT,
                Arg.of(AT_FDCWD),
                p.string(log),
                Arg.of(O_WRONLY_CREAT_APPEND_CLOEXEC),
                Arg.of(0600));
        // Not one of the caller's streams: who reads those to their end does not wait for a machine.
        for (int fd = PlanBuilder.STDIN_FD; fd <= PlanBuilder.STDERR_FD; fd++) {
            p.attempt(Sys.CLOSE, Arg.of(fd));
        }
        p.call("set up standard output", Sys.DUP2, file, Arg.of(1));
        p.call("set up standard error", Sys.DUP2, file, Arg.of(2));
        Arg.Slot nothing = p.slot();
        p.callInto(nothing, "open /dev/null", Sys.OPENAT, Arg.of(AT_FDCWD), p.string("/dev/null"), Arg.ZERO);
        p.call("set up standard input", Sys.DUP2, nothing, Arg.of(0));
        WallUser.limit(p, NEEDED);
        p.call(
                "leave the host's network, mounts and IPC",
                Sys.UNSHARE,
                Arg.of(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC));
        jail.build(p);
        jail.enter(p);
        WallUser.become(p, NEEDED);
        p.call("set no_new_privs", Sys.PRCTL, Arg.of(PR_SET_NO_NEW_PRIVS), Arg.of(1), Arg.ZERO, Arg.ZERO, Arg.ZERO);
        p.call("keep gate", Sys.FCNTL, Arg.of(PlanBuilder.GATE_FD), Arg.of(F_SETFD), Arg.ZERO);
        Arg.Slot result = p.slot();
        p.attemptInto(result, Sys.EXECVE, program, args, env);
        p.fail("exec " + argv.getFirst(), result);
        return p.build();
    }
}
