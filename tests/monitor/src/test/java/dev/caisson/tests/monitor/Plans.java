package dev.caisson.tests.monitor;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.util.List;

/** Small launch plans. */
final class Plans {
    static final int SAID_PID = 1;
    static final int SAID_CONSOLE = 2;
    private static final long CLONE_PARENT = 0x8000;
    private static final int PR_SET_PDEATHSIG = 1;
    private static final int TIOCSPTLCK = 0x40045431;
    private static final int TIOCGPTPEER = 0x5441;
    private static final int TIOCSCTTY = 0x540e;
    private static final int O_RDWR_NOCTTY = 0x102;

    private Plans() {}

    static Arg.Const c(long value) {
        return Arg.of(value);
    }

    /** For the flag SELF: the player itself becomes a shell. */
    static LaunchPlan selfShell(String script) {
        PlanBuilder p = new PlanBuilder();
        p.call("tie to the monitor's life", Sys.PRCTL, c(PR_SET_PDEATHSIG), c(9), c(0), c(0), c(0));
        streams(p);
        shell(p, script);
        return p.build();
    }

    /** A process like a container's: the monitor's child, made by a launcher that then ends. */
    static LaunchPlan shell(String script) {
        PlanBuilder p = new PlanBuilder();
        child(p, false);
        streams(p);
        shell(p, script);
        return p.build();
    }

    /** As {@link #shell}; the process waits for a byte at the gate and ends with 3 when the gate is closed instead. */
    static LaunchPlan gated(String script) {
        PlanBuilder p = new PlanBuilder();
        child(p, false);
        streams(p);
        gate(p);
        shell(p, script);
        return p.build();
    }

    /** As {@link #shell}, with a launcher that is slower than its process. */
    static LaunchPlan shellOfASlowLauncher(String script) {
        PlanBuilder p = new PlanBuilder();
        child(p, false, true);
        streams(p);
        shell(p, script);
        return p.build();
    }

    /** Whose process finds no program. */
    static LaunchPlan failing() {
        PlanBuilder p = new PlanBuilder();
        child(p, false);
        p.call("run program", Sys.EXECVE, p.string("/nonexistent"), c(0), c(0));
        return p.build();
    }

    /** A shell on a terminal of its own. */
    static LaunchPlan terminal(String script, boolean pidLast) {
        PlanBuilder p = new PlanBuilder();
        child(p, pidLast);
        Arg.Slot master = p.slot();
        Arg.Slot slave = p.slot();
        p.call("start session", Sys.SETSID);
        p.callInto(master, "open /dev/ptmx", Sys.OPEN, p.string("/dev/ptmx"), c(O_RDWR_NOCTTY | 0x80000));
        p.call("unlock terminal", Sys.IOCTL, master, c(TIOCSPTLCK), p.room(8));
        p.callInto(slave, "open terminal", Sys.IOCTL, master, c(TIOCGPTPEER), c(O_RDWR_NOCTTY | 0x80000));
        p.call("make terminal the controlling one", Sys.IOCTL, slave, c(TIOCSCTTY), c(0));
        for (int fd = 0; fd < 3; fd++) {
            p.call("set up stream", Sys.DUP2, slave, c(fd));
        }
        p.note(SAID_CONSOLE, master);
        gate(p);
        shell(p, script);
        return p.build();
    }

    /** Makes the monitor's child; the launcher's side of the plan ends here. */
    static void child(PlanBuilder p, boolean pidLast) {
        child(p, pidLast, false);
    }

    private static void child(PlanBuilder p, boolean pidLast, boolean stays) {
        Arg.Slot pid = p.slot();
        PlanBuilder.Label child = new PlanBuilder.Label();
        Arg.Data args = p.struct(8, CLONE_PARENT, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0);
        p.callInto(pid, "create process", Sys.CLONE3, args, c(88));
        p.jumpIfEqual(pid, c(0), child);
        if (pidLast) {
            sleep(p, 300);
        }
        p.note(SAID_PID, pid);
        if (stays) {
            sleep(p, 300);
        }
        p.call("exit", Sys.EXIT, c(0));
        p.place(child);
        p.call("tie to the monitor's life", Sys.PRCTL, c(PR_SET_PDEATHSIG), c(9), c(0), c(0), c(0));
    }

    static void sleep(PlanBuilder p, int millis) {
        p.attempt(Sys.PPOLL, c(0), c(0), p.struct(8, millis / 1000, 8, millis % 1000 * 1_000_000L), c(0), c(0));
    }

    static void exit(PlanBuilder p, int code) {
        p.call("exit", Sys.EXIT, c(code));
    }

    static void gate(PlanBuilder p) {
        Arg.Slot got = p.slot();
        PlanBuilder.Label on = new PlanBuilder.Label();
        p.callInto(got, "wait at gate", Sys.READ, c(PlanBuilder.GATE_FD), p.room(8), c(1));
        p.jumpIfEqual(got, c(1), on);
        exit(p, 3);
        p.place(on);
    }

    private static void streams(PlanBuilder p) {
        for (int fd = 0; fd < 3; fd++) {
            p.call("set up stream " + fd, Sys.DUP2, c(PlanBuilder.STDIN_FD + fd), c(fd));
        }
    }

    private static void shell(PlanBuilder p, String script) {
        p.call(
                "run shell",
                Sys.EXECVE,
                p.string("/bin/sh"),
                p.stringArray(List.of("sh", "-c", script)),
                p.stringArray(List.of("PATH=/usr/bin:/bin")));
    }
}
