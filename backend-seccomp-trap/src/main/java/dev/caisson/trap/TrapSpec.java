package dev.caisson.trap;

import dev.caisson.backend.ContainerFault;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What this wall makes of a configuration before the namespace wall's planner gets it. Pure. */
final class TrapSpec {
    /** All ids but the last, which is none. */
    private static final IdMapping IDENTITY = new IdMapping(0, 0, 4294967295L);

    /** From which port on everybody may listen (ip-sysctl). */
    private static final String UNPRIVILEGED_PORTS = "net.ipv4.ip_unprivileged_port_start";

    private static final String NETWORK_RIGHT = "CAP_NET_ADMIN";

    private TrapSpec() {}

    /**
     * The configuration with namespaces of every kind, a user namespace included, so that no right that the processes have counts outside of it;
     * without the profile, which is a part of the wall's own filter; and with /proc and /sys that show nothing of the host to the few calls
     * that the kernel does itself.
     *
     * @param pod what the namespaces that it joins are
     */
    static Spec of(Spec spec, PodNamespaces pod) {
        Spec.Builder b = spec.toBuilder();
        b.process = spec.process() == null ? null : process(spec.process());
        b.mounts = mounts(spec.mounts());
        b.linux = linux(spec.linux(), pod);
        return b.build();
    }

    /**
     * Refuses ids that mean others on the host: the sandbox process names files' owners and asks for rights with the container's own
     * numbers.
     */
    static void requireIdentity(Spec spec) throws ContainerFault {
        for (List<IdMapping> ids :
                List.of(spec.linux().uidMappings(), spec.linux().gidMappings())) {
            for (IdMapping m : ids) {
                if (m.containerId() != m.hostId()) {
                    throw new ContainerFault(
                            ContainerFault.Kind.UNSUPPORTED,
                            "config.json: id mapping of " + m.containerId() + " to " + m.hostId()
                                    + ": this wall supports no user namespace but one where every id is itself");
                }
            }
        }
    }

    /**
     * As for the init. A right by a file's set-id bits would be the host's. Without the right over its network a container can read that by netlink
     * and change nothing of it: so says the kernel for every message, whoever exchanges what it reads.
     */
    static ProcessSpec process(ProcessSpec process) {
        ProcessSpec.Builder b = process.toBuilder();
        b.noNewPrivileges = true;
        ProcessSpec.Capabilities c = process.capabilities();
        if (c != null) {
            b.capabilities = new ProcessSpec.Capabilities(
                    without(c.bounding()),
                    without(c.effective()),
                    without(c.inheritable()),
                    without(c.permitted()),
                    without(c.ambient()));
        }
        return b.build();
    }

    /** Whether processes of the container may have the right to mount. */
    static boolean mayMount(Spec spec) {
        ProcessSpec.Capabilities c =
                spec.process() == null ? null : spec.process().capabilities();
        return c != null && c.bounding().contains("CAP_SYS_ADMIN");
    }

    private static List<String> without(List<String> capabilities) {
        return capabilities.stream().filter(c -> !c.equals(NETWORK_RIGHT)).toList();
    }

    private static List<Mount> mounts(List<Mount> mounts) {
        List<Mount> all = new ArrayList<>();
        for (Mount m : mounts) {
            String type = m.type() == null || m.isBind() ? "" : m.type();
            switch (type) {
                // Processes only: an execve or chdir into it finds what it would on Linux. Whatever is read there by
                // name comes from us.
                case "proc" ->
                    all.add(Mount.of(
                            m.destination(), "proc", "proc", List.of("nosuid", "noexec", "nodev", "subset=pid")));
                case "sysfs" ->
                    all.add(Mount.of(
                            m.destination(),
                            "sysfs",
                            "tmpfs",
                            List.of("nosuid", "noexec", "nodev", "mode=555", "size=1m")));
                case "cgroup", "cgroup2" -> {}
                default -> all.add(m);
            }
        }
        return all;
    }

    private static Linux linux(Linux linux, PodNamespaces pod) {
        Linux.Builder b = linux.toBuilder();
        Map<NamespaceType, Linux.Namespace> namespaces = new TreeMap<>();
        for (NamespaceType type : List.of(
                NamespaceType.USER,
                NamespaceType.MOUNT,
                NamespaceType.PID,
                NamespaceType.IPC,
                NamespaceType.UTS,
                NamespaceType.NETWORK,
                NamespaceType.CGROUP)) {
            namespaces.put(type, new Linux.Namespace(type, null));
        }
        boolean mapped = false;
        for (Linux.Namespace ns : linux.namespaces()) {
            namespaces.put(ns.type(), ns);
            mapped |= ns.type() == NamespaceType.USER;
        }
        if (pod.user() != null) {
            namespaces.put(NamespaceType.USER, new Linux.Namespace(NamespaceType.USER, pod.user()));
            b.uidMappings = List.of();
            b.gidMappings = List.of();
        } else if (!mapped) {
            b.uidMappings = List.of(IDENTITY);
            b.gidMappings = List.of(IDENTITY);
        }
        b.namespaces = List.copyOf(namespaces.values());
        if (pod.isForeignNetwork()) {
            // CAP_NET_BIND_SERVICE counts only in networks of the own user namespace; within a pod any port is its own.
            Map<String, String> sysctl = new TreeMap<>(linux.sysctl());
            sysctl.putIfAbsent(UNPRIVILEGED_PORTS, "0");
            b.sysctl = sysctl;
        }
        b.seccomp = null;
        b.maskedPaths = unsynthetic(linux.maskedPaths());
        b.readonlyPaths = unsynthetic(linux.readonlyPaths());
        return b.build();
    }

    private static List<String> unsynthetic(List<String> paths) {
        return paths.stream()
                .filter(p -> !p.startsWith("/proc/") && !p.startsWith("/sys/"))
                .toList();
    }
}
