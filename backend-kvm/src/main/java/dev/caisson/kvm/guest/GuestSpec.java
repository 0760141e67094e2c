package dev.caisson.kvm.guest;

import dev.caisson.backend.Backends;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Root;
import dev.caisson.oci.Spec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A configuration as the guest gets it. What only the host has (its namespaces, security modules, cgroups, paths) is left out or becomes the guest's;
 * what cannot be kept is refused by its name.
 *
 * @param spec for the guest
 * @param volumes what of the host's the guest sees, live
 * @param network the network namespace that is the pod's, a path; null for none
 * @param hostname the pod's name, which is the machine's; empty where it is the container's own
 */
public record GuestSpec(
        Spec spec, List<Volume> volumes, @Nullable String network, String hostname) {
    /** On the container's disk. */
    public static final String ROOTFS = "rootfs";

    /** Where the guest has its volumes ({@code dev.caisson.image.BootPlan}): an entry for each, as {@link Volume#name} says. */
    private static final String VOLUMES = "/run/volumes/";

    /** Where the agent mounts a container's disk in its bundle. */
    private static final String DISK = "disk/";

    /** Of the guest's first process: the namespaces that belong to the pod. */
    private static final String POD_NAMESPACES = "/proc/1/ns/";

    private static final String SHARED_MEMORY = "/dev/shm";
    private static final String CONTAINER_TYPE = "io.kubernetes.cri.container-type";

    /**
     * A file or directory of the host's that the container has a part in.
     *
     * @param name in the machine: no other container has one of this name
     * @param source an absolute path
     * @param destination in the container
     * @param readOnly whether the guest may change nothing of it
     * @param cache how long the guest may go by what it was told of it
     */
    public record Volume(String name, String source, String destination, boolean readOnly, CacheMode cache) {}

    /** The name of a container's volume. */
    public static String volumeName(String id, int number) {
        return id + "." + number;
    }

    public GuestSpec {
        volumes = List.copyOf(volumes);
    }

    /** Decides what the guest gets. Looks at sources of binds only, what kind of file they are. */
    public static GuestSpec of(String id, Spec spec) throws ContainerFault {
        refuse(spec);
        KataAnnotations kata = KataAnnotations.of(spec.annotations());
        List<Volume> volumes = new ArrayList<>();
        Spec.Builder b = spec.toBuilder();
        boolean readonly = spec.root() != null && spec.root().readonly();
        b.root = new Root(DISK + ROOTFS, readonly);
        b.mounts = mounts(id, spec, kata.cache(), volumes);
        b.annotations = annotations(spec);
        b.process = spec.process() == null ? null : process(spec.process());
        b.linux = linux(id, spec, kata);
        if (isSandbox(spec)) {
            // The pod's names are the machine's; see linux.
            b.hostname = null;
            b.domainname = null;
        }
        Linux.Namespace network = spec.linux().namespace(NamespaceType.NETWORK);
        return new GuestSpec(
                b.build(),
                volumes,
                network == null ? null : network.path(),
                isSandbox(spec) && spec.hostname() != null ? spec.hostname() : "");
    }

    /** One of an earlier daemon's, whose machine runs. */
    public static GuestSpec ofRunning(Spec spec) {
        return new GuestSpec(spec, List.of(), null, "");
    }

    /** The mounts that are volumes, in the order of their numbers. */
    public static List<Mount> shared(Spec spec) {
        return spec.mounts().stream().filter(GuestSpec::isShared).toList();
    }

    private static boolean isShared(Mount mount) {
        return mount.isBind() && mount.source() != null && !mount.destination().equals(SHARED_MEMORY);
    }

    /** Whether the guest may change nothing of what is mounted there. */
    public static boolean isReadOnly(Mount mount) {
        return mount.options().contains("ro") || mount.options().contains("rro");
    }

    private static void refuse(Spec spec) throws ContainerFault {
        if (!spec.hooks().isEmpty()) {
            throw unsupported("hooks");
        }
        if (!spec.linux().netDevices().isEmpty()) {
            throw unsupported("linux.netDevices");
        }
        if (spec.linux().intelRdt() != null) {
            throw unsupported("linux.intelRdt");
        }
        if (!spec.linux().hasNamespace(NamespaceType.NETWORK)) {
            throw unsupported("the host's network");
        }
        if (!spec.linux().hasNamespace(NamespaceType.MOUNT)) {
            throw unsupported("the host's mounts");
        }
    }

    private static ContainerFault unsupported(String what) {
        return new ContainerFault(
                Kind.UNSUPPORTED, "a container in a virtual machine cannot have " + what + " in this version");
    }

    private static boolean isSandbox(Spec spec) {
        return "sandbox".equals(spec.annotations().get(CONTAINER_TYPE));
    }

    private static List<Mount> mounts(String id, Spec spec, CacheMode cache, List<Volume> volumes)
            throws ContainerFault {
        List<Mount> mounts = new ArrayList<>();
        for (Mount mount : spec.mounts()) {
            String source = mount.source();
            if (source == null || !isShared(mount)) {
                // A bind on shared memory is one of the pod's, which is the machine's.
                mounts.add(
                        source != null && mount.isBind()
                                ? Mount.of(SHARED_MEMORY, SHARED_MEMORY, mount.type(), mount.options())
                                : mount);
                continue;
            }
            refuse(mount, Path.of(source));
            Volume volume =
                    new Volume(volumeName(id, volumes.size()), source, mount.destination(), isReadOnly(mount), cache);
            mounts.add(Mount.of(mount.destination(), VOLUMES + volume.name(), mount.type(), mount.options()));
            volumes.add(volume);
        }
        return mounts;
    }

    private static void refuse(Mount mount, Path source) throws ContainerFault {
        String what = mount.source() + " on " + mount.destination();
        if (Files.exists(source) && !Files.isDirectory(source) && !Files.isRegularFile(source)) {
            throw unsupported("a mount of " + what + ", which is neither file nor directory,");
        }
        if (mount.options().contains("shared") || mount.options().contains("rshared")) {
            throw unsupported("mounts that go back to the host (" + what + ", shared)");
        }
        if (!mount.uidMappings().isEmpty() || !mount.gidMappings().isEmpty()) {
            throw unsupported("mapped ids of a mount (" + what + ")");
        }
    }

    private static Map<String, String> annotations(Spec spec) {
        Map<String, String> annotations = new LinkedHashMap<>(spec.annotations());
        // In the guest there is one wall.
        annotations.remove(Backends.ANNOTATION);
        return annotations;
    }

    /** A further process of a container. */
    public static ProcessSpec process(ProcessSpec process) {
        ProcessSpec.Builder p = process.toBuilder();
        // The guest's kernel has no profiles and no policy of the host's.
        p.apparmorProfile = null;
        p.selinuxLabel = null;
        return p.build();
    }

    private static Linux linux(String id, Spec spec, KataAnnotations kata) {
        Linux linux = spec.linux();
        Linux.Builder b = new Linux.Builder();
        b.namespaces = namespaces(spec);
        b.uidMappings = linux.uidMappings();
        b.gidMappings = linux.gidMappings();
        b.timeOffsets = linux.timeOffsets();
        b.devices = linux.devices();
        b.cgroupsPath = "/" + id;
        b.resources = resources(linux.resources());
        b.seccomp = kata.withoutSeccomp() ? null : linux.seccomp();
        b.rootfsPropagation = linux.rootfsPropagation();
        b.maskedPaths = linux.maskedPaths();
        b.readonlyPaths = linux.readonlyPaths();
        b.sysctl = linux.sysctl();
        b.personality = linux.personality();
        return b.build();
    }

    /** Memory policies and processors' numbers are the host's; what is limited stays limited in the guest. */
    private static @Nullable Resources resources(@Nullable Resources host) {
        return host;
    }

    /**
     * A namespace of the pod's is the machine's own; what a container has for itself it has in the machine as well. A pod's sandbox makes the
     * pod's.
     */
    private static List<Linux.Namespace> namespaces(Spec spec) {
        List<Linux.Namespace> namespaces = new ArrayList<>();
        for (Linux.Namespace each : spec.linux().namespaces()) {
            boolean isPods = each.path() != null
                    || (isSandbox(spec)
                            && (each.type() == NamespaceType.IPC
                                    || each.type() == NamespaceType.UTS
                                    || each.type() == NamespaceType.NETWORK));
            namespaces.add(isPods ? new Linux.Namespace(each.type(), POD_NAMESPACES + file(each.type())) : each);
        }
        return namespaces;
    }

    private static String file(NamespaceType type) {
        return switch (type) {
            case NETWORK -> "net";
            case MOUNT -> "mnt";
            default -> type.wire();
        };
    }
}
