package dev.caisson.namespace;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupLimits;
import dev.caisson.linux.cgroup.CgroupMode;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.cgroup.CgroupResources;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.linux.cgroup.CgroupStep;
import dev.caisson.linux.cgroup.OomWatcher;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanTooLargeException;
import dev.caisson.namespace.criu.Criu;
import dev.caisson.namespace.plan.ExecPlan;
import dev.caisson.namespace.plan.HostFacts;
import dev.caisson.namespace.plan.InitPlan;
import dev.caisson.namespace.plan.Notes;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.namespace.plan.Requirements;
import dev.caisson.namespace.systemd.ContainerUnit;
import dev.caisson.namespace.systemd.SystemdException;
import dev.caisson.oci.Hooks;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import dev.caisson.oci.StateJson;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One container: cgroups made here, everything else by launch plans in the pod's monitor. */
final class NamespaceContainer implements Container {
    private static final Duration BUILD_TIME = Duration.ofMinutes(2);
    private static final Duration FREEZE_TIME = Duration.ofSeconds(10);
    private static final Duration REMOVE_TIME = Duration.ofSeconds(3);
    private static final int REMOVE_ROUNDS = 3;
    private static final byte GO = 'g';

    private final CreateRequest request;
    private final Spec spec;
    private final Launcher launcher;
    private final Host host;
    private final CgroupPath cgroupPath;
    private final @Nullable ContainerUnit unit;
    private final Path rootfs;
    private final OomWatcher oomWatcher;
    private final SeccompPrograms seccompPrograms;
    private final @Nullable OwnFilter ownFilter;
    private final Map<Long, String> homes = new ConcurrentHashMap<>();
    private final HookRunner hooks;
    private volatile Cgroup cgroup;
    private volatile boolean cgroupMade;
    /** Whether there may be a group, or its unit, that is this container's. What it did not make itself may be another's. */
    private volatile boolean cgroupOwned;

    private final ContainerDevices devices;
    private final RunningChanges changes;
    /** Init of a container without a cgroup. */
    private volatile NoCgroup.@Nullable Init groupless;

    private OomWatcher.@Nullable Watch watch;
    private boolean destroyed;

    NamespaceContainer(
            CreateRequest request,
            Launcher launcher,
            Host host,
            CgroupPath cgroupPath,
            @Nullable ContainerUnit unit,
            Path rootfs,
            OomWatcher oomWatcher,
            SeccompPrograms seccompPrograms,
            @Nullable OwnFilter ownFilter,
            Map<String, String> record,
            boolean recovered) {
        this.request = request;
        this.spec = request.spec();
        this.launcher = launcher;
        this.host = host;
        this.cgroupPath = cgroupPath;
        this.unit = unit;
        this.rootfs = rootfs;
        this.oomWatcher = oomWatcher;
        this.seccompPrograms = seccompPrograms;
        this.ownFilter = ownFilter;
        this.hooks = new HookRunner(request, launcher);
        this.devices = new ContainerDevices(host, resources().devices(), record);
        this.changes = new RunningChanges(request, launcher, host, cgroupPath, rootfs);
        this.cgroup = Cgroup.open(CgroupRecord.read(record, host.cgroups(), cgroupPath));
        this.cgroupMade = CgroupRecord.isIn(record);
        this.groupless = NoCgroup.Init.read(record);
        this.cgroupOwned = recovered;
    }

    @Override
    public Map<String, String> record() {
        Map<String, String> all = new LinkedHashMap<>();
        if (unit != null) {
            all.putAll(unit.record());
        }
        all.putAll(devices.record());
        NoCgroup.Init init = groupless;
        if (init != null) {
            all.putAll(init.record());
        }
        if (cgroupMade) {
            all.putAll(CgroupRecord.write(cgroup.state()));
        }
        return all;
    }

    /** Refuses what neither this wall nor this host can do. */
    void checkSupported() throws ContainerFault {
        refuse(Requirements.unmet(spec, request.rootfs(), host.facts(cgroupPath, spec.linux(), spec.annotations())));
    }

    private static void refuse(@Nullable String reason) throws ContainerFault {
        if (reason != null) {
            throw new ContainerFault(Kind.UNSUPPORTED, "config.json: " + reason);
        }
    }

    /**
     * The version 2 group that init is in now, if it is below the container's: an init that manages groups itself, as systemd does, moves
     * itself out of the one it was born in, which then may hold no process.
     */
    private @Nullable String unifiedGroupOf(Launch init) {
        String own = cgroup.unifiedDirectory();
        if (own == null) {
            return null;
        }
        try {
            String text = HostFiles.textIfPresent("/proc/" + init.pid() + "/cgroup");
            String path = text == null ? null : UnifiedGroup.parse(text);
            return path == null ? null : UnifiedGroup.below(own, path);
        } catch (ErrnoException e) {
            return null; // it has ended: the exec fails on its own
        }
    }

    @Override
    public Launch create() throws ContainerFault {
        SeccompSupport seccomp = SeccompSupport.of(ownFilter, spec.linux().seccomp(), seccompPrograms);
        if (unit == null && !mayDoWithoutCgroup()) {
            return createBesideCgroup(seccomp);
        }
        if (unit == null) {
            makeCgroup(0);
        }
        Launch init = spawn(plan(seccomp, cgroup, this::ownDirectory, false));
        try {
            build(init, seccomp);
        } catch (ContainerFault e) {
            init.kill(Processes.SIGKILL);
            throw e;
        }
        return init;
    }

    private Launch spawn(LaunchPlan plan) throws ContainerFault {
        return launcher.spawn(request.launch(), "init " + request.id(), plan, request.io(), Set.of());
    }

    /** What the groups will be called is known before they are there: they are made while the launcher mounts the rootfs. */
    private Launch createBesideCgroup(SeccompSupport seccomp) throws ContainerFault {
        Cgroup expected = Cgroup.expected(host.cgroups(), cgroupPath);
        Launch init = spawn(plan(seccomp, expected, cgroupPath::directory, true));
        Processes.yieldProcessor(); // or the monitor would wait for this thread instead of working beside it
        try {
            makeCgroup(0);
            if (!cgroup.directories().equals(expected.directories())) {
                throw new ContainerFault(
                        Kind.FAILED,
                        "set up cgroup of container " + request.id() + ": made " + cgroup.directories() + " instead of "
                                + expected.directories());
            }
            init.gateInBuild(GO);
            build(init, seccomp);
        } catch (ContainerFault e) {
            init.kill(Processes.SIGKILL); // it may wait for an agent or a gate, and not be in its cgroup yet
            throw e;
        }
        return init;
    }

    /** @param late whether the groups are not there yet: the launcher waits at its gate for them */
    private LaunchPlan plan(
            SeccompSupport seccomp, Cgroup groups, Function<CgroupHierarchy, String> ownDirectory, boolean late)
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
                unit == null
                        ? new PlanInput.CgroupJoin(
                                v1TaskFiles(groups),
                                groups.unifiedDirectory(),
                                null,
                                isCgroupGiven(),
                                late ? PlanInput.Entry.LATE : PlanInput.Entry.AT_ONCE)
                        : PlanInput.CgroupJoin.BY_DAEMON,
                seccomp.filter(),
                hookStates(),
                launcher.handover());
        return planned(() -> InitPlan.of(input));
    }

    /** Sees init through to where it waits for start. */
    private void build(Launch init, SeccompSupport seccomp) throws ContainerFault {
        if (unit != null) {
            init.awaitNote(Notes.BORN, BUILD_TIME);
            makeCgroup(init.pid());
            init.gateInBuild(GO);
        }
        Hooks h = spec.hooks();
        if (!h.prestart().isEmpty() || !h.createRuntime().isEmpty()) {
            init.awaitNote(Notes.MOUNTED, BUILD_TIME);
            hooks.run("prestart", h.prestart(), "creating", init.pid());
            hooks.run("createRuntime", h.createRuntime(), "creating", init.pid());
            init.gateInBuild(GO);
        }
        seccomp.serveListener(init, hooks.state("creating", init.pid()), BUILD_TIME);
        init.awaitNote(Notes.READY, BUILD_TIME);
        if (NoCgroup.is(cgroup.state())) {
            rememberInit(init.pid());
        }
    }

    @Override
    public void settle(Launch init) throws ContainerFault {
        rememberHome(init, init.awaitNote(Notes.READY, Duration.ZERO), spec.process());
    }

    private void rememberInit(int pid) throws ContainerFault {
        try {
            groupless = NoCgroup.Init.of(pid);
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.FAILED, "look at init of container " + request.id() + ": " + e.getMessage(), e);
        }
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

    /** The v2 group is entered at birth, the others by the process itself. */
    private static List<String> v1TaskFiles(Cgroup groups) {
        List<String> files = new ArrayList<>();
        for (String directory : groups.directories()) {
            if (!directory.equals(groups.unifiedDirectory())) {
                files.add(directory + "/tasks");
            }
        }
        return files;
    }

    /** @param pid the process that a unit is started around, if there is one, and that then is in the groups; 0 for none yet */
    private void makeCgroup(int pid) throws ContainerFault {
        try {
            DeviceRules rules = devices.ofNew();
            List<CgroupStep> limits =
                    CgroupLimits.plan(ResourceTranslation.translate(resources(), rules.v1Rules()), host.cgroups());
            if (unit == null) {
                cgroup = makeOwnCgroup(limits);
            } else {
                unit.start(pid, limits);
                cgroupOwned = true;
                cgroup = Cgroup.adopt(host.cgroups(), cgroupPath, CgroupLimits.controllers(limits));
            }
            cgroupOwned = true;
            cgroupMade = true;
            if (!NoCgroup.is(cgroup.state())) {
                cgroup.apply(limits);
            }
            if (!NoCgroup.is(cgroup.state())) {
                rules.attach(cgroup, host);
            }
            devices.enforced(devices.rules(), rules);
            if (isCgroupGiven()) {
                cgroup.delegate((int) CgroupDelegation.owner(spec));
            }
            if (pid > 0 && !NoCgroup.is(cgroup.state())) {
                cgroup.join(
                        pid); // with a unit: what systemd does not manage; and its slices have no processes of their
                // own
            }
        } catch (ErrnoException | CgroupException | SystemdException e) {
            throw new ContainerFault(
                    Kind.FAILED, "set up cgroup of container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    /** Who is root of a user namespace only, as below Podman, is a user as well. */
    private boolean mayDoWithoutCgroup() {
        Boolean rootless = request.options().rootless();
        return rootless == null ? host.user() != null || host.inUserNamespace() : rootless;
    }

    /** A user to whom no group was given does without one, if nothing is asked of it. */
    private Cgroup makeOwnCgroup(List<CgroupStep> limits) throws ErrnoException, CgroupException, ContainerFault {
        try {
            return Cgroup.create(host.cgroups(), cgroupPath, CgroupLimits.controllers(limits));
        } catch (ErrnoException e) {
            String path = spec.linux().cgroupsPath();
            HostFacts.User user = host.user();
            if (!mayDoWithoutCgroup() || !NoCgroup.isRefusal(e)) {
                throw e;
            }
            if (!NoCgroup.isEnough(path == null ? "" : path, resources())) {
                throw new ContainerFault(
                        Kind.FAILED,
                        "set up cgroup of container " + request.id() + ": " + e.getMessage()
                                + ": no cgroup is delegated to "
                                + (user != null
                                        ? "user " + user.uid()
                                        : host.inUserNamespace() ? "this user namespace" : "this runtime")
                                + ", so linux.cgroupsPath and linux.resources cannot be had",
                        e);
            }
            return Cgroup.open(NoCgroup.state(host.cgroups().mode()));
        }
    }

    /** Where no group could be made the container stays in its creator's. */
    private String ownDirectory(CgroupHierarchy hierarchy) {
        String own = cgroupPath.directory(hierarchy);
        return !cgroupMade || cgroup.directories().contains(own) ? own : hierarchy.ownDirectory();
    }

    private boolean isCgroupGiven() {
        return host.cgroups().mode() == CgroupMode.V2 && CgroupDelegation.isDue(spec);
    }

    private void rememberHome(Launch launch, long passwdFd, @Nullable ProcessSpec process) {
        if (process != null && process.env().stream().noneMatch(e -> e.startsWith("HOME="))) {
            long uid = process.user().uid();
            homes.computeIfAbsent(uid, u -> HomeDirectory.of(launch.pid(), (int) passwdFd, u));
        }
    }

    private void openGate(Launch launch, ProcessSpec process) {
        ByteArrayOutputStream message = new ByteArrayOutputStream();
        message.write(GO);
        String home = homes.get(process.user().uid());
        if (home != null) {
            message.writeBytes(("HOME=" + home).getBytes(StandardCharsets.ISO_8859_1));
            message.write(0);
        }
        launch.gate(message.toByteArray());
    }

    @Override
    public void start(Launch init) throws ContainerFault {
        ProcessSpec process = java.util.Objects.requireNonNull(spec.process());
        if (!init.gateUsed()) {
            if (homes.isEmpty()) {
                // The note still names the descriptor, whoever created it.
                rememberHome(init, init.awaitNote(Notes.READY, BUILD_TIME), process);
            }
            openGate(init, process);
        }
        ExecFailure.awaitLaunched(init, BUILD_TIME);
        hooks.run("poststart", spec.hooks().poststart(), "running", init.pid());
    }

    @Override
    public Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io, Map<String, String> subgroups)
            throws ContainerFault {
        SeccompSupport seccomp = SeccompSupport.of(ownFilter, spec.linux().seccomp(), seccompPrograms);
        ProcessSpec effective = withHome(inherit(process));
        refuse(Requirements.unmet("process", effective, host.facts(cgroupPath, spec.linux(), spec.annotations())));
        PlanInput.CgroupJoin join = subgroups.isEmpty()
                ? new PlanInput.CgroupJoin(
                        v1TaskFiles(cgroup), cgroup.unifiedDirectory(), unifiedGroupOf(init), isCgroupGiven())
                : Subgroups.of(cgroup, subgroups).join(isCgroupGiven());
        LaunchPlan plan = planned(() -> ExecPlan.of(
                init.pid(),
                spec.linux(),
                spec.annotations(),
                effective,
                host.facts(cgroupPath, spec.linux(), spec.annotations()),
                join,
                seccomp.filter(),
                request.options().ioUid(),
                request.options().ioGid(),
                launcher.handover()));
        Launch l = launcher.spawn(launch, tag, plan, io, Set.of());
        try {
            if (ExecPlan.mustWait(effective, seccomp.filter())) {
                // The launcher says it while the process is running already: whose notes may come first.
                l.awaitNote(Notes.PID, BUILD_TIME);
                seccomp.serveListener(l, hooks.state("running", init.pid()), BUILD_TIME);
                rememberHome(l, l.awaitNote(Notes.READY, BUILD_TIME), effective);
                openGate(l, effective);
            }
            ExecFailure.awaitLaunched(l, BUILD_TIME);
        } catch (ContainerFault e) {
            l.kill(Processes.SIGKILL);
            throw e;
        }
        return l;
    }

    @Override
    public void resumeExec(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        if (!exec.gateUsed()) {
            SeccompSupport seccomp = SeccompSupport.of(ownFilter, spec.linux().seccomp(), seccompPrograms);
            int first = seccomp.hasListener() ? Notes.LISTENER : Notes.READY;
            // Whether its plan waits is that daemon's knowledge, who may have known the user's home.
            if (exec.awaitLaunchedOr(first, BUILD_TIME) != null) {
                seccomp.serveListener(exec, hooks.state("running", init.pid()), BUILD_TIME);
                rememberHome(exec, exec.awaitNote(Notes.READY, BUILD_TIME), process);
                openGate(exec, process);
            }
        }
        ExecFailure.awaitLaunched(exec, BUILD_TIME);
    }

    /** A home that is known already needs no second look into the container. */
    private ProcessSpec withHome(ProcessSpec process) {
        String home = homes.get(process.user().uid());
        if (home == null || process.env().stream().anyMatch(e -> e.startsWith("HOME="))) {
            return process;
        }
        List<String> env = new ArrayList<>(process.env());
        env.add("HOME=" + home);
        ProcessSpec.Builder b = process.toBuilder();
        b.env = env;
        return b.build();
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
    public void signalAll(int signal) throws ContainerFault {
        try {
            if (signal == Processes.SIGKILL && !NoCgroup.is(cgroup.state())) {
                cgroup.killAll();
                return;
            }
            for (int pid : pids()) {
                // ESRCH: it ended meanwhile. The group is read again by nobody, so a reused pid is not ours to meet.
                var _ = Processes.kill(pid, signal);
            }
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(Kind.FAILED, "signal all processes of " + request.id() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public List<Integer> pids() throws ContainerFault {
        try {
            if (NoCgroup.is(cgroup.state())) {
                return groupless == null ? List.of() : groupless.processes();
            }
            List<Integer> pids = new ArrayList<>();
            for (int pid : cgroup.pids()) {
                pids.add(pid);
            }
            return pids;
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "list processes of " + request.id() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void pause() throws ContainerFault {
        requireCgroup("pause container " + request.id());
        try {
            cgroup.freeze(FREEZE_TIME);
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(Kind.FAILED, "pause container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void resume() throws ContainerFault {
        requireCgroup("resume container " + request.id());
        try {
            cgroup.thaw();
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(Kind.FAILED, "resume container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void update(Resources resources) throws ContainerFault {
        requireCgroup("update limits of container " + request.id());
        try {
            List<Resources.DeviceRule> next = resources.devices().isEmpty() ? null : resources.devices();
            apply(resources, next);
        } catch (ErrnoException | CgroupException | SystemdException e) {
            throw new ContainerFault(
                    Kind.FAILED, "update limits of container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    private void requireCgroup(String what) throws ContainerFault {
        if (NoCgroup.is(cgroup.state())) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED, what + ": it has no cgroup, since none is delegated to this user");
        }
    }

    /** @param next the device rules from now on; null to leave them */
    private void apply(Resources resources, @Nullable List<Resources.DeviceRule> next)
            throws ErrnoException, CgroupException, SystemdException {
        DeviceRules rules = next == null ? null : devices.to(next);
        List<CgroupResources.DeviceRule> v1Rules = rules == null ? List.of() : rules.v1Rules();
        List<CgroupStep> limits =
                CgroupLimits.plan(ResourceTranslation.translate(resources, v1Rules), host.cgroups(), cgroup.current());
        if (unit != null) {
            unit.update(limits);
        }
        cgroup.apply(limits);
        if (rules != null) {
            rules.attach(cgroup, host);
            devices.enforced(java.util.Objects.requireNonNull(next), rules);
        }
    }

    @Override
    public void checkpoint(Launch init, Checkpoint asked) throws ContainerFault {
        criu("checkpoint").dump(init, asked, cgroup.unifiedDirectory());
    }

    @Override
    public Launch restore(Checkpoint asked) throws ContainerFault {
        CgroupHierarchy unified = host.cgroups().unified();
        String group = unified == null
                ? null
                : cgroupPath.directory(unified).substring(unified.mountPoint().length());
        Launch init = criu("restore").restore(asked, rootfs, group, this::makeCgroup);
        if (NoCgroup.is(cgroup.state())) {
            rememberInit(init.pid());
        }
        return init;
    }

    private Criu criu(String verb) throws ContainerFault {
        Hooks h = spec.hooks();
        String unsupported = ownFilter != null
                ? "it is behind the wall seccomp-trap"
                : !h.prestart().isEmpty() || !h.createRuntime().isEmpty()
                        ? "it has hooks that run before its mounts are final"
                        : null;
        if (unsupported != null) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED,
                    verb + " container " + request.id() + ": " + unsupported + ", which this version does not do");
        }
        return new Criu(
                request, launcher, host.inUserNamespace() || spec.linux().hasNamespace(NamespaceType.USER));
    }

    private Resources resources() {
        Resources resources = spec.linux().resources();
        return resources == null ? Resources.NONE : resources;
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
        List<Resources.DeviceRule> before = devices.rules();
        allow(device, RunningChanges.rule(device, true, access));
        try {
            changes.addDevice(init, device);
        } catch (ContainerFault e) {
            try {
                apply(Resources.NONE, before);
            } catch (ErrnoException | CgroupException | SystemdException undo) {
                e.addSuppressed(undo);
            }
            throw e;
        }
    }

    @Override
    public void removeDevice(Launch init, Linux.Device device) throws ContainerFault {
        changes.check(device, "rwm");
        allow(device, RunningChanges.rule(device, false, "rwm"));
        changes.removeDevice(init, device);
    }

    private void allow(Linux.Device device, Resources.DeviceRule rule) throws ContainerFault {
        try {
            apply(Resources.NONE, devices.with(rule));
        } catch (ErrnoException | CgroupException | SystemdException e) {
            throw new ContainerFault(
                    Kind.FAILED,
                    "set rule for device " + device.path() + " of container " + request.id() + ": " + e.getMessage(),
                    e);
        }
    }

    @Override
    public CgroupStats stats() throws ContainerFault {
        try {
            return cgroup.stats();
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.FAILED, "read statistics of container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public long oomKills() {
        try {
            return cgroup.oomKills();
        } catch (ErrnoException e) {
            return 0; // the group is gone
        }
    }

    @Override
    public synchronized void watchOom(Runnable onOom) {
        if (watch != null || destroyed || NoCgroup.is(cgroup.state())) {
            return;
        }
        try {
            watch = oomWatcher.watch(cgroup, kills -> onOom.run());
        } catch (ErrnoException | CgroupException e) {
            // The counter is read again when a process ends: a kill is reported then.
            watch = null;
        }
    }

    @Override
    public void destroy() throws ContainerFault {
        synchronized (this) {
            if (watch != null) {
                watch.close();
                watch = null;
            }
            destroyed = true;
        }
        if (cgroupOwned) {
            removeCgroup();
        }
        hooks.runIgnoringFailure("poststop", spec.hooks().poststop(), "stopped", 0);
        try {
            hooks.removeOutput();
        } catch (IOException e) {
            throw new ContainerFault(
                    Kind.FAILED, "remove hook output of container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    private void removeCgroup() throws ContainerFault {
        if (NoCgroup.is(cgroup.state())) {
            for (int pid : pids()) {
                try {
                    var _ = Processes.kill(pid, Processes.SIGKILL);
                } catch (ErrnoException e) {
                    // Not this user's: a set-user-id program of the image's, which its pid namespace takes along.
                }
            }
            return;
        }
        SystemdException unstopped = null;
        ErrnoException blocked = null;
        for (int round = 0; round < REMOVE_ROUNDS; round++) {
            killGroup();
            if (unit != null && round == 0) {
                try {
                    unit.stop();
                } catch (SystemdException e) {
                    unstopped = e; // the group goes nevertheless
                }
            }
            try {
                cgroup.remove(REMOVE_TIME);
                blocked = null;
                break;
            } catch (ErrnoException e) {
                blocked = e; // what was forked while its parent was being killed is killed next time
            }
        }
        Exception failure = blocked != null ? blocked : unstopped;
        if (failure != null) {
            throw new ContainerFault(
                    Kind.FAILED, "remove cgroup of container " + request.id() + ": " + failure.getMessage(), failure);
        }
    }

    private void killGroup() {
        try {
            if (cgroup.pids().length > 0) {
                cgroup.killAll();
            }
        } catch (ErrnoException | CgroupException e) {
            // Not there, or half there: removing says what blocks, if anything does.
        }
    }
}
