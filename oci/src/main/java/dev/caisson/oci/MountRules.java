package dev.caisson.oci;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** The rules for {@code mounts}. */
final class MountRules {
    private MountRules() {}

    static void check(Findings f, Spec spec) {
        Linux linux = spec.linux();
        if (!spec.mounts().isEmpty() && !linux.hasNamespace(NamespaceType.MOUNT)) {
            // runc mounts into the host's file system here; nobody can mean that.
            f.error("mounts", "cannot be made without a mount namespace");
        }
        boolean mapped = linux.hasNamespace(NamespaceType.USER);
        for (int i = 0; i < spec.mounts().size(); i++) {
            check(f, Findings.at("mounts", i), spec.mounts().get(i), mapped);
        }
    }

    private static void check(Findings f, String path, Mount m, boolean userNamespace) {
        String destination = normalize(m.destination());
        if (!m.destination().startsWith("/")) {
            f.warn(path + ".destination", Text.quote(m.destination()) + " is relative, taken from /");
        }
        if (destination.equals("/")) {
            f.error(path + ".destination", "must not be the root of the container");
        } else if (destination.startsWith("/proc/") && !isHarmlessInProc(destination.substring(6))) {
            f.error(path + ".destination", Text.quote(m.destination()) + " is inside /proc");
        }
        if (m.isBind()) {
            if (m.source() == null) {
                f.error(path + ".source", "a bind mount needs a source");
            }
            bindOptions(f, path, m.options());
        } else if (m.type() == null && !m.options().contains("remount")) {
            f.error(path + ".type", "missing");
        }
        idmap(f, path, m, userNamespace);
    }

    private static void bindOptions(Findings f, String path, List<String> options) {
        for (int i = 0; i < options.size(); i++) {
            if (!MountOptions.isInterpreted(options.get(i))) {
                f.error(
                        Findings.at(path + ".options", i),
                        "a bind mount takes no file system option " + Text.quote(options.get(i)));
            }
        }
    }

    private static void idmap(Findings f, String path, Mount m, boolean userNamespace) {
        boolean wanted = false;
        boolean inline = false;
        for (String option : m.options()) {
            wanted |= MountOptions.isIdmap(option);
            inline |= MountOptions.isIdmap(option) && option.indexOf('=') > 0;
        }
        boolean mappings = !m.uidMappings().isEmpty() || !m.gidMappings().isEmpty();
        if (mappings) {
            if (m.uidMappings().isEmpty() || m.gidMappings().isEmpty()) {
                f.error(path, "an id-mapped mount needs both uidMappings and gidMappings");
            }
            SpecValidator.idMappings(f, path + ".uidMappings", m.uidMappings());
            SpecValidator.idMappings(f, path + ".gidMappings", m.gidMappings());
        }
        if ((mappings || wanted) && !m.isBind()) {
            f.error(path, "only a bind mount can be id-mapped");
        }
        if (wanted && !inline && !mappings && !userNamespace) {
            f.error(path, "an id-mapped mount needs mappings of its own or a user namespace");
        }
    }

    /** The destination as an absolute path without {@code .}, {@code ..} and empty components, judged by its text alone. */
    static String normalize(String destination) {
        Deque<String> parts = new ArrayDeque<>();
        for (String part : destination.split("/", -1)) {
            if (part.equals("..")) {
                parts.pollLast();
            } else if (!part.isEmpty() && !part.equals(".")) {
                parts.addLast(part);
            }
        }
        return "/" + String.join("/", parts);
    }

    /** Files that lxcfs and the like replace; anything else in /proc could hide what the runtime itself has to write (CVE-2019-19921). */
    private static boolean isHarmlessInProc(String below) {
        return switch (below) {
            case "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo" -> true;
            case "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled" -> true;
            default -> false;
        };
    }
}
