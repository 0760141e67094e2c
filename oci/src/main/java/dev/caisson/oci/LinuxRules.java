package dev.caisson.oci;

import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The rules for the {@code linux} section, except for resources and seccomp. */
final class LinuxRules {
    private LinuxRules() {}

    static void check(Findings f, Spec spec) {
        Linux l = spec.linux();
        namespaces(f, l);
        userMappings(f, l);
        timeOffsets(f, l);
        devices(f, l.devices());
        netDevices(f, l);
        if (l.resources() != null) {
            ResourceRules.check(f, "linux.resources", l.resources());
        }
        if (l.seccomp() != null) {
            SeccompRules.check(f, "linux.seccomp", l.seccomp());
        }
        hiddenPaths(f, "linux.maskedPaths", l.maskedPaths(), l);
        hiddenPaths(f, "linux.readonlyPaths", l.readonlyPaths(), l);
        for (String name : l.sysctl().keySet()) {
            sysctl(f, name, l);
        }
        if (l.intelRdt() != null) {
            intelRdt(f, l.intelRdt());
        }
        if (l.memoryPolicy() != null) {
            memoryPolicy(f, l.memoryPolicy());
        }
        if (l.personality() != null && !l.personality().flags().isEmpty()) {
            f.warn("linux.personality.flags", "reserved by the spec, ignored");
        }
    }

    private static void namespaces(Findings f, Linux l) {
        Set<NamespaceType> seen = EnumSet.noneOf(NamespaceType.class);
        for (int i = 0; i < l.namespaces().size(); i++) {
            Linux.Namespace ns = l.namespaces().get(i);
            String at = Findings.at("linux.namespaces", i);
            if (!seen.add(ns.type())) {
                f.error(at + ".type", "duplicate " + ns.type().wire() + " namespace");
            }
            if (ns.path() != null && !ns.path().startsWith("/")) {
                f.error(at + ".path", Text.quote(ns.path()) + " is not an absolute path");
            }
        }
    }

    private static void userMappings(Findings f, Linux l) {
        Linux.Namespace user = l.namespace(NamespaceType.USER);
        if (user == null) {
            if (!l.uidMappings().isEmpty()) {
                f.error("linux.uidMappings", "cannot be set without a user namespace");
            }
            if (!l.gidMappings().isEmpty()) {
                f.error("linux.gidMappings", "cannot be set without a user namespace");
            }
        } else if (user.path() == null
                && (l.uidMappings().isEmpty() || l.gidMappings().isEmpty())) {
            f.warn("linux", "a new user namespace without mappings of users and groups has no root");
        }
        SpecValidator.idMappings(f, "linux.uidMappings", l.uidMappings());
        SpecValidator.idMappings(f, "linux.gidMappings", l.gidMappings());
    }

    private static void timeOffsets(Findings f, Linux l) {
        Linux.TimeOffsets offsets = l.timeOffsets();
        if (offsets == null || (offsets.monotonic() == null && offsets.boottime() == null)) {
            return;
        }
        Linux.Namespace time = l.namespace(NamespaceType.TIME);
        if (time == null) {
            f.error("linux.timeOffsets", "cannot be set without a time namespace");
        } else if (time.path() != null) {
            f.error("linux.timeOffsets", "cannot be set for a time namespace that is joined");
        }
        if (offsets.monotonic() != null && offsets.monotonic().nanosecs() >= 1_000_000_000L) {
            f.error("linux.timeOffsets.monotonic.nanosecs", "must be less than 1000000000");
        }
        if (offsets.boottime() != null && offsets.boottime().nanosecs() >= 1_000_000_000L) {
            f.error("linux.timeOffsets.boottime.nanosecs", "must be less than 1000000000");
        }
    }

    private static void devices(Findings f, List<Linux.Device> devices) {
        Map<String, Linux.Device> byPath = new HashMap<>();
        for (int i = 0; i < devices.size(); i++) {
            Linux.Device d = devices.get(i);
            String at = Findings.at("linux.devices", i);
            if (!d.path().startsWith("/")) {
                f.error(at + ".path", Text.quote(d.path()) + " is not an absolute path");
            } else if (MountRules.normalize(d.path()).equals("/")) {
                f.error(at + ".path", "must not be the root of the container");
            }
            if (d.type() != DeviceType.FIFO) {
                number(f, at + ".major", d.major(), 0xfffL);
                number(f, at + ".minor", d.minor(), 0xf_ffffL);
            }
            Linux.Device other = byPath.putIfAbsent(MountRules.normalize(d.path()), d);
            if (other != null && !sameNode(d, other)) {
                f.error(at + ".path", Text.quote(d.path()) + " is given twice for different devices");
            }
        }
    }

    /** The kernel's dev_t has 12 bits of major and 20 bits of minor number (include/linux/kdev_t.h). */
    private static void number(Findings f, String path, @Nullable Long number, long max) {
        if (number == null) {
            f.error(path, "missing");
        } else if (number < 0 || number > max) {
            f.error(path, number + " is not between 0 and " + max);
        }
    }

    private static boolean sameNode(Linux.Device a, Linux.Device b) {
        if (a.type() == DeviceType.FIFO || b.type() == DeviceType.FIFO) {
            return a.type() == b.type();
        }
        boolean sameKind = (a.type() == DeviceType.BLOCK) == (b.type() == DeviceType.BLOCK);
        return sameKind && Objects.equals(a.major(), b.major()) && Objects.equals(a.minor(), b.minor());
    }

    private static void netDevices(Findings f, Linux l) {
        if (l.netDevices().isEmpty()) {
            return;
        }
        if (!l.hasNamespace(NamespaceType.NETWORK)) {
            f.error("linux.netDevices", "cannot be moved without a network namespace");
        }
        Set<String> inside = new HashSet<>();
        for (Map.Entry<String, Linux.NetDevice> e : l.netDevices().entrySet()) {
            String at = Findings.at("linux.netDevices", e.getKey());
            String name = e.getValue().name();
            if (!isInterfaceName(e.getKey())) {
                f.error(at, "not an interface name");
            }
            if (name != null && !isInterfaceName(name)) {
                f.error(at + ".name", Text.quote(name) + " is not an interface name");
            }
            String effective = name == null ? e.getKey() : name;
            // A template with %d gets the next free number, so it cannot clash by itself.
            if (!inside.add(effective) && effective.indexOf('%') < 0) {
                f.error(at + ".name", Text.quote(effective) + " is used twice");
            }
        }
    }

    /** net/core/dev.c {@code dev_valid_name}. */
    static boolean isInterfaceName(String name) {
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        if (bytes == 0 || bytes > 15 || name.equals(".") || name.equals("..")) {
            return false;
        }
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c == '/' || c == ':' || c <= ' ') {
                return false;
            }
        }
        return true;
    }

    private static void hiddenPaths(Findings f, String path, List<String> paths, Linux l) {
        if (!paths.isEmpty() && !l.hasNamespace(NamespaceType.MOUNT)) {
            f.error(path, "cannot be set without a mount namespace");
        }
        for (int i = 0; i < paths.size(); i++) {
            if (!paths.get(i).startsWith("/")) {
                f.error(Findings.at(path, i), Text.quote(paths.get(i)) + " is not an absolute path");
            }
        }
    }

    /** Only parameters that belong to a namespace of the container may be set; all others are the host's. */
    private static void sysctl(Findings f, String name, Linux l) {
        String at = Findings.at("linux.sysctl", name);
        String dotted = dotted(name);
        if (dotted.isEmpty() || dotted.startsWith(".") || dotted.contains("..")) {
            f.error(at, "not a kernel parameter name");
            return;
        }
        NamespaceType owner = owner(dotted);
        if (dotted.equals("kernel.hostname")) {
            f.error(at, "is set by hostname");
        } else if (owner == null) {
            f.error(at, "does not belong to a namespace");
        } else if (!l.hasNamespace(owner)) {
            f.error(at, "cannot be set without a " + owner.wire() + " namespace");
        }
    }

    /**
     * The name with dots between its components. sysctl.d(5): the first separator decides; when it is a slash, then dots are part of a
     * component, as in {@code net/ipv4/conf/eth0.1/forwarding}.
     */
    static String dotted(String name) {
        int dot = name.indexOf('.');
        int slash = name.indexOf('/');
        if (slash < 0 || (dot >= 0 && dot < slash)) {
            // In the dotted form a slash stands for a dot inside a component, so the components stay as they are.
            return name.indexOf("/.") >= 0 || name.indexOf("./") >= 0 ? "" : name;
        }
        String[] parts = name.split("/", -1);
        for (String part : parts) {
            if (part.isEmpty() || part.equals(".") || part.equals("..")) {
                return "";
            }
        }
        return String.join(".", parts);
    }

    private static @Nullable NamespaceType owner(String dotted) {
        return switch (dotted) {
            case "kernel.msgmax",
                    "kernel.msgmnb",
                    "kernel.msgmni",
                    "kernel.sem",
                    "kernel.shmall",
                    "kernel.shmmax",
                    "kernel.shmmni",
                    "kernel.shm_rmid_forced" -> NamespaceType.IPC;
            case "kernel.domainname" -> NamespaceType.UTS;
            default -> ownerOfTree(dotted);
        };
    }

    private static @Nullable NamespaceType ownerOfTree(String dotted) {
        if (dotted.startsWith("fs.mqueue.")) {
            return NamespaceType.IPC;
        }
        if (dotted.startsWith("net.")) {
            return NamespaceType.NETWORK;
        }
        return dotted.startsWith("user.") ? NamespaceType.USER : null;
    }

    private static void intelRdt(Findings f, Linux.IntelRdt rdt) {
        String closId = rdt.closId();
        if (closId != null
                && !closId.equals("/")
                && (closId.indexOf('/') >= 0 || closId.equals(".") || closId.equals(".."))) {
            f.error("linux.intelRdt.closID", Text.quote(closId) + " is not a directory name");
        }
        for (int i = 0; i < rdt.schemata().size(); i++) {
            if (rdt.schemata().get(i).indexOf('\n') >= 0) {
                f.error(Findings.at("linux.intelRdt.schemata", i), "contains a line break");
            }
        }
    }

    /** mm/mempolicy.c {@code sanitize_mpol_flags} and {@code mpol_new}. */
    private static void memoryPolicy(Findings f, Linux.MemoryPolicy p) {
        String path = "linux.memoryPolicy";
        boolean nodeless = p.mode() == MemoryPolicyMode.DEFAULT || p.mode() == MemoryPolicyMode.LOCAL;
        if (p.nodes() != null && !SpecValidator.isCpuList(p.nodes())) {
            f.error(path + ".nodes", Text.quote(p.nodes()) + " is not a node list");
        }
        if (nodeless && p.nodes() != null) {
            f.error(path + ".nodes", p.mode().wire() + " takes no nodes");
        }
        if (!nodeless && p.nodes() == null && p.mode() != MemoryPolicyMode.PREFERRED) {
            f.error(path + ".nodes", p.mode().wire() + " needs nodes");
        }
        if (nodeless && !p.flags().isEmpty()) {
            f.error(path + ".flags", p.mode().wire() + " takes no flags");
        }
        if (p.flags().contains(MemoryPolicyFlag.STATIC_NODES) && p.flags().contains(MemoryPolicyFlag.RELATIVE_NODES)) {
            f.error(path + ".flags", "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
        }
        if (p.flags().contains(MemoryPolicyFlag.NUMA_BALANCING)
                && p.mode() != MemoryPolicyMode.BIND
                && p.mode() != MemoryPolicyMode.PREFERRED_MANY) {
            f.error(path + ".flags", "MPOL_F_NUMA_BALANCING goes with MPOL_BIND or MPOL_PREFERRED_MANY only");
        }
    }
}
