package dev.caisson.linux.cgroup;

/**
 * A container's place in the hierarchies: the runtime-spec's {@code linux.cgroupsPath}, cleaned.
 *
 * @param path begins with a slash and names at least one group; no empty, {@code .} or {@code ..} components
 * @param relative whether it starts at the runtime's own group instead of the mount
 */
public record CgroupPath(String path, boolean relative) {
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
        if (SystemdUnit.isForm(cgroupsPath)) {
            return ofUnit("", SystemdUnit.parse(cgroupsPath, "system.slice"));
        }
        return new CgroupPath(clean(cgroupsPath, cgroupsPath), !cgroupsPath.startsWith("/"));
    }

    /**
     * Where systemd puts a unit.
     *
     * @param manager the service manager's own group, empty for the system's, which has the root
     */
    public static CgroupPath ofUnit(String manager, SystemdUnit unit) throws CgroupException {
        String group = manager + unit.group();
        return new CgroupPath(clean(group, group), false);
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
}
