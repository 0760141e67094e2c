package dev.caisson.namespace;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Handover;
import dev.caisson.backend.Launcher;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.bpf.BpfProgram;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupLimits;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.cgroup.OomWatcher;
import dev.caisson.linux.cgroup.ParentGroups;
import dev.caisson.namespace.plan.ExecPlan;
import dev.caisson.namespace.plan.HostFacts;
import dev.caisson.namespace.plan.InitPlan;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.namespace.systemd.ContainerUnit;
import dev.caisson.namespace.systemd.Systemd;
import dev.caisson.namespace.systemd.SystemdException;
import dev.caisson.oci.InvalidSpecException;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Seccomp;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecReader;
import dev.caisson.oci.SpecTemplate;
import dev.caisson.oci.SpecValidator;
import dev.caisson.oci.SpecWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Containers by the host kernel's own means. */
public final class NamespaceBackend implements Backend {
    /** Long enough for whoever starts one container after another. */
    private static final Duration GROUPS_STAY = Duration.ofSeconds(1);

    private final SeccompPrograms seccompPrograms = new SeccompPrograms();
    private final KnownHomes homes = new KnownHomes();
    private @Nullable Host host;
    private @Nullable OomWatcher oomWatcher;
    private volatile @Nullable ParentGroups parents;
    /** Only once a container asks for it. */
    private @Nullable Systemd systemd;

    /** For ServiceLoader. */
    public NamespaceBackend() {}

    @Override
    public String name() {
        return "namespace";
    }

    @Override
    public void keepIn(Path stateDirectory) {
        keepGroupsIn(stateDirectory.resolve("groups-namespace"));
    }

    /** As {@link #keepIn}, for a wall that is built on this one. */
    public void keepGroupsIn(Path file) {
        parents = new ParentGroups(file, GROUPS_STAY);
    }

    @Override
    public void cleanUp() {
        ParentGroups p = parents;
        try {
            if (p != null) {
                p.adopt();
            }
        } catch (ErrnoException e) {
            System.getLogger(NamespaceBackend.class.getName())
                    .log(System.Logger.Level.WARNING, "look after groups that were left: " + e.getMessage());
        }
    }

    @Override
    public void leave() {
        ParentGroups p = parents;
        if (p != null) {
            p.close();
        }
    }

    @Override
    public Container prepare(CreateRequest request, Launcher launcher) throws ContainerFault {
        return prepare(request, launcher, null);
    }

    /** As {@link #prepare(CreateRequest, Launcher)}, for a wall that is built on this one. */
    public Container prepare(CreateRequest request, Launcher launcher, @Nullable OwnFilter filter)
            throws ContainerFault {
        Spec spec = request.spec();
        try {
            SpecValidator.validate(spec).throwIfInvalid("config.json");
        } catch (InvalidSpecException e) {
            throw new ContainerFault(Kind.INVALID, String.valueOf(e.getMessage()), e);
        }
        Path rootfs = rootfs(request);
        if (request.rootfs().isEmpty()) {
            requireContent(rootfs, launcher.here(rootfs));
        }
        NamespaceContainer container = open(request, launcher, filter, Map.of(), false);
        container.checkSupported();
        return container;
    }

    /**
     * A root file system that is not there, or has nothing in it, is refused before mount points are made in it: callers delete
     * an empty directory and no other.
     *
     * @param here how it is reached
     */
    private static void requireContent(Path rootfs, Path here) throws ContainerFault {
        String what = "config.json: root.path: " + rootfs;
        List<HostFiles.Entry> names = null;
        try {
            names = HostFiles.listIfPresent(here.toString(), HostFiles.O_NOFOLLOW);
        } catch (ErrnoException e) {
            if (e.errno() != Errno.ENOTDIR && e.errno() != Errno.ELOOP) {
                throw new ContainerFault(Kind.FAILED, what + ": " + Errno.describe(e), e);
            }
        }
        if (names == null) {
            throw new ContainerFault(Kind.INVALID, what + " is not a directory: no such file or directory (ENOENT)");
        }
        if (names.isEmpty()) {
            throw new ContainerFault(Kind.INVALID, what + " is empty: no such file or directory (ENOENT)");
        }
    }

    @Override
    public Container recover(CreateRequest request, Map<String, String> record, Launcher launcher)
            throws ContainerFault {
        return recover(request, record, launcher, null);
    }

    /** As {@link #recover(CreateRequest, Map, Launcher)}, for a wall that is built on this one. */
    public Container recover(
            CreateRequest request, Map<String, String> record, Launcher launcher, @Nullable OwnFilter filter)
            throws ContainerFault {
        return open(request, launcher, filter, record, true);
    }

    @Override
    public boolean isPaused(Map<String, String> record) throws ContainerFault {
        if (record.isEmpty()) {
            return false;
        }
        try {
            CgroupPath unused = CgroupPath.of("/unused", "unused");
            return Cgroup.open(CgroupRecord.read(record, host().cgroups(), unused))
                    .frozen();
        } catch (ErrnoException | CgroupException e) {
            return false; // the group is gone, or has no freezer
        }
    }

    private NamespaceContainer open(
            CreateRequest request,
            Launcher launcher,
            @Nullable OwnFilter filter,
            Map<String, String> record,
            boolean recovered)
            throws ContainerFault {
        String given = request.spec().linux().cgroupsPath();
        String cgroupsPath = given == null ? "" : given;
        try {
            ContainerUnit unit = null;
            if (ContainerUnit.isIn(record)) {
                unit = ContainerUnit.recover(systemd(), request.id(), record);
            } else if (request.options().systemdCgroup() && record.isEmpty()) {
                unit = ContainerUnit.of(
                        systemd(), request.id(), cgroupsPath, request.spec().annotations());
            }
            CgroupPath path = unit == null ? ownPath(cgroupsPath, request.id()) : unit.path();
            ContainerGroups groups =
                    new ContainerGroups(request, host(), path, unit, parents, oomWatcher(), record, recovered);
            return new NamespaceContainer(new ContainerParts(
                    request,
                    launcher,
                    host(),
                    path,
                    groups,
                    rootfs(request),
                    new ContainerRdt(request.id(), request.spec().linux().intelRdt()),
                    new HookRunner(request, launcher),
                    homes,
                    seccompPrograms,
                    filter));
        } catch (SystemdException e) {
            throw new ContainerFault(Kind.FAILED, String.valueOf(e.getMessage()), e);
        } catch (CgroupException e) {
            throw new ContainerFault(Kind.INVALID, "config.json: linux.cgroupsPath: " + e.getMessage(), e);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, String.valueOf(e.getMessage()), e);
        }
    }

    /** Where a user's containers go that name no group: beside the user's own, where a session manager may have given it leave. */
    private CgroupPath ownPath(String cgroupsPath, String id) throws ErrnoException, CgroupException {
        boolean delegated = cgroupsPath.isEmpty() && host().user() != null;
        return CgroupPath.of(delegated ? "caisson/" + id : cgroupsPath, id);
    }

    private static Path rootfs(CreateRequest request) {
        if (!request.rootfs().isEmpty()) {
            return request.bundle().resolve("rootfs");
        }
        String path =
                request.spec().root() == null ? "rootfs" : request.spec().root().path();
        return request.bundle().resolve(path);
    }

    private synchronized Host host() throws ErrnoException, CgroupException {
        if (host == null) {
            host = Host.detect();
        }
        return host;
    }

    private synchronized Systemd systemd() throws ErrnoException, CgroupException {
        if (systemd == null) {
            systemd = new Systemd(Systemd.isUsers(host().inUserNamespace()));
        }
        return systemd;
    }

    private synchronized OomWatcher oomWatcher() throws ErrnoException {
        if (oomWatcher == null) {
            oomWatcher = OomWatcher.open();
        }
        return oomWatcher;
    }

    @Override
    public String features() {
        return features(Map.of());
    }

    /**
     * As {@link #features()}, for a wall that is built on this one.
     *
     * @param annotations what it says about itself
     */
    public String features(Map<String, String> annotations) {
        return NamespaceFeatures.json(annotations);
    }

    /** For a wall with a filter of its own: see {@link OwnFilter}. The profile is asked first. */
    public static PlanInput.SeccompFilter filterBehind(Seccomp profile, BpfProgram filter, long flags)
            throws ContainerFault {
        return SeccompPrograms.inFrontOf(profile, filter, flags);
    }

    @Override
    public void rehearse(int rounds) {
        Spec template = SpecTemplate.rootful(true);
        byte[] json = SpecWriter.write(template);
        ProcessSpec process = java.util.Objects.requireNonNull(template.process());
        try {
            for (int i = 0; i < rounds; i++) {
                Spec spec = SpecReader.read(json);
                SpecValidator.validate(spec).throwIfInvalid("config.json");
                CgroupPath path = CgroupPath.of("/rehearsal", "rehearsal");
                HostFacts facts = host().facts(path, spec.linux());
                var _ = Cgroup.expected(host().cgroups(), path);
                Resources resources = spec.linux().resources() == null
                        ? Resources.NONE
                        : spec.linux().resources();
                DeviceRules rules = new ContainerDevices(host(), resources.devices(), Map.of()).ofNew();
                var _ = CgroupLimits.plan(ResourceTranslation.translate(resources, rules.v1Rules()), host().cgroups());
                var _ = InitPlan.of(new PlanInput(
                                "rehearsal",
                                spec,
                                "/",
                                "/rootfs",
                                List.of(),
                                false,
                                false,
                                -1,
                                -1,
                                facts,
                                PlanInput.CgroupJoin.NONE,
                                null,
                                PlanInput.HookStates.NONE,
                                Handover.NONE,
                                null))
                        .encode();
                var _ = ExecPlan.of(
                                1,
                                spec.linux(),
                                spec.annotations(),
                                process,
                                facts,
                                PlanInput.CgroupJoin.NONE,
                                null,
                                -1,
                                -1,
                                null,
                                Handover.NONE,
                                true)
                        .encode();
                var _ = SpecWriter.write(spec);
            }
        } catch (InvalidSpecException | ErrnoException | CgroupException e) {
            // Whoever creates a container here will be told.
        }
    }
}
