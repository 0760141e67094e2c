package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Hook;
import dev.caisson.oci.StateJson;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Hooks (runtime-spec, "POSIX-platform Hooks"). They get the container's state as JSON on standard input. */
public final class HookSteps {
    private static final int POLLIN = 1;
    private static final int ETIME = 62;
    private static final int DECIMAL_ROOM = 24;

    private final PlanBuilder p;
    private final StateJson.AroundPid state;
    private final Arg containerPid;

    /** @param containerPid the pid that the state tells */
    HookSteps(Steps s, StateJson.AroundPid state, Arg containerPid) {
        this.p = s.p;
        this.state = state;
        this.containerPid = containerPid;
    }

    /**
     * A plan of its own for a hook in the runtime's namespaces: its player becomes the hook.
     *
     * @param containerPid the pid that the state tells
     * @param output a file for what the hook prints, to be quoted when it fails
     */
    public static LaunchPlan runtimeHook(
            Hook hook, String bundle, StateJson.AroundPid state, int containerPid, String output) {
        Steps s = new Steps();
        PlanBuilder p = s.p;
        HookSteps hooks = new HookSteps(s, state, c(containerPid));
        p.call("tie to the monitor's life", Sys.PRCTL, c(PR_SET_PDEATHSIG), c(SIGKILL), c(0), c(0), c(0));
        p.call("start session", Sys.SETSID);
        p.call("enter bundle " + bundle, Sys.CHDIR, p.string(bundle));
        Arg.Slot out = p.slot();
        p.callInto(
                out,
                "open " + output,
                Sys.OPENAT,
                c(AT_FDCWD),
                p.string(output),
                c(O_WRONLY | O_CREAT | O_CLOEXEC),
                c(0600));
        p.call("set up hook's output", Sys.DUP2, out, c(1));
        p.call("set up hook's output", Sys.DUP2, out, c(2));
        hooks.input();
        hooks.execute(hook);
        return p.build();
    }

    private void input() {
        Arg.Slot fd = p.slot();
        Arg.Slot digits = p.slot();
        Arg.Data pid = p.room(DECIMAL_ROOM);
        p.callInto(fd, "make hook's input", Sys.MEMFD_CREATE, p.string("state"), c(0));
        write(fd, state.beforePid());
        p.decimal(digits, containerPid, pid);
        p.call("write hook's input", Sys.WRITE, fd, pid, digits);
        write(fd, state.afterPid());
        p.call("rewind hook's input", Sys.LSEEK, fd, c(0), c(0));
        p.call("set up hook's input", Sys.DUP2, fd, c(0));
    }

    private void write(Arg.Slot fd, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        p.call("write hook's input", Sys.WRITE, fd, p.bytes(bytes), c(bytes.length));
    }

    private void execute(Hook hook) {
        List<String> args = hook.args().isEmpty() ? List.of(hook.path()) : hook.args();
        Arg.Slot result = p.slot();
        List<String> env = hook.env();
        p.attemptInto(
                result,
                Sys.EXECVE,
                p.string(hook.path()),
                p.stringArray(args),
                p.stringArray(env == null ? List.of() : env));
        p.fail("run hook " + hook.path(), result);
    }

    /** Runs a hook in the namespaces of the process that plays this, and waits for it. */
    void run(String point, Hook hook) {
        String what = "run " + point + " hook " + hook.path();
        Arg.Slot pid = p.slot();
        Arg.Slot result = p.slot();
        Arg.Data pidfd = p.room(8);
        PlanBuilder.Label parent = new PlanBuilder.Label();
        // Not clone3: a filter is loaded when startContainer hooks run, and many refuse a call whose arguments they
        // cannot see.
        p.callInto(pid, what, Sys.CLONE, c(CLONE_PIDFD | SIGCHLD), Arg.ZERO, pidfd, Arg.ZERO, Arg.ZERO);
        p.jumpIfNotEqual(pid, c(0), parent);
        input();
        execute(hook);
        p.place(parent);
        Arg.Data status = p.room(8);
        if (hook.timeoutSeconds() != null) {
            PlanBuilder.Label inTime = new PlanBuilder.Label();
            Arg.Slot fd = p.slot();
            Arg.Data poll = p.struct(4, 0, 2, POLLIN, 2, 0);
            p.load(fd, pidfd, 4);
            p.store(fd, poll, 4);
            p.callInto(result, what, Sys.PPOLL, poll, c(1), p.struct(8, hook.timeoutSeconds(), 8, 0), Arg.ZERO, c(0));
            p.jumpIfNotEqual(result, c(0), inTime);
            p.attempt(Sys.KILL, pid, c(SIGKILL));
            p.attempt(Sys.WAIT4, pid, status, c(0), Arg.ZERO);
            p.fail(what + ": not finished within " + hook.timeoutSeconds() + " s", c(-ETIME));
            p.place(inTime);
        }
        PlanBuilder.Label good = new PlanBuilder.Label();
        p.call(what, Sys.WAIT4, pid, status, c(0), Arg.ZERO);
        p.load(result, status, 4);
        p.jumpIfEqual(result, c(0), good);
        p.fail(what + ": it failed", c(-EPERM));
        p.place(good);
    }
}
