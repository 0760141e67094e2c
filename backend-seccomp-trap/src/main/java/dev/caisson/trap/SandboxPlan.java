package dev.caisson.trap;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.util.List;

/**
 * Starts a sandbox process. It keeps the plan's own pipes: the gate, by which the daemon tells it what to serve and whose end of file says that
 * the pod's monitor is gone, and the notes, by which it answers.
 */
final class SandboxPlan {
    private static final int PR_SET_PDEATHSIG = 1;
    private static final int PR_CAPBSET_DROP = 24;
    private static final int PR_SET_NO_NEW_PRIVS = 38;
    private static final int LAST_CAPABILITY = 63;
    /**
     * CHOWN, DAC_OVERRIDE, DAC_READ_SEARCH, FOWNER and FSETID, which guests may have over their files; SETGID and SETUID, to take on their users;
     * SYS_PTRACE, to read their memory; SYS_CHROOT and SYS_ADMIN, to enter their namespaces (setns(2)).
     */
    private static final long NEEDED = 0b11111 | 1L << 6 | 1L << 7 | 1L << 18 | 1L << 19 | 1L << 21;

    private static final int SIGKILL = 9;
    private static final int F_SETFD = 2;
    private static final int AT_FDCWD = -100;
    private static final int LOG_FLAGS = 0x441; // O_WRONLY | O_CREAT | O_APPEND

    private SandboxPlan() {}

    /**
     * @param argv its command line, a path first
     * @param log file for what it says about itself
     */
    static LaunchPlan of(List<String> argv, String log) {
        PlanBuilder p = new PlanBuilder();
        Arg.Slot fd = p.slot();
        Arg.Data args = p.stringArray(argv);
        Arg.Data env = p.stringArray(List.of());
        Arg.Data path = p.string(argv.getFirst());
        p.call(
                "tie sandbox process to the monitor's life",
                Sys.PRCTL,
                Arg.of(PR_SET_PDEATHSIG),
                Arg.of(SIGKILL),
                Arg.ZERO,
                Arg.ZERO,
                Arg.ZERO);
        for (int cap = 0; cap <= LAST_CAPABILITY; cap++) {
            if ((NEEDED & 1L << cap) == 0) {
                // EINVAL beyond what the kernel knows.
                p.attempt(Sys.PRCTL, Arg.of(PR_CAPBSET_DROP), Arg.of(cap), Arg.ZERO, Arg.ZERO, Arg.ZERO);
            }
        }
        p.call("set no_new_privs", Sys.PRCTL, Arg.of(PR_SET_NO_NEW_PRIVS), Arg.of(1), Arg.ZERO, Arg.ZERO, Arg.ZERO);
        p.call("start session", Sys.SETSID);
        p.callInto(fd, "open " + log, Sys.OPENAT, Arg.of(AT_FDCWD), p.string(log), Arg.of(LOG_FLAGS), Arg.of(0600));
        p.call("set up standard input", Sys.DUP2, Arg.of(PlanBuilder.STDIN_FD), Arg.of(0));
        p.call("set up standard output", Sys.DUP2, fd, Arg.of(1));
        p.call("set up standard error", Sys.DUP2, fd, Arg.of(2));
        p.call("keep notes", Sys.FCNTL, Arg.of(PlanBuilder.NOTE_FD), Arg.of(F_SETFD), Arg.ZERO);
        p.call("keep gate", Sys.FCNTL, Arg.of(PlanBuilder.GATE_FD), Arg.of(F_SETFD), Arg.ZERO);
        p.attempt(Sys.CLOSE, fd);
        Arg.Slot result = p.slot();
        p.attemptInto(result, Sys.EXECVE, path, args, env);
        p.fail("exec sandbox process " + argv.getFirst(), result);
        return p.build();
    }
}
