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
 * @param volumes host paths that are copied to the container's disk, in the order of their numbers there
 * @param network the network namespace that is the pod's, a path; null for none
 * @param hostname the pod's name, which is the machine's; empty where it is the container's own
 */
public record GuestSpec(
        Spec spec, List<String> volumes, @Nullable String network, String hostname) {
    /** On the container's disk. */
    public static final String ROOTFS = "rootfs";

    /** On the container's disk: a directory with an entry for each volume, named by its number. */
    public static final String VOLUMES = "volumes";

    /** Where the agent mounts a container's disk in its bundle. */
    private static final String DISK = "disk/";

    /** Of the guest's first process: the namespaces that belong to the pod. */
    private static final String POD_NAMESPACES = "/proc/1/ns/";

    private static final String SHARED_MEMORY = "/dev/shm";
    private static final String CONTAINER_TYPE = "io.kubernetes.cri.container-type";

    public GuestSpec {
        volumes = List.copyOf(volumes);
    }

    /** Decides what the guest gets. Looks at sources of binds only, whether they are directories. */
    public static GuestSpec of(String id, Spec spec) throws ContainerFault {
        refuse(spec);
        List<String> volumes = new ArrayList<>();
        Spec.Builder b = spec.toBuilder();
        boolean readonly = spec.root() != null && spec.root().readonly();
        b.root = new Root(DISK + ROOTFS, readonly);
        b.mounts = mounts(spec, volumes);
        b.annotations = annotations(spec);
        b.process = spec.process() == null ? null : process(spec.process());
        b.linux = linux(id, spec);
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

    private static List<Mount> mounts(Spec spec, List<String> volumes) throws ContainerFault {
        List<Mount> mounts = new ArrayList<>();
        for (Mount mount : spec.mounts()) {
            String source = mount.source();
            if (!mount.isBind() || source == null) {
                mounts.add(mount);
                continue;
            }
            if (mount.destination().equals(SHARED_MEMORY)) {
                // The pod's, which is the machine's.
                mounts.add(Mount.of(SHARED_MEMORY, SHARED_MEMORY, mount.type(), mount.options()));
                continue;
            }
            boolean readOnly = mount.options().contains("ro") || mount.options().contains("rro");
            if (!readOnly && Files.isDirectory(Path.of(source))) {
                throw new ContainerFault(
                        Kind.UNSUPPORTED,
                        "mount " + source + " on " + mount.destination()
                                + ": writable directories of the host are not shared with virtual machines in this version");
            }
            mounts.add(new Mount(
                    mount.destination(),
                    DISK + VOLUMES + "/" + volumes.size(),
                    mount.type(),
                    mount.options(),
                    mount.uidMappings(),
                    mount.gidMappings()));
            volumes.add(source);
        }
        return mounts;
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

    private static Linux linux(String id, Spec spec) {
        Linux linux = spec.linux();
        Linux.Builder b = new Linux.Builder();
        b.namespaces = namespaces(spec);
        b.uidMappings = linux.uidMappings();
        b.gidMappings = linux.gidMappings();
        b.timeOffsets = linux.timeOffsets();
        b.devices = linux.devices();
        b.cgroupsPath = "/" + id;
        b.resources = resources(linux.resources());
        b.seccomp = linux.seccomp();
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
