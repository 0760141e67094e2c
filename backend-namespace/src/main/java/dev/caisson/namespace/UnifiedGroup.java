package dev.caisson.namespace;

import org.jspecify.annotations.Nullable;

/** A process's version 2 group, from /proc/PID/cgroup (cgroups(7)). */
final class UnifiedGroup {
    private UnifiedGroup() {}

    /** The path in the line {@code 0::path}, or null. */
    static @Nullable String parse(String text) {
        for (String line : text.split("\n", -1)) {
            if (line.startsWith("0::/")) {
                return line.substring(3);
            }
        }
        return null;
    }

    /**
     * The directory of a group below the container's own.
     *
     * @param own the container's directory, such as {@code /sys/fs/cgroup/a/b}
     * @param path a process's group as the kernel tells it, such as {@code /a/b/init}
     * @return null if it is not below; the names in it are the container's choice, so nothing else would be safe
     */
    static @Nullable String below(String own, String path) {
        // The mount point is what the directory has in front of the group's path.
        for (int slash = own.indexOf('/', 1); slash > 0; slash = own.indexOf('/', slash + 1)) {
            String group = own.substring(slash);
            if (path.startsWith(group + "/")) {
                String rest = path.substring(group.length());
                return rest.contains("/../") || rest.endsWith("/..") ? null : own + rest;
            }
        }
        return null;
    }
}
