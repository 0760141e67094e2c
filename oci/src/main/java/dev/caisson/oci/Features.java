package dev.caisson.oci;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a runtime understands (runtime-spec "Features Structure"). The lists say what is understood, not what the kernel at hand offers.
 * A null object or flag means unknown, false means not built in.
 *
 * @param ociVersionMin oldest configuration version that is accepted
 * @param ociVersionMax newest version that is implemented
 * @param hooks names of the hooks
 * @param mountOptions mount options; Kubernetes looks for {@code rro}
 * @param linux Linux section
 * @param annotations about the implementation
 * @param potentiallyUnsafeConfigAnnotations annotations that change the runtime's behaviour; an entry ending in a dot is a prefix
 */
public record Features(
        String ociVersionMin,
        String ociVersionMax,
        List<String> hooks,
        List<String> mountOptions,
        @Nullable LinuxFeatures linux,
        Map<String, String> annotations,
        List<String> potentiallyUnsafeConfigAnnotations) {
    public Features {
        hooks = List.copyOf(hooks);
        mountOptions = List.copyOf(mountOptions);
        annotations = Spec.orderedCopy(annotations);
        potentiallyUnsafeConfigAnnotations = List.copyOf(potentiallyUnsafeConfigAnnotations);
    }

    /**
     * Features of the Linux section.
     *
     * @param namespaces namespace types
     * @param capabilities capability names
     * @param cgroup cgroup drivers
     * @param seccomp seccomp; null = unknown
     * @param apparmor whether AppArmor profiles are applied
     * @param selinux whether SELinux labels are applied
     * @param intelRdt resctrl
     * @param memoryPolicy NUMA policies
     * @param idmapMounts whether id-mapped mounts work ({@code mountExtensions.idmap}); Kubernetes needs it for user namespaces
     * @param netDevices whether network devices are moved
     */
    public record LinuxFeatures(
            List<String> namespaces,
            List<String> capabilities,
            @Nullable Cgroup cgroup,
            @Nullable SeccompFeatures seccomp,
            @Nullable Boolean apparmor,
            @Nullable Boolean selinux,
            @Nullable IntelRdtFeatures intelRdt,
            @Nullable MemoryPolicyFeatures memoryPolicy,
            @Nullable Boolean idmapMounts,
            @Nullable Boolean netDevices) {
        public LinuxFeatures {
            namespaces = List.copyOf(namespaces);
            capabilities = List.copyOf(capabilities);
        }
    }

    /** Which cgroup versions and drivers are implemented. */
    public record Cgroup(
            @Nullable Boolean v1,
            @Nullable Boolean v2,
            @Nullable Boolean systemd,
            @Nullable Boolean systemdUser,
            @Nullable Boolean rdma) {}

    /** Seccomp spellings that are understood; {@code supportedFlags} are those that the kernel at hand takes too. */
    public record SeccompFeatures(
            boolean enabled,
            List<String> actions,
            List<String> operators,
            List<String> archs,
            List<String> knownFlags,
            List<String> supportedFlags) {
        public SeccompFeatures {
            actions = List.copyOf(actions);
            operators = List.copyOf(operators);
            archs = List.copyOf(archs);
            knownFlags = List.copyOf(knownFlags);
            supportedFlags = List.copyOf(supportedFlags);
        }
    }

    /** What of resctrl is implemented. */
    public record IntelRdtFeatures(boolean enabled, boolean schemata, boolean monitoring) {}

    /** NUMA policy modes and flags that are understood. */
    public record MemoryPolicyFeatures(List<String> modes, List<String> flags) {
        public MemoryPolicyFeatures {
            modes = List.copyOf(modes);
            flags = List.copyOf(flags);
        }
    }
}
