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
import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.namespace.criu.Criu;
import dev.caisson.namespace.plan.ExecPlan;
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
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One container: its groups made by {@link ContainerGroups}, everything else by launch plans in the pod's monitor. */
final class NamespaceContainer implements Container {
    private final ContainerParts parts;
    private final CreateRequest request;
    private final Spec spec;
    private final Launcher launcher;
    private final Host host;
    private final CgroupPath cgroupPath;
    private final ContainerGroups groups;
    private final Path rootfs;
    private final KnownHomes homes;
    private final HookRunner hooks;
    private final ContainerInit inits;
    private final ContainerExecs execs;
    private final RunningChanges changes;
    private final ContainerRdt rdt;
    /** Of the container's own process, once it was looked up. */
    private volatile @Nullable String ownHome;

    NamespaceContainer(ContainerParts parts) {
        this.parts = parts;
        this.request = parts.request();
        this.spec = parts.spec();
        this.launcher = parts.launcher();
        this.host = parts.host();
        this.cgroupPath = parts.cgroupPath();
        this.groups = parts.groups();
        this.rootfs = parts.rootfs();
        this.homes = parts.homes();
        this.hooks = parts.hooks();
        this.rdt = parts.rdt();
        this.changes = new RunningChanges(parts);
        this.inits = new ContainerInit(parts);
        this.execs = new ContainerExecs(parts);
    }

    /** Refuses what neither this wall nor this host can do. */
    void checkSupported() throws ContainerFault {
        ContainerPlans.refuse(
                Requirements.unmet(spec, request.rootfs(), host.facts(cgroupPath, spec.linux(), spec.annotations())));
        if (request.options().noPivotRoot() && spec.linux().rootfsPropagation() == RootfsPropagation.PRIVATE) {
            // As runc: the host's tree stays mounted below, and would stay there when the host unmounts it.
            ContainerPlans.refuse("linux.rootfsPropagation: private is not safe without pivot_root(2) (--no-pivot)");
        }
        rdt.check();
    }

    @Override
    public Launch create() throws ContainerFault {
        SeccompSupport seccomp = parts.seccomp();
        rdt.make();
        if (isBesideCgroup()) {
            return inits.besideCgroup(seccomp, null, init -> build(init, seccomp));
        }
        if (!groups.ofManager()) {
            groups.make(0);
        }
        Launch init = inits.inCgroup(seccomp);
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
        SeccompSupport seccomp = parts.seccomp();
        ProcessSpec process = spec.process();
        if (process == null || !isBesideCgroup() || isAttended(process, seccomp)) {
            return Container.super.run(born);
        }
        rdt.make();
        KnownHome home = ExecPlan.mayWait(process) && request.rootfs().isEmpty()
                ? HomeDirectory.ahead(launcher.here(rootfs), process.user().uid())
                : null;
        return inits.besideCgroup(seccomp, new PlanInput.AtOnce(home), init -> {
            init.awaitNote(Notes.PID, StartGate.BUILD_TIME);
            groups.rememberInit(init.pid());
            born.accept(init);
            homes.put(init.pid(), process.user().uid(), home);
            init.gate(StartGate.GO); // before it comes there
            if (ExecPlan.mayWait(process) && Notes.READY == said(init)) {
                StartGate.open(init, homes.look(init, init, init.awaitNote(Notes.READY, Duration.ZERO), process));
            }
            ExecFailure.awaitLaunched(init, StartGate.BUILD_TIME);
        });
    }

    private static int said(Launch init) throws ContainerFault {
        Integer said = init.awaitLaunchedOrAny(StartGate.BUILD_TIME, Notes.READY, Notes.UNEXECUTABLE);
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

    @Override
    public void begin() throws ContainerFault {
        inits.begin();
    }

    /** Sees init through to where it waits for start. */
    private void build(Launch init, SeccompSupport seccomp) throws ContainerFault {
        if (groups.ofManager()) {
            init.awaitNote(Notes.BORN, StartGate.BUILD_TIME);
            groups.make(init.pid());
            rdt.join(init.pid());
            init.gateInBuild(StartGate.GO);
        }
        Hooks h = spec.hooks();
        if (!h.prestart().isEmpty() || !h.createRuntime().isEmpty()) {
            init.awaitNote(Notes.MOUNTED, StartGate.BUILD_TIME);
            runHooksOfNamespaces(init.pid());
            init.gateInBuild(StartGate.GO);
        }
        seccomp.serveListener(init, hooks.state("creating", init.pid()), StartGate.BUILD_TIME);
        init.awaitNote(Notes.READY, StartGate.BUILD_TIME);
        groups.rememberInit(init.pid());
    }

    @Override
    public void settle(Launch init) throws ContainerFault {
        rememberOwnHome(init, init.awaitNote(Notes.READY, Duration.ZERO));
    }

    private void rememberOwnHome(Launch init, long passwdFd) {
        ProcessSpec process = spec.process();
        if (process != null && ExecPlan.mayWait(process)) {
            ownHome = homes.look(init, init, passwdFd, process);
        }
    }

    @Override
    public void start(Launch init) throws ContainerFault {
        if (!init.gateUsed()) {
            if (ownHome == null) {
                // The note still names the descriptor, whoever created it.
                rememberOwnHome(init, init.awaitNote(Notes.READY, StartGate.BUILD_TIME));
            }
            StartGate.open(init, ownHome);
        }
        ExecFailure.awaitLaunched(init, StartGate.BUILD_TIME);
        hooks.run("poststart", spec.hooks().poststart(), "running", init.pid());
    }

    @Override
    public boolean runsWhenLaunched() {
        return spec.hooks().poststart().isEmpty();
    }

    @Override
    public Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io, Map<String, String> subgroups)
            throws ContainerFault {
        return execs.exec(init, launch, tag, process, io, subgroups);
    }

    @Override
    public @Nullable Launch execAhead(Launch init, int launch, String tag, ProcessSpec process, int io)
            throws ContainerFault {
        return execs.ahead(init, launch, tag, process, io);
    }

    @Override
    public void startAhead(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        execs.startAhead(init, exec, process);
    }

    @Override
    public void resumeExec(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        execs.resume(init, exec, process);
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
        if (parts.ownFilter() != null) {
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
        inits.giveUp();
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
