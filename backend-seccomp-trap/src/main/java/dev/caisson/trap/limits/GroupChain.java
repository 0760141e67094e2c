package dev.caisson.trap.limits;

import dev.caisson.linux.MountInfo;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The directories of a process's control group for one controller and of the groups that it is in, innermost first (cgroups(7)).
 *
 * @param isUnified whether they are of version 2
 */
record GroupChain(boolean isUnified, List<String> directories) {
    private static final int DEEPEST = 32;

    GroupChain {
        directories = List.copyOf(directories);
    }

    /**
     * Finds it by the text of /proc/PID/cgroup.
     *
     * @param mounts where the hierarchies are mounted
     * @return null where the controller has no mounted hierarchy
     */
    static @Nullable GroupChain of(List<MountInfo> mounts, String groups, String controller) {
        String unified = null;
        for (String line : groups.split("\n", -1)) {
            String[] fields = line.split(":", 3);
            if (fields.length < 3) {
                continue;
            }
            if (fields[1].isEmpty()) {
                unified = fields[2];
            } else if (Arrays.asList(fields[1].split(",", -1)).contains(controller)) {
                for (MountInfo mount : mounts) {
                    if (mount.type().equals("cgroup") && mount.hasSuperOption(controller)) {
                        return new GroupChain(false, directories(mount, fields[2]));
                    }
                }
            }
        }
        for (MountInfo mount : mounts) {
            if (unified != null && mount.type().equals("cgroup2")) {
                return new GroupChain(true, directories(mount, unified));
            }
        }
        return null;
    }

    private static List<String> directories(MountInfo mount, String group) {
        String root = mount.root();
        String below = !root.equals("/") && group.startsWith(root) ? group.substring(root.length()) : group;
        String top = mount.mountPoint();
        List<String> found = new ArrayList<>();
        String at = below.equals("/") ? top : top + below;
        while (found.size() < DEEPEST && at.length() >= top.length()) {
            found.add(at);
            at = at.substring(0, Math.max(0, at.lastIndexOf('/')));
        }
        return found;
    }
}
