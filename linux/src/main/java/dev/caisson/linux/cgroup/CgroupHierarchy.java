package dev.caisson.linux.cgroup;

import java.util.List;

/**
 * One mounted cgroup hierarchy.
 *
 * @param unified whether it is version 2
 * @param controllers version 1: the controllers bound to it, or {@code name=...}; version 2: the ones available at the mount
 * @param mountPoint where it is mounted
 * @param root the cgroup that is visible at the mount point; {@code /} except in a container without cgroup namespace
 * @param own this process's cgroup, as /proc/self/cgroup tells
 */
public record CgroupHierarchy(boolean unified, List<String> controllers, String mountPoint, String root, String own) {
    public CgroupHierarchy {
        controllers = List.copyOf(controllers);
    }

    /** The directory of a cgroup path; a path that starts with the mount's root, as seen from outside, loses it. */
    String directory(String absolutePath) {
        String below = strip(absolutePath);
        return below.equals("/") ? mountPoint : mountPoint.equals("/") ? below : mountPoint + below;
    }

    /** The directory of this process's own group, or the mount point where that cannot be reached. */
    public String ownDirectory() {
        String below = ownBelow();
        return below.equals("/") ? mountPoint : mountPoint.equals("/") ? below : mountPoint + below;
    }

    /** The own group below the mount point. */
    private String ownBelow() {
        boolean visible = root.equals("/") || own.equals(root) || own.startsWith(root + "/");
        String below = visible ? strip(own) : "/";
        // Outside of the cgroup namespace or of what is mounted nothing can be reached.
        return below.contains("/../") || below.endsWith("/..") ? "/" : below;
    }

    /**
     * Where relative paths start. Version 2 takes the parent of the own group: processes may only live in leaves, and this
     * process lives in its own group.
     */
    String base() {
        String below = ownBelow();
        if (below.equals("/")) {
            return "/";
        }
        return unified ? parentOf(below) : below;
    }

    private String strip(String path) {
        if (root.equals("/")) {
            return path;
        }
        if (path.equals(root)) {
            return "/";
        }
        return path.startsWith(root + "/") ? path.substring(root.length()) : path;
    }

    static String parentOf(String path) {
        int slash = path.lastIndexOf('/');
        return slash <= 0 ? "/" : path.substring(0, slash);
    }
}
