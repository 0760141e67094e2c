package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.backend.Handover;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The plan for one more process in a running container: enters what init has, then becomes the program. */
public final class ExecPlan {
    private ExecPlan() {}

    /**
     * @param initPid init's pid on the host; the caller keeps it from being reused
     * @param annotations the container's; they restrict every process of it
     * @param home what an environment without HOME gets as long as the user database is the same; null when nothing is known
     * @param ahead whether it is made before anybody wants the program to run: it waits at its gate, and says {@link Notes#HOME_KNOWN} when it
     *     needs no more than to be let go
     */
    public static LaunchPlan of(
            int initPid,
            Linux linux,
            Map<String, String> annotations,
            ProcessSpec process,
            HostFacts host,
            PlanInput.CgroupJoin cgroups,
            PlanInput.@Nullable SeccompFilter seccomp,
            int ioUid,
            int ioGid,
            @Nullable KnownHome home,
            Handover handover,
            boolean ahead) {
        Steps s = new Steps();
        PlanBuilder p = s.p;
        ProcessSteps steps = new ProcessSteps(s, process, host, linux.hasNamespace(NamespaceType.USER), handover);
        IdMapSteps ids = new IdMapSteps(s, linux);
        boolean userNamespace = linux.hasNamespace(NamespaceType.USER);
        Arg.Slot pidfd = p.slot();
        Arg.Slot pid = p.slot();
        PlanBuilder.Label child = new PlanBuilder.Label();

        // Before it is visible in the container: it has host descriptors open until it execs (CVE-2016-9962).
        p.call("become non-dumpable", Sys.PRCTL, c(PR_SET_DUMPABLE), c(0), c(0), c(0), c(0));
        p.attempt(Sys.UMASK, c(0));
        p.callInto(pidfd, "open init process " + initPid, Sys.PIDFD_OPEN, c(initPid), c(0));
        steps.ownStreams(
                ioUid >= 0 ? ioUid : ids.hostUid(process.user().uid()),
                ioGid >= 0 ? ioGid : ids.hostGid(process.user().gid()));
        if (userNamespace) {
            steps.raiseLimits();
        }
        ProcessSpec.ExecCpuAffinity affinity = process.execCpuAffinity();
        if (affinity != null) {
            steps.affinity(affinity.initialCpus());
        }
        Arg.Data zero = p.string("0");
        for (String file : cgroups.taskFiles()) {
            Arg.Slot fd = p.slot();
            p.callInto(fd, "open " + file, Sys.OPENAT, c(AT_FDCWD), p.string(file), c(O_WRONLY | O_CLOEXEC));
            p.call("join cgroup " + file, Sys.WRITE, fd, zero, c(1));
            p.attempt(Sys.CLOSE, fd);
        }
        long cloneFlags = CLONE_PARENT | CLONE_CLEAR_SIGHAND;
        String unified = cgroups.unifiedDirectory();
        String fallback = cgroups.unifiedFallback();
        if (userNamespace && cgroups.given()) {
            new CgroupSteps(s, cgroups).moveToUnified();
            unified = null;
            fallback = null;
        }
        Arg.Slot dir = p.slot();
        if (unified != null) {
            cloneFlags |= CLONE_INTO_CGROUP;
            p.callInto(
                    dir,
                    "open cgroup " + unified,
                    Sys.OPENAT,
                    c(AT_FDCWD),
                    p.string(unified),
                    c(O_PATH | O_DIRECTORY | O_CLOEXEC));
        }
        Arg.Slot fallbackDir = p.slot();
        if (fallback != null) {
            p.callInto(
                    fallbackDir,
                    "open cgroup " + fallback,
                    Sys.OPENAT,
                    c(AT_FDCWD),
                    p.string(fallback),
                    c(O_PATH | O_DIRECTORY | O_CLOEXEC));
        }
        Arg.Slot procfs = p.slot();
        Arg.Slot self = p.slot();
        boolean labels = isSet(process.apparmorProfile()) || isSet(process.selinuxLabel());
        if (labels) {
            // The host's: a /proc of the container's may be a fake that swallows the label (CVE-2019-16884).
            p.callInto(
                    procfs,
                    "open /proc",
                    Sys.OPENAT,
                    c(AT_FDCWD),
                    p.string("/proc"),
                    c(O_PATH | O_DIRECTORY | O_CLOEXEC));
        }
        new OomScoreSteps(s, process, host.user()).own();
        long namespaces = 0;
        for (Linux.Namespace ns : linux.namespaces()) {
            // Later: a process in it may not be born in a group outside of it (cgroup2 with nsdelegate: ENOENT).
            if (ns.type() != NamespaceType.CGROUP) {
                namespaces |= NamespaceSteps.flag(ns.type());
            }
        }
        // Init always has a mount namespace of its own; see InitPlan.
        p.call("enter namespaces of init process " + initPid, Sys.SETNS, pidfd, c(namespaces | CLONE_NEWNS));
        Arg.Data args = s.cloneArgs(cloneFlags, 0);
        if (unified != null) {
            p.store(dir, args.plus(80), 8);
        }
        PlanBuilder.Label made = new PlanBuilder.Label();
        if (fallback != null) {
            PlanBuilder.Label first = new PlanBuilder.Label();
            p.attemptInto(pid, Sys.CLONE3, args, c(CLONE_ARGS_SIZE));
            s.jumpIfDone(pid, made);
            p.jumpIfEqual(pid, c(-EBUSY), first);
            p.fail("create process", pid);
            p.place(first);
            p.store(fallbackDir, args.plus(80), 8);
        }
        p.callInto(pid, "create process", Sys.CLONE3, args, c(CLONE_ARGS_SIZE));
        p.place(made);
        p.jumpIfEqual(pid, c(0), child);
        p.note(Notes.PID, pid);
        s.exit(0);

        p.place(child);
        if (affinity != null) {
            steps.affinity(affinity.finalCpus());
        }
        p.call("tie to the monitor's life", Sys.PRCTL, c(PR_SET_PDEATHSIG), c(SIGKILL), c(0), c(0), c(0));
        p.call("start session", Sys.SETSID);
        if (cgroups.entry() == PlanInput.Entry.BY_DAEMON) {
            p.note(Notes.BORN, c(0));
            s.waitAtGate(p.room(8), 1);
        }
        if (linux.hasNamespace(NamespaceType.CGROUP)) {
            p.call("enter cgroup namespace of init process " + initPid, Sys.SETNS, pidfd, c(CLONE_NEWCGROUP));
        }
        if (userNamespace) {
            s.becomeRootOfUserNamespace();
        }
        s.openRoot();
        if (labels) {
            p.callInto(
                    self,
                    "open /proc/thread-self",
                    Sys.OPENAT,
                    procfs,
                    p.string("thread-self"),
                    c(O_PATH | O_DIRECTORY | O_CLOEXEC));
        }
        if (process.terminal()) {
            steps.terminal(false);
        } else {
            steps.streams();
        }
        steps.securityLabels(self);
        steps.setNoNewPrivileges();
        steps.scheduling();
        steps.limits();
        Arg.Slot passwd = p.slot();
        p.set(passwd, c(-ENOENT));
        Arg.Slot homeIsKnown = null;
        if (steps.program().needsHome()) {
            passwd = steps.program().openPasswd();
            homeIsKnown = steps.program().compare(passwd, home);
        }
        LandlockSteps landlock = new LandlockSteps(s, LandlockPolicy.of(annotations), host);
        landlock.prepare();
        steps.enterCwd();
        if (!steps.noNewPrivileges()) {
            landlock.enforce();
            steps.seccomp(seccomp);
        }
        steps.identity();
        steps.program().lookUp();
        if (steps.noNewPrivileges()) {
            landlock.enforce();
            steps.seccomp(seccomp);
        }
        if (ahead && homeIsKnown != null) {
            PlanBuilder.Label ask = new PlanBuilder.Label();
            p.jumpIfNotEqual(homeIsKnown, c(1), ask);
            p.set(passwd, c(Notes.HOME_KNOWN));
            p.place(ask);
        }
        if (ahead || mustWait(process, seccomp)) {
            steps.program().waitForStart(Notes.READY, passwd);
        } else if (homeIsKnown != null) {
            steps.program().waitUnless(homeIsKnown, Notes.READY, passwd);
        }
        steps.execute();
        return p.build();
    }

    /** Whether the plan waits at its gate in any case: for its terminal or listener to be taken. */
    public static boolean mustWait(ProcessSpec process, PlanInput.@Nullable SeccompFilter seccomp) {
        return process.terminal() || (seccomp != null && seccomp.listener());
    }

    /** Whether the plan waits at its gate if what is known of the user's home does not hold. */
    public static boolean mayWait(ProcessSpec process) {
        return process.env().stream().noneMatch(e -> e.startsWith("HOME="));
    }

    private static boolean isSet(@Nullable String text) {
        return text != null && !text.isEmpty();
    }
}
