package dev.caisson.namespace;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Remains;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupLimits;
import dev.caisson.linux.cgroup.CgroupMode;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.linux.cgroup.CgroupStep;
import dev.caisson.linux.cgroup.OomWatcher;
import dev.caisson.linux.cgroup.ParentGroups;
import dev.caisson.namespace.plan.HostFacts;
import dev.caisson.namespace.systemd.ContainerUnit;
import dev.caisson.namespace.systemd.SystemdException;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One container's groups through its life: made, limited, asked, frozen and removed. Without any, where a user has none, only what its
 * processes are can be told.
 */
final class ContainerGroups {
    private static final Duration FREEZE_TIME = Duration.ofSeconds(10);

    private final CreateRequest request;
    private final Spec spec;
    private final Host host;
    private final CgroupPath cgroupPath;
    private final @Nullable ContainerUnit unit;
    private final @Nullable ParentGroups parents;
    private final GroupLimits limits;
    private final OomKills oomKills;
    private volatile Cgroup cgroup;
    private volatile boolean cgroupMade;
    /** Whether there may be a group, or its unit, that is this container's. What it did not make itself may be another's. */
    private volatile boolean cgroupOwned;
    /** Init of a container without a cgroup. */
    private volatile NoCgroup.@Nullable Init groupless;

    ContainerGroups(
            CreateRequest request,
            Host host,
            CgroupPath cgroupPath,
            @Nullable ContainerUnit unit,
            @Nullable ParentGroups parents,
            OomWatcher oomWatcher,
            Map<String, String> record,
            boolean recovered) {
        this.request = request;
        this.spec = request.spec();
        this.host = host;
        this.cgroupPath = cgroupPath;
        this.unit = unit;
        this.parents = parents;
        this.limits = new GroupLimits(request.id(), resources(), host, unit, record);
        this.oomKills = new OomKills(oomWatcher);
        this.cgroup = Cgroup.open(CgroupRecord.read(record, host.cgroups(), cgroupPath));
        this.cgroupMade = CgroupRecord.isIn(record);
        this.groupless = NoCgroup.Init.read(record);
        this.cgroupOwned = recovered;
    }

    Map<String, String> record() {
        Map<String, String> all = new LinkedHashMap<>();
        if (unit != null) {
            all.putAll(unit.record());
        }
        all.putAll(limits.record());
        NoCgroup.Init init = groupless;
        if (init != null) {
            all.putAll(init.record());
        }
        if (cgroupMade) {
            all.putAll(CgroupRecord.write(cgroup.state()));
        }
        return all;
    }

    /** Who is root of a user namespace only, as below Podman, is a user as well. */
    boolean mayBeNone() {
        Boolean rootless = request.options().rootless();
        return rootless == null ? host.user() != null || host.inUserNamespace() : rootless;
    }

    /** @param pid the process that a unit is started around, if there is one, and that then is in the groups; 0 for none yet */
    void make(int pid) throws ContainerFault {
        make(pid, () -> {});
    }

    /** Whether a process may be in the container's version 2 group before there are limits. */
    boolean isUnifiedIdle() throws ContainerFault {
        return limits.isUnifiedIdle();
    }

    /** @param unifiedMade called as soon as the container's version 2 group is there, if there is no unit */
    void make(int pid, Runnable unifiedMade) throws ContainerFault {
        try {
            GroupLimits.Planned first = limits.first();
            if (unit == null) {
                cgroup = makeOwnCgroup(first.steps(), unifiedMade);
            } else {
                unit.start(pid, first.steps());
                cgroupOwned = true;
                cgroup = Cgroup.adopt(host.cgroups(), cgroupPath, CgroupLimits.controllers(first.steps()), parents);
            }
            cgroupOwned = true;
            cgroupMade = true;
            limits.begin(cgroup, first);
            if (isGiven()) {
                cgroup.delegate((int) CgroupDelegation.owner(spec));
            }
            if (pid > 0 && !NoCgroup.is(cgroup.state())) {
                // With a unit: what systemd does not manage; and its slices have no processes of their own.
                cgroup.join(pid);
            }
        } catch (ErrnoException | CgroupException | SystemdException e) {
            throw new ContainerFault(
                    Kind.FAILED, "set up cgroup of container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    /** A user to whom no group was given does without one, if nothing is asked of it. */
    private Cgroup makeOwnCgroup(List<CgroupStep> limits, Runnable unifiedMade)
            throws ErrnoException, CgroupException, ContainerFault {
        try {
            return Cgroup.create(host.cgroups(), cgroupPath, CgroupLimits.controllers(limits), parents, unifiedMade);
        } catch (ErrnoException e) {
            String path = spec.linux().cgroupsPath();
            HostFacts.User user = host.user();
            if (!mayBeNone() || !NoCgroup.isRefusal(e)) {
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
    String ownDirectory(CgroupHierarchy hierarchy) {
        String own = cgroupPath.directory(hierarchy);
        return !cgroupMade || cgroup.directories().contains(own) ? own : hierarchy.ownDirectory();
    }

    boolean isGiven() {
        return host.cgroups().mode() == CgroupMode.V2 && CgroupDelegation.isDue(spec);
    }

    /** The v2 group is entered at birth, the others by the process itself. */
    static List<String> v1TaskFiles(Cgroup groups) {
        List<String> files = new ArrayList<>();
        for (String directory : groups.directories()) {
            if (!directory.equals(groups.unifiedDirectory())) {
                files.add(directory + "/tasks");
            }
        }
        return files;
    }

    /** For a container without groups; with them there is nothing to remember. */
    void rememberInit(int pid) throws ContainerFault {
        if (!NoCgroup.is(cgroup.state())) {
            return;
        }
        try {
            groupless = NoCgroup.Init.of(pid);
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.FAILED, "look at init of container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    /**
     * The version 2 group that init is in now, if it is below the container's: an init that manages groups itself, as systemd does, moves
     * itself out of the one it was born in, which then may hold no process.
     */
    @Nullable
    String unifiedGroupOf(Launch init) {
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

    /** Whether a service manager makes them, around a process that is there already. */
    boolean ofManager() {
        return unit != null;
    }

    /**
     * Whether the service manager has to put further processes into the container's group: a user may not move a process there from a group
     * outside of the manager's, such as a login session's (cgroups, "Delegation Containment").
     */
    boolean isEnteredByManager() {
        return unit != null
                && host.cgroups().mode() == CgroupMode.V2
                && (host.user() != null || host.inUserNamespace());
    }

    /** Has the service manager put a process into the container's group. */
    void enterByManager(int pid) throws ContainerFault {
        try {
            java.util.Objects.requireNonNull(unit, "unit").attach(pid);
        } catch (SystemdException e) {
            throw new ContainerFault(
                    Kind.FAILED, "join cgroup of container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    /** As they are now, or will be when {@link #make} has made them. */
    Cgroup cgroup() {
        return cgroup;
    }

    private Resources resources() {
        Resources resources = spec.linux().resources();
        return resources == null ? Resources.NONE : resources;
    }

    void signalAll(int signal) throws ContainerFault {
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

    List<Integer> pids() throws ContainerFault {
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

    void pause() throws ContainerFault {
        requireCgroup("pause container " + request.id());
        try {
            cgroup.freeze(FREEZE_TIME);
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(Kind.FAILED, "pause container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    void resume() throws ContainerFault {
        requireCgroup("resume container " + request.id());
        try {
            cgroup.thaw();
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(Kind.FAILED, "resume container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    void update(Resources resources) throws ContainerFault {
        requireCgroup("update limits of container " + request.id());
        limits.update(cgroup, resources);
    }

    /** @return the device rules until now */
    List<Resources.DeviceRule> allow(String device, Resources.DeviceRule rule) throws ContainerFault {
        return limits.allow(cgroup, device, rule);
    }

    /** After what {@link #allow} was for has failed. */
    void takeBack(List<Resources.DeviceRule> before, ContainerFault failure) {
        limits.takeBack(cgroup, before, failure);
    }

    private void requireCgroup(String what) throws ContainerFault {
        if (NoCgroup.is(cgroup.state())) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED, what + ": it has no cgroup, since none is delegated to this user");
        }
    }

    CgroupStats stats() throws ContainerFault {
        try {
            return cgroup.stats();
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.FAILED, "read statistics of container " + request.id() + ": " + e.getMessage(), e);
        }
    }

    long oomKills() {
        return oomKills.of(cgroup);
    }

    void watchOom(Runnable onOom) {
        if (!NoCgroup.is(cgroup.state())) {
            oomKills.watch(cgroup, onOom);
        }
    }

    /** What is below is killed. What this container has not made, and what is gone already, is left. */
    void remove() throws ContainerFault {
        oomKills.close();
        if (!cgroupOwned) {
            return;
        }
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
        GroupRemoval.remove(request.id(), cgroup, unit, parents);
    }

    /** Null when removing directories is not all. */
    @Nullable
    Remains remains() {
        if (unit != null || oomKills.areWatched() || !cgroupOwned || NoCgroup.is(cgroup.state())) {
            return null;
        }
        List<String> own = cgroup.directories(); // the first of which tells whether there is a process
        List<String> parents = new ArrayList<>(cgroup.state().created().reversed());
        parents.removeAll(own);
        return new Remains(own, parents);
    }

    void removed() throws ContainerFault {
        oomKills.close();
        try {
            cgroup.removed(parents);
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.FAILED, "remove parents of cgroup of container " + request.id() + ": " + e.getMessage(), e);
        }
    }
}
