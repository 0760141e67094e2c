package dev.caisson.oci;

import java.util.ArrayList;
import java.util.List;

/**
 * The configuration that the {@code spec} command writes: the same as runc's, so that scripts which edit it keep working. Stateless; any
 * thread.
 */
public final class SpecTemplate {
    private static final List<String> CAPABILITIES = List.of("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE");

    private SpecTemplate() {}

    /**
     * For a runtime that runs as root.
     *
     * @param cgroupNamespace whether a cgroup namespace is asked for, as runc does on pure cgroup v2 hosts
     */
    public static Spec rootful(boolean cgroupNamespace) {
        Spec.Builder b = base();
        List<Linux.Namespace> namespaces = new ArrayList<>();
        namespaces.add(new Linux.Namespace(NamespaceType.PID, null));
        namespaces.add(new Linux.Namespace(NamespaceType.NETWORK, null));
        namespaces.add(new Linux.Namespace(NamespaceType.IPC, null));
        namespaces.add(new Linux.Namespace(NamespaceType.UTS, null));
        namespaces.add(new Linux.Namespace(NamespaceType.MOUNT, null));
        if (cgroupNamespace) {
            namespaces.add(new Linux.Namespace(NamespaceType.CGROUP, null));
        }
        b.mounts = mounts(
                List.of("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
                Mount.of("/sys", "sysfs", "sysfs", List.of("nosuid", "noexec", "nodev", "ro")),
                Mount.of("/sys/fs/cgroup", "cgroup", "cgroup", List.of("nosuid", "noexec", "nodev", "relatime", "ro")));
        Linux.Builder l = linux();
        l.namespaces = namespaces;
        Resources.Builder r = new Resources.Builder();
        r.devices = List.of(new Resources.DeviceRule(false, DeviceRuleType.ALL, null, null, "rwm"));
        l.resources = r.build();
        b.linux = l.build();
        return b.build();
    }

    /**
     * For an unprivileged user: a user namespace in which this user is root, no network namespace, no limits.
     *
     * @param uid effective user id of the caller
     * @param gid effective group id of the caller
     */
    public static Spec rootless(long uid, long gid, boolean cgroupNamespace) {
        Spec.Builder b = base();
        List<Linux.Namespace> namespaces = new ArrayList<>();
        namespaces.add(new Linux.Namespace(NamespaceType.PID, null));
        namespaces.add(new Linux.Namespace(NamespaceType.IPC, null));
        namespaces.add(new Linux.Namespace(NamespaceType.UTS, null));
        namespaces.add(new Linux.Namespace(NamespaceType.MOUNT, null));
        if (cgroupNamespace) {
            namespaces.add(new Linux.Namespace(NamespaceType.CGROUP, null));
        }
        namespaces.add(new Linux.Namespace(NamespaceType.USER, null));
        b.mounts = mounts(
                // Group 5 has no mapping, and the kernel refuses a devpts option with an unmapped id.
                List.of("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
                // A new sysfs needs a network namespace of the same user namespace.
                Mount.of("/sys", "/sys", "none", List.of("rbind", "nosuid", "noexec", "nodev", "ro")));
        Linux.Builder l = linux();
        l.namespaces = namespaces;
        l.uidMappings = List.of(new IdMapping(0, uid, 1));
        l.gidMappings = List.of(new IdMapping(0, gid, 1));
        b.linux = l.build();
        return b.build();
    }

    private static Spec.Builder base() {
        ProcessSpec.Builder p = new ProcessSpec.Builder();
        p.terminal = true;
        p.args = List.of("sh");
        p.env = List.of("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm");
        p.cwd = "/";
        p.capabilities = new ProcessSpec.Capabilities(CAPABILITIES, CAPABILITIES, List.of(), CAPABILITIES, List.of());
        p.rlimits = List.of(new ProcessSpec.Rlimit(RlimitType.NOFILE, 1024, 1024));
        p.noNewPrivileges = true;
        Spec.Builder b = new Spec.Builder();
        b.process = p.build();
        b.root = new Root("rootfs", true);
        b.hostname = "runc";
        return b;
    }

    private static List<Mount> mounts(List<String> devpts, Mount... sys) {
        List<Mount> list = new ArrayList<>();
        list.add(Mount.of("/proc", "proc", "proc", List.of()));
        list.add(Mount.of("/dev", "tmpfs", "tmpfs", List.of("nosuid", "strictatime", "mode=755", "size=65536k")));
        list.add(Mount.of("/dev/pts", "devpts", "devpts", devpts));
        list.add(
                Mount.of("/dev/shm", "shm", "tmpfs", List.of("nosuid", "noexec", "nodev", "mode=1777", "size=65536k")));
        list.add(Mount.of("/dev/mqueue", "mqueue", "mqueue", List.of("nosuid", "noexec", "nodev")));
        list.addAll(List.of(sys));
        return list;
    }

    private static Linux.Builder linux() {
        Linux.Builder l = new Linux.Builder();
        l.maskedPaths = List.of(
                "/proc/acpi",
                "/proc/asound",
                "/proc/kcore",
                "/proc/keys",
                "/proc/latency_stats",
                "/proc/timer_list",
                "/proc/timer_stats",
                "/proc/sched_debug",
                "/sys/firmware",
                "/proc/scsi");
        l.readonlyPaths = List.of("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger");
        return l;
    }
}
