package dev.caisson.linux.cgroup;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * All that is needed to find a container's groups again, also from another process and after mounts have changed. Plain
 * strings, to be stored as they are.
 *
 * @param mode of the host at creation
 * @param unified the directory in the version 2 hierarchy, or null
 * @param controllers the directory of each controller (and {@code name=...} hierarchy); a version 2 controller's is
 *     {@code unified}
 * @param created the directories that were made for this container and go with it, parents before children
 */
public record CgroupState(
        CgroupMode mode, @Nullable String unified, Map<String, String> controllers, List<String> created) {
    public CgroupState {
        // Keeps the order, which Map.copyOf would not: stored state should not change by being read.
        controllers = Collections.unmodifiableMap(new LinkedHashMap<>(controllers));
        created = List.copyOf(created);
    }
}
