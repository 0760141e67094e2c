package dev.caisson.linux.cgroup;

import java.util.List;

/**
 * A container's place in the hierarchies: the runtime-spec's {@code linux.cgroupsPath}, cleaned.
 *
 * @param path begins with a slash and names at least one group; no empty, {@code .} or {@code ..} components
 * @param relative whether it starts at the runtime's own group instead of the mount
 */
public record CgroupPath(String path, boolean relative) {
    private static final String SLICE = ".slice";

    public CgroupPath {
        if (!path.startsWith("/") || path.length() < 2) {
            throw new IllegalArgumentException("not a cgroup path: '" + path + "'");
        }
    }

    /**
     * Resolves the configuration's value.
     *
     * @param cgroupsPath absolute: below each controller's mount; relative: below the runtime's own group (version 1) or beside
     *     it (version 2); empty: {@code /ID}; systemd's {@code slice:prefix:name}: the directory that systemd would use
     * @param id the container's id
     * @throws CgroupException for a path that names no group, contains {@code ..} or a NUL, or an impossible slice
     */
    public static CgroupPath of(String cgroupsPath, String id) throws CgroupException {
        if (cgroupsPath.isEmpty()) {
            return new CgroupPath(clean(id, id), false);
        }
        if (isSystemd(cgroupsPath)) {
            return new CgroupPath(systemd(cgroupsPath), false);
        }
        return new CgroupPath(clean(cgroupsPath, cgroupsPath), !cgroupsPath.startsWith("/"));
    }

    /** The group's directory in a hierarchy. */
    public String directory(CgroupHierarchy hierarchy) {
        if (!relative) {
            return hierarchy.directory(path);
        }
        String base = hierarchy.base();
        String full = base.equals("/") ? path : base + path;
        return hierarchy.mountPoint().equals("/") ? full : hierarchy.mountPoint() + full;
    }

    private static String clean(String path, String shown) throws CgroupException {
        StringBuilder out = new StringBuilder(path.length() + 1);
        for (String part : CgroupLayout.split(path, '/')) {
            if (part.equals("..") || part.indexOf('\0') >= 0) {
                throw new CgroupException(
                        "resolve cgroups path '" + shown.replace('\0', '?') + "': '..' and NUL are not allowed");
            }
            if (!part.equals(".")) {
                out.append('/').append(part);
            }
        }
        if (out.isEmpty()) {
            throw new CgroupException("resolve cgroups path '" + shown + "': it names the root of the hierarchy");
        }
        return out.toString();
    }

    /** systemd's form has three parts; a plain path may contain a colon, but then it also has a slash. */
    private static boolean isSystemd(String path) {
        int first = path.indexOf(':');
        int second = path.indexOf(':', first + 1);
        return first >= 0 && second >= 0 && path.indexOf(':', second + 1) < 0 && path.indexOf('/') < 0;
    }

    private static String systemd(String path) throws CgroupException {
        int first = path.indexOf(':');
        int second = path.indexOf(':', first + 1);
        String slice = path.substring(0, first);
        String prefix = path.substring(first + 1, second);
        String name = path.substring(second + 1);
        if (name.isEmpty()) {
            throw new CgroupException("resolve cgroups path '" + path + "': the unit's name is empty");
        }
        String unit = name.endsWith(SLICE) ? name : (prefix.isEmpty() ? name : prefix + "-" + name) + ".scope";
        return clean(expandSlice(slice.isEmpty() ? "system" + SLICE : slice, path) + "/" + unit, path);
    }

    /** a-b-c.slice lives in a.slice/a-b.slice/a-b-c.slice and -.slice is the root, see systemd.slice(5). */
    private static String expandSlice(String slice, String shown) throws CgroupException {
        if (slice.equals("-" + SLICE)) {
            return "";
        }
        String name = slice.endsWith(SLICE) ? slice.substring(0, slice.length() - SLICE.length()) : "";
        if (name.isEmpty() || name.startsWith("-") || name.endsWith("-") || name.contains("--")) {
            throw new CgroupException("resolve cgroups path '" + shown + "': '" + slice + "' is not a slice's name");
        }
        List<String> parts = CgroupLayout.split(name, '-');
        StringBuilder out = new StringBuilder();
        StringBuilder prefix = new StringBuilder();
        for (String part : parts) {
            prefix.append(prefix.isEmpty() ? "" : "-").append(part);
            out.append('/').append(prefix).append(SLICE);
        }
        return out.toString();
    }
}
