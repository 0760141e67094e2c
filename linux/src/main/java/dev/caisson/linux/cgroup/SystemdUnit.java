package dev.caisson.linux.cgroup;

import java.util.List;

/**
 * A container's unit, as {@code linux.cgroupsPath} names it in systemd's form {@code slice:prefix:name}.
 *
 * @param slice the slice that the unit is in, with its suffix; {@code -.slice} is the root
 * @param name the unit's name: a scope's, or a slice's where the configuration's name ends so
 */
public record SystemdUnit(String slice, String name) {
    private static final String SLICE = ".slice";

    /** systemd's form has three parts; a plain path may contain a colon, but then it also has a slash. */
    static boolean isForm(String path) {
        int first = path.indexOf(':');
        int second = path.indexOf(':', first + 1);
        return first >= 0 && second >= 0 && path.indexOf(':', second + 1) < 0 && path.indexOf('/') < 0;
    }

    /**
     * Reads {@code slice:prefix:name}.
     *
     * @param defaultSlice for an empty slice: {@code system.slice}, or a user's {@code user.slice}
     * @throws CgroupException when it has another form, no name, or an impossible slice
     */
    public static SystemdUnit parse(String path, String defaultSlice) throws CgroupException {
        if (!isForm(path)) {
            // The words are runc's.
            throw new CgroupException(
                    "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd cgroups, got \"" + path
                            + "\" instead");
        }
        int first = path.indexOf(':');
        int second = path.indexOf(':', first + 1);
        String slice = path.substring(0, first);
        String prefix = path.substring(first + 1, second);
        String name = path.substring(second + 1);
        if (name.isEmpty()) {
            throw new CgroupException("resolve cgroups path '" + path + "': the unit's name is empty");
        }
        String unit = name.endsWith(SLICE) ? name : (prefix.isEmpty() ? name : prefix + "-" + name) + ".scope";
        SystemdUnit parsed = new SystemdUnit(slice.isEmpty() ? defaultSlice : slice, unit);
        var _ = expandSlice(parsed.slice, path);
        return parsed;
    }

    /** A slice lives without processes of its own; a scope begins with one. */
    public boolean isSlice() {
        return name.endsWith(SLICE);
    }

    /** The unit's group below its service manager's. */
    public String group() throws CgroupException {
        return expandSlice(slice, slice) + "/" + name;
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
