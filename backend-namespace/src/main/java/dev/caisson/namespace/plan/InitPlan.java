package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.backend.RootfsMount;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Hook;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The plan for a container's init. Two processes play it: the launcher on the host, and from clone3 on also the child that becomes
 * init. They meet once, at a pipe: the child goes on when the launcher has written id maps and cgroups.
 *
 * <p>The child's order is that of runc's init: streams, mounts, devices, (hooks), read-only and masked paths, pivot_root, names, sysctls, no_new_privs, scheduling, limits, identity, look-up of the program, seccomp; then it waits at the gate for start.
 */
public final class InitPlan {
    private final PlanInput in;
    private final Steps s = new Steps();
    private final PlanBuilder p = s.p;
    private final NamespaceSteps namespaces;
    private final IdMapSteps ids;
    private final CgroupSteps groups;
    private final OomScoreSteps oomScore;
    private final RootfsSteps rootfs;
    private final MountSteps mounts;
    private final SettingSteps settings;
    private final NetDeviceSteps devices;
    private final boolean userNamespace;
    private final boolean newMounts;
    /** Whose containers these are, if not root's. */
    private final HostFacts.@Nullable User rootless;

    private InitPlan(PlanInput in) {
        this.in = in;
        this.namespaces = new NamespaceSteps(s, in.spec().linux());
        this.ids = new IdMapSteps(s, in.spec().linux());
        this.groups = new CgroupSteps(s, in.cgroups());
        this.oomScore = new OomScoreSteps(s, in.spec().process(), in.host().user());
        this.rootfs = new RootfsSteps(s, in);
        this.mounts = new MountSteps(s, in);
        this.settings = new SettingSteps(s, in.spec());
        this.devices = new NetDeviceSteps(s, in.spec().linux(), in.host());
        this.rootless = in.host().user();
        this.userNamespace = namespaces.hasUser();
        // Without a mount namespace of its own the container would mount on the host: it gets one that nobody else
        // sees.
        this.newMounts = !namespaces.isJoined(NamespaceType.MOUNT);
    }

    /** The plan; {@code in.spec().process()} must be there. */
    public static LaunchPlan of(PlanInput in) {
        return new InitPlan(in).build();
    }

    private LaunchPlan build() {
        ProcessSpec process = java.util.Objects.requireNonNull(in.spec().process(), "process");
        Arg.Slot procfs = p.slot();
        Arg.Slot devNull = p.slot();
        Arg.Slot upRead = p.slot();
        Arg.Slot upWrite = p.slot();
        Arg.Slot pid = p.slot();
        PlanBuilder.Label child = new PlanBuilder.Label();

        // Nobody in the container may look into this process, which has host descriptors open until it execs
        // (CVE-2016-9962).
        if (!isMappedByUser()) {
            nonDumpable();
        }
        p.attempt(Sys.UMASK, c(0));
        p.callInto(
                procfs, "open /proc", Sys.OPENAT, c(AT_FDCWD), p.string("/proc"), c(O_PATH | O_DIRECTORY | O_CLOEXEC));
        List<Arg.Slot> joined = namespaces.openJoined();
        Arg.Data pipe = p.room(8);
        p.call("make pipe", Sys.PIPE2, pipe, c(O_CLOEXEC));
        p.load(upRead, pipe, 4);
        p.load(upWrite, pipe.plus(4), 4);
        ProcessSteps steps = new ProcessSteps(s, process, in.host(), userNamespace, in.handover());
        steps.ownStreams(
                in.ioUid() >= 0 ? in.ioUid() : ids.hostUid(process.user().uid()),
                in.ioGid() >= 0 ? in.ioGid() : ids.hostGid(process.user().gid()));
        if (userNamespace) {
            steps.raiseLimits();
        }
        mounts.openIdmapped(ids, procfs, namespaces.isJoined(NamespaceType.USER) ? joined.getFirst() : null);
        long flags = namespaces.cloneFlags(in.handover().namespaces()) | CLONE_PARENT | CLONE_CLEAR_SIGHAND;
        if (newMounts && !userNamespace) {
            p.call("create mount namespace", Sys.UNSHARE, c(CLONE_NEWNS));
            rootfs.mount();
        } else if (newMounts && rootless != null) {
            flags |= CLONE_NEWNS; // whose root may mount the rootfs; nobody else may
        } else if (newMounts) {
            // The rootfs is mounted with the host's rights first; the container's mount namespace is a copy that its
            // user
            // namespace owns.
            p.call("create mount namespace", Sys.UNSHARE, c(CLONE_NEWNS));
            rootfs.mount();
            // The child's working directory is moved to its copy of the mounts; a descriptor would stay with these.
            p.call("enter rootfs", Sys.FCHDIR, s.root);
            flags |= CLONE_NEWNS;
        }
        namespaces.newTime();
        if (devices.isNeeded()) {
            devices.find();
            if (namespaces.isJoined(NamespaceType.NETWORK)) {
                devices.moveToNamespace(namespaces.joinedSlot(joined, NamespaceType.NETWORK));
            }
        }
        String unified = in.cgroups().unifiedDirectory();
        if (in.cgroups().entry() == PlanInput.Entry.LATE || (isStaged() && unified != null)) {
            s.waitAtGate(p.room(8), 1);
        }
        List<Arg.Slot> cgroups = isStaged() ? List.of() : groups.open();
        if (namespaces.isJoined(NamespaceType.USER) && in.cgroups().given()) {
            groups.moveToUnified();
            unified = null;
        }
        if (namespaces.isJoined(NamespaceType.USER)) {
            // Inside there is no right to lower it any more.
            oomScore.own();
        }
        namespaces.join(joined);
        if (devices.isNeeded() && namespaces.isJoined(NamespaceType.NETWORK)) {
            devices.configure();
        }
        if (!newMounts) {
            rootfs.mount();
        }
        Arg.Data args = s.cloneArgs(unified == null ? flags : flags | CLONE_INTO_CGROUP, 0);
        if (unified != null) {
            Arg.Slot dir = p.slot();
            p.callInto(
                    dir,
                    "open cgroup " + unified,
                    Sys.OPENAT,
                    c(AT_FDCWD),
                    p.string(unified),
                    c(O_PATH | O_DIRECTORY | O_CLOEXEC));
            p.store(dir, args.plus(80), 8);
        }
        p.callInto(pid, "create container process", Sys.CLONE3, args, c(CLONE_ARGS_SIZE));
        p.jumpIfEqual(pid, c(0), child);
        launcher(procfs, upWrite, pid);
        p.place(child);
        child(steps, process, joined, cgroups, procfs, devNull, upRead, upWrite);
        return p.build();
    }

    /**
     * Flags of the namespaces that a launcher can make before it has its plan, which is then to say so ({@link
     * dev.caisson.backend.Handover#namespaces}): a network namespace takes the kernel some 0.5 ms. 0 when none is worth it.
     *
     * @param rootfs what is mounted by the launcher
     * @param byUser whether daemon and monitors are not root's
     */
    public static int namespacesAhead(Linux linux, List<RootfsMount> rootfs, boolean byUser) {
        return NamespaceSteps.ahead(linux, rootfs, byUser);
    }

    private boolean isStaged() {
        return in.cgroups().entry() == PlanInput.Entry.STAGED;
    }

    /**
     * Whether init itself can open the host's files of its groups, while it mounts: with the host's rights, and seeing the host's tree.
     */
    public static boolean canOpenGroups(Linux linux) {
        Linux.Namespace mount = linux.namespace(NamespaceType.MOUNT);
        return !linux.hasNamespace(NamespaceType.USER) && (mount == null || mount.path() == null);
    }

    private void launcher(Arg.Slot procfs, Arg.Slot upWrite, Arg.Slot pid) {
        p.note(Notes.PID, pid);
        Arg.Slot proc = s.openProc(procfs, pid);
        ids.write(proc, pid, rootless);
        if (!namespaces.isJoined(NamespaceType.USER)) {
            oomScore.of(proc);
        }
        if (devices.isNeeded() && namespaces.isNew(NamespaceType.NETWORK)) {
            devices.moveToProcess(pid);
        }
        p.call("release container process", Sys.WRITE, upWrite, p.string("g"), c(1));
        s.exit(0);
    }

    /**
     * Whether a user writes the maps of a new user namespace: as long as they do, the process's /proc files must be theirs, which those of
     * a non-dumpable one are not. Nobody else is in the namespaces yet.
     */
    private boolean isMappedByUser() {
        return rootless != null && namespaces.isNew(NamespaceType.USER);
    }

    private void nonDumpable() {
        p.call("become non-dumpable", Sys.PRCTL, c(PR_SET_DUMPABLE), c(0), c(0), c(0), c(0));
    }

    private void waitForLauncher(Arg.Slot upRead, Arg.Slot upWrite) {
        Arg.Slot got = p.slot();
        PlanBuilder.Label on = new PlanBuilder.Label();
        p.attempt(Sys.CLOSE, upWrite); // or its own copy would hide the launcher's end
        p.callInto(got, "wait for launcher", Sys.READ, upRead, p.room(8), c(1));
        p.jumpIfEqual(got, c(1), on);
        s.exit(1);
        p.place(on);
    }

    private void child(
            ProcessSteps steps,
            ProcessSpec process,
            List<Arg.Slot> joined,
            List<Arg.Slot> cgroups,
            Arg.Slot procfs,
            Arg.Slot devNull,
            Arg.Slot upRead,
            Arg.Slot upWrite) {
        p.call("tie to the monitor's life", Sys.PRCTL, c(PR_SET_PDEATHSIG), c(SIGKILL), c(0), c(0), c(0));
        p.call("start session", Sys.SETSID);
        if (userNamespace) {
            waitForLauncher(upRead, upWrite);
            if (isMappedByUser()) {
                nonDumpable();
            }
            if (newMounts && rootless != null) {
                p.call("become root of user namespace", Sys.SETRESUID, c(0), c(0), c(0));
                rootfs.mount();
                mounts.openSources();
            } else if (newMounts) {
                rootfs.reopen();
                // Still the host's root by its id, which may enter directories that the container's may not.
                mounts.openSources();
            }
            s.becomeRootOfUserNamespace();
        }
        if (!in.spec().linux().maskedPaths().isEmpty()) {
            p.callInto(
                    devNull,
                    "open host's /dev/null",
                    Sys.OPENAT,
                    c(AT_FDCWD),
                    p.string("/dev/null"),
                    c(O_PATH | O_CLOEXEC));
        }
        if (!in.noNewKeyring()) {
            p.attempt(Sys.KEYCTL, c(KEYCTL_JOIN_SESSION_KEYRING), p.string("_ses." + in.id()), c(0), c(0), c(0));
        }
        if (namespaces.isNew(NamespaceType.NETWORK)) {
            settings.loopback();
        }
        if (in.cgroups().entry() == PlanInput.Entry.BY_DAEMON) {
            // Before the mounts, of which one may be of the group: whoever makes it needs this process first.
            p.note(Notes.BORN, c(0));
            s.waitAtGate(p.room(8), 1);
        }
        // A mount may be of the groups.
        boolean groupsFirst = isStaged() && mounts.hasCgroup();
        if (groupsFirst) {
            waitForLauncher(upRead, upWrite);
            s.waitAtGate(p.room(8), 1);
        }
        mounts.all();
        new DeviceSteps(s, in.spec(), userNamespace || in.host().inUserNamespace()).all();
        if (!userNamespace && !groupsFirst) {
            waitForLauncher(upRead, upWrite);
        }
        if (devices.isNeeded() && namespaces.isNew(NamespaceType.NETWORK)) {
            devices.configure();
        }
        if (isStaged() && !groupsFirst) {
            s.waitAtGate(p.room(8), 1);
        }
        // Not before: nodes were made under the host's device rules, and what the mounts cost is the host's.
        groups.enter(isStaged() ? groups.open() : cgroups);
        namespaces.joinCgroup(joined);
        if (namespaces.isNew(NamespaceType.CGROUP)) {
            // Only now: a cgroup namespace takes the group that its maker is in for its root.
            p.call("create cgroup namespace", Sys.UNSHARE, c(CLONE_NEWCGROUP));
        }
        if (!in.spec().hooks().prestart().isEmpty()
                || !in.spec().hooks().createRuntime().isEmpty()) {
            p.note(Notes.MOUNTED, c(0));
            s.waitAtGate(p.room(8), 1);
        }
        Arg ownPid = ownPid();
        HookSteps hooks = new HookSteps(s, in.states().creating(), ownPid);
        for (Hook h : in.spec().hooks().createContainer()) {
            hooks.run("createContainer", h);
        }
        // Before the host's tree goes: the mask for files is a clone of the host's /dev/null.
        ProtectedPathSteps paths = mounts.protectedPaths();
        paths.makeReadonly();
        paths.mask(devNull);
        rootfs.pivot();
        steps.makeCwd();
        if (process.terminal()) {
            steps.terminal(true);
        } else {
            steps.streams();
        }
        rootfs.makeReadonly();
        settings.names();
        steps.securityLabels(selfOf(procfs));
        settings.sysctls(procfs);
        steps.setNoNewPrivileges();
        steps.scheduling();
        InheritedSteps inherited = new InheritedSteps(p, in.spec().linux());
        inherited.personality();
        inherited.memoryPolicy();
        steps.limits();
        Arg.Slot passwd = p.slot();
        Arg.Slot homeIsKnown = null;
        PlanInput.AtOnce atOnce = in.atOnce();
        if (steps.program().needsHome()) {
            passwd = steps.program().openPasswd();
            homeIsKnown = atOnce == null ? null : steps.program().compare(passwd, atOnce.home());
        }
        LandlockSteps landlock =
                new LandlockSteps(s, LandlockPolicy.of(in.spec().annotations()), in.host());
        landlock.prepare();
        steps.enterCwd();
        if (!steps.noNewPrivileges()) {
            landlock.enforce();
            steps.seccomp(in.seccomp()); // needs CAP_SYS_ADMIN, which identity() takes away
        }
        steps.identity();
        steps.program().lookUp();
        if (steps.noNewPrivileges()) {
            landlock.enforce();
            steps.seccomp(in.seccomp());
        }
        if (atOnce == null) {
            steps.program().waitForStart(Notes.READY, passwd);
        } else {
            s.waitAtGate(p.room(8), 1); // until its pid is stored
        }
        if (homeIsKnown != null) {
            steps.program().waitUnless(homeIsKnown, Notes.READY, passwd);
        }
        for (Hook h : in.spec().hooks().startContainer()) {
            new HookSteps(s, in.states().created(), ownPid).run("startContainer", h);
        }
        steps.execute();
    }

    /** For the states that hooks in init's namespaces read; asked before there is a filter that may refuse it. */
    private Arg ownPid() {
        if (in.spec().hooks().createContainer().isEmpty()
                && in.spec().hooks().startContainer().isEmpty()) {
            return Arg.ZERO;
        }
        Arg.Slot pid = p.slot();
        p.callInto(pid, "look at own pid", Sys.GETPID);
        return pid;
    }

    private Arg.Slot selfOf(Arg.Slot procfs) {
        Arg.Slot self = p.slot();
        ProcessSpec process = in.spec().process();
        if (process != null && (isSet(process.apparmorProfile()) || isSet(process.selinuxLabel()))) {
            p.callInto(
                    self,
                    "open /proc/thread-self",
                    Sys.OPENAT,
                    procfs,
                    p.string("thread-self"),
                    c(O_PATH | O_DIRECTORY | O_CLOEXEC));
        }
        return self;
    }

    private static boolean isSet(@Nullable String text) {
        return text != null && !text.isEmpty();
    }
}
