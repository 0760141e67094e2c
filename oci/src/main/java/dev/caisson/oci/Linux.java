package dev.caisson.oci;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The {@code linux} section of a configuration (runtime-spec "Linux Container Configuration").
 *
 * @param namespaces namespaces to create or join; a type not listed is inherited
 * @param uidMappings user ids of the user namespace
 * @param gidMappings group ids of the user namespace
 * @param timeOffsets clock offsets of the time namespace
 * @param devices device nodes to create besides the default ones
 * @param netDevices network devices to move into the container, by name on the host
 * @param cgroupsPath where the container's cgroup goes; absolute, relative, or systemd's {@code slice:prefix:name}
 * @param resources limits
 * @param seccomp system call filter
 * @param rootfsPropagation propagation of the root mount
 * @param maskedPaths paths made unreadable
 * @param readonlyPaths paths made read-only
 * @param mountLabel SELinux context of the mounts
 * @param sysctl kernel parameters, by name
 * @param intelRdt resource director technology (resctrl)
 * @param memoryPolicy NUMA memory policy
 * @param personality execution domain
 */
public record Linux(
        List<Namespace> namespaces,
        List<IdMapping> uidMappings,
        List<IdMapping> gidMappings,
        @Nullable TimeOffsets timeOffsets,
        List<Device> devices,
        Map<String, NetDevice> netDevices,
        @Nullable String cgroupsPath,
        @Nullable Resources resources,
        @Nullable Seccomp seccomp,
        @Nullable RootfsPropagation rootfsPropagation,
        List<String> maskedPaths,
        List<String> readonlyPaths,
        @Nullable String mountLabel,
        Map<String, String> sysctl,
        @Nullable IntelRdt intelRdt,
        @Nullable MemoryPolicy memoryPolicy,
        @Nullable Personality personality) {
    /** A section in which nothing is set. */
    public static final Linux NONE = new Builder().build();

    public Linux {
        namespaces = List.copyOf(namespaces);
        uidMappings = List.copyOf(uidMappings);
        gidMappings = List.copyOf(gidMappings);
        devices = List.copyOf(devices);
        netDevices = Spec.orderedCopy(netDevices);
        maskedPaths = List.copyOf(maskedPaths);
        readonlyPaths = List.copyOf(readonlyPaths);
        sysctl = Spec.orderedCopy(sysctl);
    }

    /** The entry for a namespace type, or null when the container inherits the runtime's. */
    public @Nullable Namespace namespace(NamespaceType type) {
        for (Namespace ns : namespaces) {
            if (ns.type == type) {
                return ns;
            }
        }
        return null;
    }

    /** Whether the container gets a namespace of this type, new or joined. */
    public boolean hasNamespace(NamespaceType type) {
        return namespace(type) != null;
    }

    /**
     * A namespace.
     *
     * @param type which one
     * @param path namespace file to join, absolute; null = create a new one
     */
    public record Namespace(NamespaceType type, @Nullable String path) {}

    /**
     * Offsets of the clocks in a new time namespace (time_namespaces(7)).
     *
     * @param monotonic offset of CLOCK_MONOTONIC
     * @param boottime offset of CLOCK_BOOTTIME
     */
    public record TimeOffsets(
            @Nullable TimeOffset monotonic, @Nullable TimeOffset boottime) {}

    /**
     * @param secs seconds, may be negative
     * @param nanosecs nanoseconds to add, unsigned 32 bit
     */
    public record TimeOffset(long secs, long nanosecs) {}

    /**
     * A device node.
     *
     * @param type kind of node
     * @param path absolute path inside the container
     * @param major major number; absent for a FIFO
     * @param minor minor number; absent for a FIFO
     * @param fileMode mode bits, possibly with the file type that stat(2) gave; absent = 0666
     * @param uid owner, unsigned 32 bit; absent = root of the container
     * @param gid group, unsigned 32 bit; absent = root of the container
     */
    public record Device(
            DeviceType type,
            String path,
            @Nullable Long major,
            @Nullable Long minor,
            @Nullable Integer fileMode,
            @Nullable Long uid,
            @Nullable Long gid) {}

    /**
     * A network device to move into the container.
     *
     * @param name its name inside, perhaps with {@code %d}; null = unchanged
     */
    public record NetDevice(@Nullable String name) {}

    /**
     * Resource control of CPU caches and memory bandwidth by resctrl.
     *
     * @param closId class of service; {@code /} is the root class, null = one named after the container
     * @param schemata schemata lines, written last
     * @param l3CacheSchema L3 line, written first
     * @param memBwSchema MB line, written second
     * @param enableMonitoring whether a monitoring group is created
     */
    public record IntelRdt(
            @Nullable String closId,
            List<String> schemata,
            @Nullable String l3CacheSchema,
            @Nullable String memBwSchema,
            boolean enableMonitoring) {
        public IntelRdt {
            schemata = List.copyOf(schemata);
        }
    }

    /**
     * NUMA policy (set_mempolicy(2)).
     *
     * @param mode policy
     * @param nodes node list such as {@code 0-1,3}; null = none
     * @param flags mode flags
     */
    public record MemoryPolicy(
            MemoryPolicyMode mode, @Nullable String nodes, List<MemoryPolicyFlag> flags) {
        public MemoryPolicy {
            flags = List.copyOf(flags);
        }
    }

    /**
     * Execution domain (personality(2)).
     *
     * @param domain the domain
     * @param flags reserved by the spec
     */
    public record Personality(PersonalityDomain domain, List<String> flags) {
        public Personality {
            flags = List.copyOf(flags);
        }
    }

    /** A builder holding the values of this section. */
    public Builder toBuilder() {
        Builder b = new Builder();
        b.namespaces = namespaces;
        b.uidMappings = uidMappings;
        b.gidMappings = gidMappings;
        b.timeOffsets = timeOffsets;
        b.devices = devices;
        b.netDevices = netDevices;
        b.cgroupsPath = cgroupsPath;
        b.resources = resources;
        b.seccomp = seccomp;
        b.rootfsPropagation = rootfsPropagation;
        b.maskedPaths = maskedPaths;
        b.readonlyPaths = readonlyPaths;
        b.mountLabel = mountLabel;
        b.sysctl = sysctl;
        b.intelRdt = intelRdt;
        b.memoryPolicy = memoryPolicy;
        b.personality = personality;
        return b;
    }

    /** Collects the fields of a {@link Linux} section. Not thread-safe. */
    public static final class Builder {
        public List<Namespace> namespaces = List.of();
        public List<IdMapping> uidMappings = List.of();
        public List<IdMapping> gidMappings = List.of();
        public @Nullable TimeOffsets timeOffsets;
        public List<Device> devices = List.of();
        public Map<String, NetDevice> netDevices = Map.of();
        public @Nullable String cgroupsPath;
        public @Nullable Resources resources;
        public @Nullable Seccomp seccomp;
        public @Nullable RootfsPropagation rootfsPropagation;
        public List<String> maskedPaths = List.of();
        public List<String> readonlyPaths = List.of();
        public @Nullable String mountLabel;
        public Map<String, String> sysctl = Map.of();
        public @Nullable IntelRdt intelRdt;
        public @Nullable MemoryPolicy memoryPolicy;
        public @Nullable Personality personality;

        /** The section with the current values. */
        public Linux build() {
            return new Linux(
                    namespaces,
                    uidMappings,
                    gidMappings,
                    timeOffsets,
                    devices,
                    netDevices,
                    cgroupsPath,
                    resources,
                    seccomp,
                    rootfsPropagation,
                    maskedPaths,
                    readonlyPaths,
                    mountLabel,
                    sysctl,
                    intelRdt,
                    memoryPolicy,
                    personality);
        }
    }
}
