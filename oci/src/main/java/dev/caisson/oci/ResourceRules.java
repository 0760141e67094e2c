package dev.caisson.oci;

import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The rules for {@code linux.resources}. */
final class ResourceRules {
    private ResourceRules() {}

    static void check(Findings f, String path, Resources r) {
        String dot = path.isEmpty() ? "" : path + ".";
        for (String file : r.unified().keySet()) {
            if (file.isEmpty() || file.indexOf('/') >= 0 || file.equals(".") || file.equals("..")) {
                f.error(Findings.at(dot + "unified", file), "not the name of a cgroup file");
            }
        }
        for (int i = 0; i < r.devices().size(); i++) {
            deviceRule(f, Findings.at(dot + "devices", i), r.devices().get(i));
        }
        if (r.memory() != null) {
            memory(f, dot + "memory", r.memory());
        }
        if (r.cpu() != null) {
            cpu(f, dot + "cpu", r.cpu());
        }
        if (r.pids() != null) {
            atLeast(f, dot + "pids.limit", r.pids().limit(), -1);
        }
        if (r.blockIo() != null) {
            blockIo(f, dot + "blockIO", r.blockIo());
        }
        Set<String> sizes = new HashSet<>();
        for (int i = 0; i < r.hugepageLimits().size(); i++) {
            String size = r.hugepageLimits().get(i).pageSize();
            String at = Findings.at(dot + "hugepageLimits", i) + ".pageSize";
            if (!isPageSize(size)) {
                f.error(at, Text.quote(size) + " is not a page size such as 2MB");
            } else if (!sizes.add(size)) {
                f.error(at, "duplicate " + size);
            }
        }
        if (r.network() != null) {
            List<Resources.InterfacePriority> priorities = r.network().priorities();
            for (int i = 0; i < priorities.size(); i++) {
                if (!LinuxRules.isInterfaceName(priorities.get(i).name())) {
                    f.error(
                            Findings.at(dot + "network.priorities", i) + ".name",
                            Text.quote(priorities.get(i).name()) + " is not an interface name");
                }
            }
        }
        for (Map.Entry<String, Resources.Rdma> e : r.rdma().entrySet()) {
            String at = Findings.at(dot + "rdma", e.getKey());
            if (e.getKey().isEmpty() || e.getKey().chars().anyMatch(c -> c <= ' ')) {
                f.error(at, "not a device name");
            }
            if (e.getValue().hcaHandles() == null && e.getValue().hcaObjects() == null) {
                f.error(at, "needs hcaHandles or hcaObjects");
            }
        }
    }

    private static void deviceRule(Findings f, String path, Resources.DeviceRule rule) {
        String access = rule.access();
        for (int i = 0; access != null && i < access.length(); i++) {
            char c = access.charAt(i);
            if (c != 'r' && c != 'w' && c != 'm') {
                f.error(path + ".access", Text.quote(access) + " has letters other than r, w and m");
                return;
            }
        }
    }

    private static void memory(Findings f, String path, Resources.Memory m) {
        atLeast(f, path + ".limit", m.limit(), -1);
        atLeast(f, path + ".reservation", m.reservation(), -1);
        atLeast(f, path + ".swap", m.swap(), -1);
        if (m.swappiness() != null && (m.swappiness() < 0 || m.swappiness() > 100)) {
            f.error(path + ".swappiness", Long.toUnsignedString(m.swappiness()) + " is not between 0 and 100");
        }
        if (m.swap() != null && m.swap() > 0) {
            if (m.limit() == null || m.limit() <= 0) {
                f.error(path + ".swap", "cannot be limited without a memory limit");
            } else if (m.swap() < m.limit()) {
                f.error(path + ".swap", "less than the memory limit, which it includes");
            }
        }
    }

    private static void cpu(Findings f, String path, Resources.Cpu c) {
        if (c.idle() != null && c.idle() != 0 && c.idle() != 1) {
            f.error(path + ".idle", c.idle() + " is neither 0 nor 1");
        }
        if (c.cpus() != null && !SpecValidator.isCpuList(c.cpus())) {
            f.error(path + ".cpus", Text.quote(c.cpus()) + " is not a cpu list");
        }
        if (c.mems() != null && !SpecValidator.isCpuList(c.mems())) {
            f.error(path + ".mems", Text.quote(c.mems()) + " is not a node list");
        }
        // kernel/sched/core.c: CFS bandwidth accepts periods of 1 ms to 1 s; 0 = not given.
        if (c.period() != null && c.period() != 0 && (c.period() < 1000 || c.period() > 1_000_000)) {
            f.error(path + ".period", Long.toUnsignedString(c.period()) + " is not between 1000 and 1000000");
        }
    }

    private static void blockIo(Findings f, String path, Resources.BlockIo b) {
        weight(f, path + ".weight", b.weight());
        weight(f, path + ".leafWeight", b.leafWeight());
        for (int i = 0; i < b.weightDevice().size(); i++) {
            Resources.WeightDevice d = b.weightDevice().get(i);
            String at = Findings.at(path + ".weightDevice", i);
            weight(f, at + ".weight", d.weight());
            weight(f, at + ".leafWeight", d.leafWeight());
            if (d.weight() == null && d.leafWeight() == null) {
                f.error(at, "needs weight or leafWeight");
            }
        }
    }

    private static void weight(Findings f, String path, @Nullable Integer weight) {
        // 0 is what Go writes for "not given".
        if (weight != null && weight != 0 && (weight < 10 || weight > 1000)) {
            f.error(path, weight + " is not between 10 and 1000");
        }
    }

    private static void atLeast(Findings f, String path, @Nullable Long value, long min) {
        if (value != null && value < min) {
            f.error(path, value + " is less than " + min);
        }
    }

    /** {@code [1-9][0-9]*[KMG]B} (runtime-spec "Huge page limits"). */
    private static boolean isPageSize(String size) {
        int n = size.length();
        if (n < 3 || n > 12 || !size.endsWith("B") || "KMG".indexOf(size.charAt(n - 2)) < 0 || size.charAt(0) == '0') {
            return false;
        }
        for (int i = 0; i < n - 2; i++) {
            if (size.charAt(i) < '0' || size.charAt(i) > '9') {
                return false;
            }
        }
        return true;
    }
}
