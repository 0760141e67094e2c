package dev.caisson.linux.cgroup;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.MountInfo;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Where the controllers of a host are mounted. A fact of the host: detected once per process.
 *
 * @param mode which versions are mounted
 * @param hierarchies in the order of /proc/self/cgroup; at most one is version 2
 */
public record CgroupLayout(CgroupMode mode, List<CgroupHierarchy> hierarchies) {
    private static final String USUAL_PLACE = "/sys/fs/cgroup";

    public CgroupLayout {
        hierarchies = List.copyOf(hierarchies);
    }

    /** Reads a file below the host's root; null where it does not exist. */
    @FunctionalInterface
    interface TextReader {
        @Nullable
        String read(String path) throws ErrnoException;
    }

    /**
     * Looks at this process's mounts and groups.
     *
     * @throws CgroupException if no cgroup file system is mounted
     */
    public static CgroupLayout detect() throws ErrnoException, CgroupException {
        return detect("/proc", "");
    }

    /**
     * As {@link #detect()} on another tree of files, for tests.
     *
     * @param procRoot stands for /proc
     * @param fileRoot put before the mount points to find {@code cgroup.controllers}
     */
    public static CgroupLayout detect(String procRoot, String fileRoot) throws ErrnoException, CgroupException {
        String mountinfo = HostFiles.text(procRoot + "/self/mountinfo");
        String groups = HostFiles.text(procRoot + "/self/cgroup");
        return of(MountInfo.parse(mountinfo), groups, path -> HostFiles.textIfPresent(fileRoot + path));
    }

    static CgroupLayout of(List<MountInfo> mounts, String groups, TextReader reader)
            throws ErrnoException, CgroupException {
        List<CgroupHierarchy> found = new ArrayList<>();
        boolean v1 = false;
        boolean v1Controller = false;
        boolean v2 = false;
        for (String line : lines(groups)) {
            // hierarchy-ID:controller-list:cgroup-path, see cgroups(7); the path may contain colons.
            int first = line.indexOf(':');
            int second = line.indexOf(':', first + 1);
            boolean unified = first >= 0 && second == first + 1;
            List<String> controllers = second < 0 ? List.of() : split(line.substring(first + 1, second), ',');
            if (second < 0 || (!unified && controllers.isEmpty())) {
                throw new CgroupException("read /proc/self/cgroup: not a line as cgroups(7) describes: '" + line + "'");
            }
            String path = line.substring(second + 1);
            MountInfo mount = mountOf(mounts, unified, controllers);
            if (mount == null) {
                // A hierarchy that is not mounted here cannot be used; the container stays in the caller's group of it.
                continue;
            }
            if (unified) {
                v2 = true;
                String available = reader.read(mount.mountPoint() + "/cgroup.controllers");
                controllers = available == null ? List.of() : split(available.strip(), ' ');
            } else {
                v1 = true;
                v1Controller |= !controllers.getFirst().startsWith("name=");
            }
            found.add(new CgroupHierarchy(unified, controllers, mount.mountPoint(), mount.root(), path));
        }
        if (!v1 && !v2) {
            throw new CgroupException("find cgroups: no cgroup file system of this process's groups is mounted");
        }
        // A named hierarchy beside version 2, as mounted for containers with an old systemd, does not make a host
        // hybrid.
        CgroupMode mode = !v2 ? CgroupMode.V1 : v1Controller ? CgroupMode.HYBRID : CgroupMode.V2;
        return new CgroupLayout(mode, found);
    }

    private static @Nullable MountInfo mountOf(List<MountInfo> mounts, boolean unified, List<String> controllers) {
        MountInfo best = null;
        for (MountInfo mount : mounts) {
            if (!mount.type().equals(unified ? "cgroup2" : "cgroup") || !hasAll(mount, controllers, unified)) {
                continue;
            }
            // The same hierarchy may also be mounted in containers' root file systems. Of two at one place the later
            // one is on top, as
            // where a user's runtime has mounted what its cgroup namespace shows.
            if (best == null
                    || (!isUsual(best) && isUsual(mount))
                    || best.mountPoint().equals(mount.mountPoint())) {
                best = mount;
            }
        }
        return best;
    }

    private static boolean hasAll(MountInfo mount, List<String> controllers, boolean unified) {
        if (unified) {
            return true;
        }
        for (String controller : controllers) {
            if (!mount.hasSuperOption(controller)) {
                return false;
            }
        }
        return true;
    }

    private static boolean isUsual(MountInfo mount) {
        return mount.mountPoint().equals(USUAL_PLACE) || mount.mountPoint().startsWith(USUAL_PLACE + "/");
    }

    /** The version 2 hierarchy, or null. */
    public @Nullable CgroupHierarchy unified() {
        for (CgroupHierarchy hierarchy : hierarchies) {
            if (hierarchy.unified()) {
                return hierarchy;
            }
        }
        return null;
    }

    /** The hierarchies, version 2 in front. */
    List<CgroupHierarchy> unifiedFirst() {
        CgroupHierarchy unified = unified();
        if (unified == null) {
            return hierarchies;
        }
        List<CgroupHierarchy> ordered = new ArrayList<>(hierarchies);
        ordered.remove(unified);
        ordered.addFirst(unified);
        return ordered;
    }

    /** Whether the version 2 group, if there is one, does nothing with these controllers, nor with devices: version 1 has them. */
    public boolean isUnifiedIdle(Set<String> controllers) {
        CgroupHierarchy unified = unified();
        return (unified == null || Collections.disjoint(unified.controllers(), controllers)) && of("devices") != null;
    }

    /** The hierarchy that a controller is bound to, or null if the host does not offer it. */
    public @Nullable CgroupHierarchy of(String controller) {
        for (CgroupHierarchy hierarchy : hierarchies) {
            if (hierarchy.controllers().contains(controller)) {
                return hierarchy;
            }
        }
        return null;
    }

    static List<String> lines(String text) {
        return split(text, '\n');
    }

    /** Splits at every separator; empty parts are left out. */
    static List<String> split(String text, char separator) {
        List<String> parts = new ArrayList<>();
        int from = 0;
        for (int at = text.indexOf(separator); at >= 0; at = text.indexOf(separator, from)) {
            if (at > from) {
                parts.add(text.substring(from, at));
            }
            from = at + 1;
        }
        if (from < text.length()) {
            parts.add(text.substring(from));
        }
        return parts;
    }
}
