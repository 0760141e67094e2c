package dev.caisson.linux.cgroup;

import org.jspecify.annotations.Nullable;

/**
 * Present values that an update's plan depends on.
 *
 * @param cpuMax version 2's cpu.max, or null
 * @param memoryLimit bytes, -1 no limit, null unknown
 * @param memoryUsage bytes, null unknown
 */
public record CgroupCurrent(
        @Nullable String cpuMax,
        @Nullable Long memoryLimit,
        @Nullable Long memoryUsage) {
    /** A group that has just been made. */
    public static final CgroupCurrent FRESH = new CgroupCurrent(null, null, null);
}
