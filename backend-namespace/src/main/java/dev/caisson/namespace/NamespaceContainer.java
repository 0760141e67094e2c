package dev.caisson.namespace;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.Remains;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanTooLargeException;
import dev.caisson.namespace.criu.Criu;
import dev.caisson.namespace.plan.ExecPlan;
import dev.caisson.namespace.plan.HostFacts;
import dev.caisson.namespace.plan.InitPlan;
import dev.caisson.namespace.plan.KnownHome;
import dev.caisson.namespace.plan.Notes;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.namespace.plan.Requirements;
import dev.caisson.oci.Hooks;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.RootfsPropagation;
import dev.caisson.oci.Spec;
import dev.caisson.oci.StateJson;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One container: its groups made by {@link ContainerGroups}, everything else by launch plans in the pod's monitor. */
final class NamespaceContainer implements Container {
    private static final Duration BUILD_TIME = Duration.ofMinutes(2);
    private static final byte GO = 'g';

    private final CreateRequest request;
    private final Spec spec;
    private final Launcher launcher;
    private final Host host;
    private final CgroupPath cgroupPath;
    private final ContainerGroups groups;
    private final Path rootfs;
    private final SeccompPrograms seccompPrograms;
    private final @Nullable OwnFilter ownFilter;
    private final KnownHomes homes;
    private final HookRunner hooks;
    private final RunningChanges changes;
    private final ContainerRdt rdt;
    /** Of the container's own process, once it was looked up. */
    private volatile @Nullable String ownHome;
    /** From {@link #begin} to its plan. */
    private volatile Launcher.@Nullable Ahead ahead;

    private int namespacesAhead;

    NamespaceContainer(
            CreateRequest request,
            Launcher launcher,
            Host host,
            CgroupPath cgroupPath,
            ContainerGroups groups,
            Path rootfs,
            SeccompPrograms seccompPrograms,
            KnownHomes homes,
            @Nullable OwnFilter ownFilter) {
        this.request = request;
        this.spec = request.spec();
        this.launcher = launcher;
        this.host = host;
        this.cgroupPath = cgroupPath;
        this.groups = groups;
        this.rootfs = rootfs;
        this.seccompPrograms = seccompPrograms;
        this.homes = homes;
        this.ownFilter = ownFilter;
        this.hooks = new HookRunner(request, launcher);
        this.changes = new RunningChanges(request, launcher, host, cgroupPath, rootfs);
        this.rdt = new ContainerRdt(request.id(), spec.linux().intelRdt());
    }

    /** Refuses what neither this wall nor this host can do. */
    void checkSupported() throws ContainerFault {
        refuse(Requirements.unmet(spec, request.rootfs(), host.facts(cgroupPath, spec.linux(), spec.annotations())));
        if (request.options().noPivotRoot() && spec.linux().rootfsPropagation() == RootfsPropagation.PRIVATE) {
            // As runc: the host's tree stays mounted below, and would stay there when the host unmounts it.
            refuse("linux.rootfsPropagation: private is not safe without pivot_root(2) (--no-pivot)");
        }
        rdt.check();
    }

    private static void refuse(@Nullable String reason) throws ContainerFault {
        if (reason != null) {
            throw new ContainerFault(Kind.UNSUPPORTED, "config.json: " + reason);
        }
    }

    @Override
    public Launch create() throws ContainerFault {
        SeccompSupport seccomp = SeccompSupport.of(ownFilter, spec.linux().seccomp(), seccompPrograms);
        rdt.make();
        if (isBesideCgroup()) {
            return createBesideCgroup(seccomp, null, init -> build(init, seccomp));
        }
        if (!groups.ofManager()) {
            groups.make(0);
        }
        Launch init = spawn(
                made -> plan(seccomp, groups.cgroup(), groups::ownDirectory, PlanInput.Entry.AT_ONCE, null, made));
        try {
            build(init, seccomp);
        } catch (ContainerFault e) {
            init.kill(Processes.SIGKILL);
            throw e;
        }
        return init;
    }

    private boolean isBesideCgroup() {
        return !groups.ofManager() && !groups.mayBeNone();
    }

    @Override
    public Launch run(Born born) throws ContainerFault {
        SeccompSupport seccomp = SeccompSupport.of(ownFilter, spec.linux().seccomp(), seccompPrograms);
        ProcessSpec process = spec.process();
        if (process == null || !isBesideCgroup() || isAttended(process, seccomp)) {
            return Container.super.run(born);
        }
        rdt.make();
        KnownHome home = ExecPlan.mayWait(process) && request.rootfs().isEmpty()
                ? HomeDirectory.ahead(launcher.here(rootfs), process.user().uid())
                : null;
        return createBesideCgroup(seccomp, new PlanInput.AtOnce(home), init -> {
            init.awaitNote(Notes.PID, BUILD_TIME);
            groups.rememberInit(init.pid());
            born.accept(init);
            homes.put(init.pid(), process.user().uid(), home);
            init.gate(GO); // before it comes there
            if (ExecPlan.mayWait(process) && Notes.READY == said(init)) {
                openGate(init, home(init, init, init.awaitNote(Notes.READY, Duration.ZERO), process));
            }
            ExecFailure.awaitLaunched(init, BUILD_TIME);
        });
    }

    private static int said(Launch init) throws ContainerFault {
        Integer said = init.awaitLaunchedOrAny(BUILD_TIME, Notes.READY, Notes.UNEXECUTABLE);
        return said == null ? 0 : said;
    }

    /** Whether somebody has to do something between the making of init and its program. */
    private boolean isAttended(ProcessSpec process, SeccompSupport seccomp) {
        Hooks h = spec.hooks();
        return process.terminal()
                || seccomp.hasListener()
                || !(h.prestart().isEmpty()
                        && h.createRuntime().isEmpty()
                        && h.createContainer().isEmpty()
                        && h.startContainer().isEmpty()
                        && h.poststart().isEmpty());
    }

    /** Sees an init through whose groups are made. */
    private interface Build {
        void finish(Launch init) throws ContainerFault;
    }

    /** Makes a plan for a launcher that is in these namespaces already. */
    private interface Planner {
        LaunchPlan plan(int namespaces) throws ContainerFault;
    }

    @Override
    public void begin() throws ContainerFault {
        namespacesAhead = InitPlan.namespacesAhead(spec.linux(), request.rootfs(), host.user() != null);
        if (namespacesAhead != 0) {
            ahead = launcher.spawnAhead(request.launch(), tag(), request.io(), namespacesAhead);
        }
    }

    private String tag() {
        return "init " + request.id();
    }

    private Launch spawn(Planner planner) throws ContainerFault {
        Launcher.Ahead begun = ahead;
        if (begun == null) {
            return launcher.spawn(request.launch(), tag(), planner.plan(0), request.io(), Set.of());
        }
        LaunchPlan plan = planner.plan(namespacesAhead);
        ahead = null;
        return begun.play(plan);
    }

    private void giveUpAhead() {
        Launcher.Ahead begun = ahead;
        ahead = null;
        if (begun != null) {
            begun.giveUp();
        }
    }

    /** What the groups will be called is known before they are there: they are made while launcher and init work. */
    private Launch createBesideCgroup(SeccompSupport seccomp, PlanInput.@Nullable AtOnce atOnce, Build build)
            throws ContainerFault {
        Cgroup expected = Cgroup.expected(host.cgroups(), cgroupPath);
        boolean staged = InitPlan.canOpenGroups(spec.linux()) && groups.isUnifiedIdle();
        PlanInput.Entry entry = staged ? PlanInput.Entry.STAGED : PlanInput.Entry.LATE;
        Launch init = spawn(made -> plan(seccomp, expected, cgroupPath::directory, entry, atOnce, made));
        Processes.yieldProcessor(); // or the monitor would wait for this thread instead of working beside it
        try {
            groups.make(0, staged ? () -> init.gateInBuild(GO) : () -> {});
            List<String> made = groups.cgroup().directories();
            if (!made.equals(expected.directories())) {
                throw new ContainerFault(
                        Kind.FAILED,
                        "set up cgroup of container " + request.id() + ": made " + made + " instead of "
                                + expected.directories());
            }
            init.gateInBuild(GO);
            build.finish(init);
        } catch (ContainerFault e) {
            init.kill(Processes.SIGKILL); // it may wait for an agent or a gate, and not be in its cgroup yet
            throw e;
        }
        return init;
    }

    private LaunchPlan plan(
            SeccompSupport seccomp,
            Cgroup cgroup,
            Function<CgroupHierarchy, String> ownDirectory,
            PlanInput.Entry entry,
            PlanInput.@Nullable AtOnce atOnce,
            int namespaces)
            throws ContainerFault {
        HostFacts facts = host.facts(ownDirectory, spec.linux(), spec.annotations());
        PlanInput input = new PlanInput(
                request.id(),
                spec,
                request.bundle().toString(),
                rootfs.toString(),
                request.rootfs(),
                request.options().noPivotRoot(),
                request.options().noNewKeyring(),
                request.options().ioUid(),
                request.options().ioGid(),
                facts,
                groups.ofManager()
                        ? PlanInput.CgroupJoin.BY_DAEMON
                        : rdt.with(new PlanInput.CgroupJoin(
                                ContainerGroups.v1TaskFiles(cgroup),
                                cgroup.unifiedDirectory(),
                                null,
                                groups.isGiven(),
                                entry)),
                seccomp.filter(),
                hookStates(),
                launcher.handover().in(namespaces),
                atOnce);
        return planned(() -> InitPlan.of(input));
    }

    /** Sees init through to where it waits for start. */
    private void build(Launch init, SeccompSupport seccomp) throws ContainerFault {
        if (groups.ofManager()) {
            init.awaitNote(Notes.BORN, BUILD_TIME);
            groups.make(init.pid());
            rdt.join(init.pid());
            init.gateInBuild(GO);
        }
        Hooks h = spec.hooks();
        if (!h.prestart().isEmpty() || !h.createRuntime().isEmpty()) {
            init.awaitNote(Notes.MOUNTED, BUILD_TIME);
            runHooksOfNamespaces(init.pid());
            init.gateInBuild(GO);
        }
        seccomp.serveListener(init, hooks.state("creating", init.pid()), BUILD_TIME);
        init.awaitNote(Notes.READY, BUILD_TIME);
        groups.rememberInit(init.pid());
    }

    @Override
    public void settle(Launch init) throws ContainerFault {
        rememberOwnHome(init, init.awaitNote(Notes.READY, Duration.ZERO));
    }

    private PlanInput.HookStates hookStates() {
        return new PlanInput.HookStates(
                StateJson.writeAroundPid(hooks.state("creating", 1)),
                StateJson.writeAroundPid(hooks.state("created", 1)));
    }

    private LaunchPlan planned(Supplier<LaunchPlan> planner) throws ContainerFault {
        try {
            return planner.get();
        } catch (PlanTooLargeException e) {
            throw new ContainerFault(
                    Kind.INVALID, "configuration of container " + request.id() + " is too large: " + e.getMessage(), e);
        }
    }

    private void rememberOwnHome(Launch init, long passwdFd) {
        ProcessSpec process = spec.process();
        if (process != null && ExecPlan.mayWait(process)) {
            ownHome = home(init, init, passwdFd, process);
        }
    }

    private String home(Launch init, Launch launch, long passwdFd, ProcessSpec process) {
        long uid = process.user().uid();
        HomeDirectory home = HomeDirectory.of(launch.pid(), (int) passwdFd, uid);
        homes.put(init.pid(), uid, home.known());
        return home.path();
    }

    private static void openGate(Launch launch, @Nullable String home) {
        ByteArrayOutputStream message = new ByteArrayOutputStream();
        message.write(GO);
        if (home != null) {
            message.writeBytes(("HOME=" + home).getBytes(StandardCharsets.ISO_8859_1));
            message.write(0);
        }
        launch.gate(message.toByteArray());
    }

    @Override
    public void start(Launch init) throws ContainerFault {
        if (!init.gateUsed()) {
            if (ownHome == null) {
                // The note still names the descriptor, whoever created it.
                rememberOwnHome(init, init.awaitNote(Notes.READY, BUILD_TIME));
            }
            openGate(init, ownHome);
        }
        ExecFailure.awaitLaunched(init, BUILD_TIME);
        hooks.run("poststart", spec.hooks().poststart(), "running", init.pid());
    }

    @Override
    public boolean runsWhenLaunched() {
        return spec.hooks().poststart().isEmpty();
    }

    /** A plan of an exec, and what it was made of. */
    private record PlannedExec(
            ProcessSpec process, SeccompSupport seccomp, PlanInput.CgroupJoin join, Supplier<LaunchPlan> plan) {
        /** Whether somebody has to do something between the making of the process and its program. */
        boolean isAttended() {
            return join.entry() == PlanInput.Entry.BY_DAEMON || ExecPlan.mustWait(process, seccomp.filter());
        }
    }

    private PlannedExec planExec(Launch init, ProcessSpec asked, Map<String, String> subgroups, boolean ahead)
            throws ContainerFault {
        SeccompSupport seccomp = SeccompSupport.of(ownFilter, spec.linux().seccomp(), seccompPrograms);
        ProcessSpec process = inherit(asked);
        HostFacts facts = host.facts(cgroupPath, spec.linux(), spec.annotations());
        refuse(Requirements.unmet("process", process, facts));
        PlanInput.CgroupJoin join = rdt.with(joinOf(init, subgroups));
        return new PlannedExec(
                process,
                seccomp,
                join,
                () -> ExecPlan.of(
                        init.pid(),
                        spec.linux(),
                        spec.annotations(),
                        process,
                        facts,
                        join,
                        seccomp.filter(),
                        request.options().ioUid(),
                        request.options().ioGid(),
                        homes.get(init.pid(), process.user().uid()),
                        launcher.handover(),
                        ahead));
    }

    private PlanInput.CgroupJoin joinOf(Launch init, Map<String, String> subgroups) throws ContainerFault {
        Cgroup cgroup = groups.cgroup();
        if (!subgroups.isEmpty()) {
            return Subgroups.of(cgroup, subgroups).join(groups.isGiven());
        }
        if (groups.isEnteredByManager()) {
            return PlanInput.CgroupJoin.BY_DAEMON;
        }
        return new PlanInput.CgroupJoin(
                ContainerGroups.v1TaskFiles(cgroup),
                cgroup.unifiedDirectory(),
                groups.unifiedGroupOf(init),
                groups.isGiven());
    }

    @Override
    public Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io, Map<String, String> subgroups)
            throws ContainerFault {
        PlannedExec planned = planExec(init, process, subgroups, false);
        Launch l = launcher.spawn(launch, tag, planned(planned.plan()), io, Set.of());
        try {
            if (planned.join().entry() == PlanInput.Entry.BY_DAEMON) {
                l.awaitNote(Notes.PID, BUILD_TIME);
                l.awaitNote(Notes.BORN, BUILD_TIME);
                groups.enterByManager(l.pid());
                rdt.join(l.pid());
                l.gateInBuild(GO);
            }
            if (waits(l, planned.process(), planned.seccomp())) {
                // The launcher says it while the process is running already: whose notes may come first.
                l.awaitNote(Notes.PID, BUILD_TIME);
                planned.seccomp().serveListener(l, hooks.state("running", init.pid()), BUILD_TIME);
                openGate(init, l, planned.process());
            }
            ExecFailure.awaitLaunched(l, BUILD_TIME);
        } catch (ContainerFault e) {
            l.kill(Processes.SIGKILL);
            throw e;
        }
        return l;
    }

    @Override
    public @Nullable Launch execAhead(Launch init, int launch, String tag, ProcessSpec process, int io)
            throws ContainerFault {
        PlannedExec planned = planExec(init, process, Map.of(), true);
        return planned.isAttended() ? null : launcher.spawn(launch, tag, planned(planned.plan()), io, Set.of());
    }

    @Override
    public void startAhead(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        if (!ExecPlan.mayWait(process)) {
            openGate(exec, null); // which may not have been reached yet
        } else if (exec.awaitNote(Notes.READY, BUILD_TIME) == Notes.HOME_KNOWN) {
            openGate(exec, null);
        } else {
            exec.awaitNote(Notes.PID, BUILD_TIME); // the launcher's word for it may come after the process's own
            openGate(init, exec, process);
        }
        ExecFailure.awaitLaunched(exec, BUILD_TIME);
    }

    private static boolean waits(Launch exec, ProcessSpec process, SeccompSupport seccomp) throws ContainerFault {
        if (ExecPlan.mustWait(process, seccomp.filter())) {
            return true;
        }
        if (!ExecPlan.mayWait(process)) {
            return false;
        }
        Integer said = exec.awaitLaunchedOrAny(BUILD_TIME, Notes.READY, Notes.UNEXECUTABLE);
        return said != null && said == Notes.READY;
    }

    private void openGate(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        long passwdFd = exec.awaitNote(Notes.READY, BUILD_TIME);
        openGate(exec, ExecPlan.mayWait(process) ? home(init, exec, passwdFd, process) : null);
    }

    @Override
    public void resumeExec(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        if (!exec.gateUsed() && groups.isEnteredByManager()) {
            // Nobody knows whether it is in its group already.
            exec.kill(Processes.SIGKILL);
            throw new ContainerFault(
                    Kind.UNAVAILABLE, "exec in container " + request.id() + ": the daemon that was at it is lost");
        }
        if (!exec.gateUsed()) {
            SeccompSupport seccomp = SeccompSupport.of(ownFilter, spec.linux().seccomp(), seccompPrograms);
            int first = seccomp.hasListener() ? Notes.LISTENER : Notes.READY;
            // Whether its plan waits is that daemon's knowledge, who may have known the user's home.
            Integer said = exec.awaitLaunchedOrAny(BUILD_TIME, first, Notes.UNEXECUTABLE);
            if (said != null && said == first) {
                seccomp.serveListener(exec, hooks.state("running", init.pid()), BUILD_TIME);
                openGate(init, exec, process);
            }
        }
        ExecFailure.awaitLaunched(exec, BUILD_TIME);
    }

    /** What an exec does not say it takes from the container's own process (runc's rule). */
    private ProcessSpec inherit(ProcessSpec process) {
        ProcessSpec own = spec.process();
        if (own == null) {
            return process;
        }
        ProcessSpec.Builder b = process.toBuilder();
        if (b.capabilities == null) {
            b.capabilities = own.capabilities();
        }
        if (b.noNewPrivileges == null) {
            b.noNewPrivileges = own.noNewPrivileges();
        }
        if (b.apparmorProfile == null) {
            b.apparmorProfile = own.apparmorProfile();
        }
        if (b.selinuxLabel == null) {
            b.selinuxLabel = own.selinuxLabel();
        }
        if (b.rlimits.isEmpty()) {
            b.rlimits = own.rlimits();
        }
        if (b.oomScoreAdj == null) {
            b.oomScoreAdj = own.oomScoreAdj();
        }
        if (b.scheduler == null) {
            b.scheduler = own.scheduler();
        }
        if (b.ioPriority == null) {
            b.ioPriority = own.ioPriority();
        }
        return b.build();
    }

    @Override
    public void checkpoint(Launch init, Checkpoint asked) throws ContainerFault {
        criu("checkpoint").dump(init, asked, groups.cgroup().unifiedDirectory());
    }

    @Override
    public Launch restore(Checkpoint asked) throws ContainerFault {
        CgroupHierarchy unified = host.cgroups().unified();
        String group = unified == null
                ? null
                : cgroupPath.directory(unified).substring(unified.mountPoint().length());
        Launch init = criu("restore").restore(asked, rootfs, group, groups::make, hooksOfNamespaces());
        groups.rememberInit(init.pid());
        return init;
    }

    private Criu.@Nullable InNamespaces hooksOfNamespaces() {
        Hooks h = spec.hooks();
        return h.prestart().isEmpty() && h.createRuntime().isEmpty() ? null : this::runHooksOfNamespaces;
    }

    private void runHooksOfNamespaces(int pid) throws ContainerFault {
        hooks.run("prestart", spec.hooks().prestart(), "creating", pid);
        hooks.run("createRuntime", spec.hooks().createRuntime(), "creating", pid);
    }

    private Criu criu(String verb) throws ContainerFault {
        if (ownFilter != null) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED,
                    verb + " container " + request.id()
                            + ": it is behind the wall seccomp-trap, which this version does not do");
        }
        return new Criu(
                request, launcher, host.inUserNamespace() || spec.linux().hasNamespace(NamespaceType.USER));
    }

    @Override
    public void addMount(Launch init, Mount mount) throws ContainerFault {
        changes.addMount(init, mount);
    }

    @Override
    public void removeMount(Launch init, String destination) throws ContainerFault {
        changes.removeMount(init, destination);
    }

    @Override
    public void addDevice(Launch init, Linux.Device device, String access) throws ContainerFault {
        changes.check(device, access);
        List<Resources.DeviceRule> before = groups.allow(device.path(), RunningChanges.rule(device, true, access));
        try {
            changes.addDevice(init, device);
        } catch (ContainerFault e) {
            groups.takeBack(before, e);
            throw e;
        }
    }

    @Override
    public void removeDevice(Launch init, Linux.Device device) throws ContainerFault {
        changes.check(device, "rwm");
        groups.allow(device.path(), RunningChanges.rule(device, false, "rwm"));
        changes.removeDevice(init, device);
    }

    @Override
    public void destroy() throws ContainerFault {
        giveUpAhead();
        groups.remove();
        rdt.remove();
        hooks.runIgnoringFailure("poststop", spec.hooks().poststop(), "stopped", 0);
        try {
            hooks.removeOutput();
        } catch (IOException e) {
            throw new ContainerFault(
                    Kind.FAILED, "remove hook output of container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public @Nullable Remains remains() {
        return rdt.isAsked() || !spec.hooks().isEmpty() ? null : groups.remains();
    }

    @Override
    public void removed() throws ContainerFault {
        groups.removed();
    }

    @Override
    public Map<String, String> record() {
        return groups.record();
    }

    @Override
    public void signalAll(int signal) throws ContainerFault {
        groups.signalAll(signal);
    }

    @Override
    public List<Integer> pids() throws ContainerFault {
        return groups.pids();
    }

    @Override
    public void pause() throws ContainerFault {
        groups.pause();
    }

    @Override
    public void resume() throws ContainerFault {
        groups.resume();
    }

    @Override
    public void update(Resources resources) throws ContainerFault {
        groups.update(resources);
    }

    @Override
    public void updateIntelRdt(Linux.IntelRdt wanted) throws ContainerFault {
        new ContainerRdt(request.id(), wanted).update(spec.linux().intelRdt(), groups::pids);
    }

    @Override
    public CgroupStats stats() throws ContainerFault {
        return groups.stats();
    }

    @Override
    public long oomKills() {
        return groups.oomKills();
    }

    @Override
    public void watchOom(Runnable onOom) {
        groups.watchOom(onOom);
    }
}
