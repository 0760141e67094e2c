package dev.caisson.namespace;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import dev.caisson.linux.bpf.DevicePolicy;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupLimits;
import dev.caisson.linux.cgroup.CgroupMode;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.cgroup.CgroupResources;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.linux.cgroup.CgroupStep;
import dev.caisson.linux.cgroup.OomWatcher;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanTooLargeException;
import dev.caisson.namespace.plan.ExecPlan;
import dev.caisson.namespace.plan.HostFacts;
import dev.caisson.namespace.plan.InitPlan;
import dev.caisson.namespace.plan.Notes;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.namespace.plan.Requirements;
import dev.caisson.oci.Hooks;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One container: cgroups made here, everything else by launch plans in the pod's monitor. */
final class NamespaceContainer implements Container {
    private static final Duration BUILD_TIME = Duration.ofMinutes(2);
    private static final Duration FREEZE_TIME = Duration.ofSeconds(10);
    private static final Duration REMOVE_TIME = Duration.ofSeconds(5);
    private static final byte GO = 'g';

    private final CreateRequest request;
    private final Spec spec;
    private final Launcher launcher;
    private final Host host;
    private final CgroupPath cgroupPath;
    private final Path rootfs;
    private final OomWatcher oomWatcher;
    private final SeccompPrograms seccompPrograms;
    private final Map<Long, String> homes = new ConcurrentHashMap<>();
    private final HookRunner hooks;
    private volatile Cgroup cgroup;
    private volatile boolean cgroupMade;
    /** What the cgroup enforces; null until it is known, after a restart of the daemon. */
    private @Nullable DevicePolicy devicePolicy;

    private OomWatcher.@Nullable Watch watch;
    private boolean destroyed;

    NamespaceContainer(
            CreateRequest request,
            Launcher launcher,
            Host host,
            CgroupPath cgroupPath,
            Path rootfs,
            OomWatcher oomWatcher,
            SeccompPrograms seccompPrograms,
            Map<String, String> record) {
        this.request = request;
        this.spec = request.spec();
        this.launcher = launcher;
        this.host = host;
        this.cgroupPath = cgroupPath;
        this.rootfs = rootfs;
        this.oomWatcher = oomWatcher;
        this.seccompPrograms = seccompPrograms;
        this.hooks = new HookRunner(request, launcher);
        this.cgroup = Cgroup.open(CgroupRecord.read(record, host.cgroups(), cgroupPath));
        this.cgroupMade = !record.isEmpty();
    }

    @Override
    public Map<String, String> record() {
        return cgroupMade ? CgroupRecord.write(cgroup.state()) : Map.of();
    }

    /** Refuses what neither this wall nor this host can do. */
    void checkSupported() throws ContainerFault {
        refuse(Requirements.unmet(spec, request.rootfs(), host.facts(cgroupPath, spec.linux())));
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
        SeccompSupport seccomp = SeccompSupport.of(spec.linux().seccomp(), seccompPrograms);
        makeCgroup();
        HostFacts facts = host.facts(cgroupPath, spec.linux());
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
                new PlanInput.CgroupJoin(v1TaskFiles(), cgroup.unifiedDirectory(), null, isCgroupGiven()),
                seccomp.filter(),
                hooks.stateJson("creating", hasOwnPids() ? 1 : 0));
        LaunchPlan plan = planned(() -> InitPlan.of(input));
        Launch init = launcher.spawn(request.launch(), "init " + request.id(), plan, request.io(), Set.of());
        try {
            build(init, seccomp);
        } catch (ContainerFault e) {
            init.kill(Processes.SIGKILL); // it may wait for an agent or a gate, and not be in its cgroup yet
            throw e;
        }
        return init;
    }

    /** Sees init through to where it waits for start. */
    private void build(Launch init, SeccompSupport seccomp) throws ContainerFault {
        Hooks h = spec.hooks();
        if (!h.prestart().isEmpty() || !h.createRuntime().isEmpty()) {
            init.awaitNote(Notes.MOUNTED, BUILD_TIME);
            hooks.run("prestart", h.prestart(), "creating", init.pid());
            hooks.run("createRuntime", h.createRuntime(), "creating", init.pid());
            init.gate(GO);
        }
        seccomp.serveListener(init, hooks.state("creating", init.pid()), BUILD_TIME);
        long passwd = init.awaitNote(Notes.READY, BUILD_TIME);
        rememberHome(init, passwd, spec.process());
    }

    private LaunchPlan planned(Supplier<LaunchPlan> planner) throws ContainerFault {
        try {
            return planner.get();
        } catch (PlanTooLargeException e) {
            throw new ContainerFault(
                    Kind.INVALID, "configuration of container " + request.id() + " is too large: " + e.getMessage(), e);
        }
    }

    private boolean hasOwnPids() {
        return spec.linux().hasNamespace(NamespaceType.PID);
    }

    /** The v2 group is entered at birth, the others by the process itself. */
    private List<String> v1TaskFiles() {
        List<String> files = new ArrayList<>();
        for (String directory : cgroup.directories()) {
            if (!directory.equals(cgroup.unifiedDirectory())) {
                files.add(directory + "/tasks");
            }
        }
        return files;
    }

    private void makeCgroup() throws ContainerFault {
        Resources resources =
                spec.linux().resources() == null ? Resources.NONE : spec.linux().resources();
        try {
            DeviceRules devices = DeviceRules.of(resources.devices(), DevicePolicy.ALLOW_ALL, host);
            List<CgroupStep> limits =
                    CgroupLimits.plan(ResourceTranslation.translate(resources, devices.v1Rules()), host.cgroups());
            cgroup = Cgroup.create(host.cgroups(), cgroupPath, CgroupLimits.controllers(limits));
            cgroupMade = true;
            cgroup.apply(limits);
            devices.attach(cgroup, host);
            devicePolicy = devices.policy();
            if (isCgroupGiven()) {
                cgroup.delegate((int) CgroupDelegation.owner(spec));
            }
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(
                    Kind.FAILED, "set up cgroup of container " + request.id() + ": " + e.getMessage(), e);
        }
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
        if (!init.gateUsed() || hooksUsedGateOnly(init)) {
            if (homes.isEmpty()) {
                // Created by an earlier daemon: the note of that time still names the descriptor.
                rememberHome(init, init.awaitNote(Notes.READY, BUILD_TIME), process);
            }
            openGate(init, process);
        }
        init.awaitLaunched(BUILD_TIME);
        hooks.run("poststart", spec.hooks().poststart(), "running", init.pid());
    }

    /** The gate was opened for the runtime hooks, not yet for start: nobody has seen the launch end. */
    private boolean hooksUsedGateOnly(Launch init) {
        return (!spec.hooks().prestart().isEmpty()
                        || !spec.hooks().createRuntime().isEmpty())
                && !init.isLaunched();
    }

    @Override
    public Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io) throws ContainerFault {
        SeccompSupport seccomp = SeccompSupport.of(spec.linux().seccomp(), seccompPrograms);
        ProcessSpec effective = withHome(inherit(process));
        refuse(Requirements.unmet("process", effective, host.facts(cgroupPath, spec.linux())));
        PlanInput.CgroupJoin join = new PlanInput.CgroupJoin(
                v1TaskFiles(), cgroup.unifiedDirectory(), unifiedGroupOf(init), isCgroupGiven());
        LaunchPlan plan = planned(() -> ExecPlan.of(
                init.pid(),
                spec.linux(),
                effective,
                host.facts(cgroupPath, spec.linux()),
                join,
                seccomp.filter(),
                request.options().ioUid(),
                request.options().ioGid()));
        Launch l = launcher.spawn(launch, tag, plan, io, Set.of());
        try {
            if (ExecPlan.mustWait(effective, seccomp.filter())) {
                // The launcher says it while the process is running already: whose notes may come first.
                l.awaitNote(Notes.PID, BUILD_TIME);
                seccomp.serveListener(l, hooks.state("running", init.pid()), BUILD_TIME);
                rememberHome(l, l.awaitNote(Notes.READY, BUILD_TIME), effective);
                openGate(l, effective);
            }
            l.awaitLaunched(BUILD_TIME);
        } catch (ContainerFault e) {
            l.kill(Processes.SIGKILL);
            throw e;
        }
        return l;
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
            if (signal == Processes.SIGKILL) {
                cgroup.killAll();
                return;
            }
            for (int pid : cgroup.pids()) {
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
        try {
            cgroup.freeze(FREEZE_TIME);
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(Kind.FAILED, "pause container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void resume() throws ContainerFault {
        try {
            cgroup.thaw();
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(Kind.FAILED, "resume container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void update(Resources resources) throws ContainerFault {
        try {
            DeviceRules devices =
                    resources.devices().isEmpty() ? null : DeviceRules.of(resources.devices(), presentDevices(), host);
            List<CgroupResources.DeviceRule> v1Rules = devices == null ? List.of() : devices.v1Rules();
            cgroup.apply(CgroupLimits.plan(
                    ResourceTranslation.translate(resources, v1Rules), host.cgroups(), cgroup.current()));
            if (devices != null) {
                devices.attach(cgroup, host);
                devicePolicy = devices.policy();
            }
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(
                    Kind.FAILED, "update limits of container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    /** What the group was made with is the best guess of a daemon that did not see the updates. */
    private DevicePolicy presentDevices() throws CgroupException {
        if (devicePolicy == null) {
            Resources made = spec.linux().resources();
            devicePolicy = DeviceRules.of(made == null ? List.of() : made.devices(), DevicePolicy.ALLOW_ALL, host)
                    .policy();
        }
        return devicePolicy;
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
        if (watch != null || destroyed) {
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
        try {
            if (cgroup.pids().length > 0) {
                cgroup.killAll();
            }
        } catch (ErrnoException | CgroupException e) {
            // Not there, or half there: removing says what blocks, if anything does.
        }
        try {
            cgroup.remove(REMOVE_TIME);
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.FAILED, "remove cgroup of container " + request.id() + ": " + e.getMessage(), e);
        }
        hooks.runIgnoringFailure("poststop", spec.hooks().poststop(), "stopped", 0);
        try {
            hooks.removeOutput();
        } catch (IOException e) {
            throw new ContainerFault(
                    Kind.FAILED, "remove hook output of container " + request.id() + ": " + e.getMessage(), e);
        }
    }
}
