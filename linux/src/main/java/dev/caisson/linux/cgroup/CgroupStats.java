package dev.caisson.linux.cgroup;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the kernel has counted for a container, rich enough for containerd's {@code io.containerd.cgroups.v1.Metrics} and {@code
 * v2.Metrics}. A null group of numbers is not offered by this kernel or version; a number within a group that is not offered is
 * 0. Limits that are "max" are -1, which is 2^64-1 in an unsigned protobuf field; version 1's limits are as the kernel tells
 * them.
 *
 * @param mode of the group; {@link CgroupMode#HYBRID} has version 1's numbers where the controller is on that side
 * @param memoryStat the file memory.stat, keys of the version that the memory controller is mounted as
 * @param blockIo version 1: lists by the names of {@link #BLKIO_FILES}
 * @param io version 2: per device
 */
public record CgroupStats(
        CgroupMode mode,
        @Nullable Pids pids,
        @Nullable Cpu cpu,
        Map<String, Long> memoryStat,
        @Nullable Memory memory,
        @Nullable MemoryEvents memoryEvents,
        @Nullable OomControl oomControl,
        Map<String, List<BlockIoEntry>> blockIo,
        List<IoDevice> io,
        List<Hugetlb> hugetlb,
        List<Rdma> rdma,
        @Nullable Pressure cpuPressure,
        @Nullable Pressure memoryPressure,
        @Nullable Pressure ioPressure) {
    /** Version 1's lists in the order of the fields of BlkIOStat. */
    public static final List<String> BLKIO_FILES = List.of(
            "io_service_bytes",
            "io_serviced",
            "io_queued",
            "io_service_time",
            "io_wait_time",
            "io_merged",
            "time",
            "sectors");

    /** Version 2's entries of memory.stat in the order of the fields 1 to 31 of containerd's MemoryStat. */
    public static final List<String> MEMORY_STAT = List.of(
            "anon",
            "file",
            "kernel_stack",
            "slab",
            "sock",
            "shmem",
            "file_mapped",
            "file_dirty",
            "file_writeback",
            "anon_thp",
            "inactive_anon",
            "active_anon",
            "inactive_file",
            "active_file",
            "unevictable",
            "slab_reclaimable",
            "slab_unreclaimable",
            "pgfault",
            "pgmajfault",
            "workingset_refault",
            "workingset_activate",
            "workingset_nodereclaim",
            "pgrefill",
            "pgscan",
            "pgsteal",
            "pgactivate",
            "pgdeactivate",
            "pglazyfree",
            "pglazyfreed",
            "thp_fault_alloc",
            "thp_collapse_alloc");

    public CgroupStats {
        memoryStat = Collections.unmodifiableMap(new LinkedHashMap<>(memoryStat));
        blockIo = Collections.unmodifiableMap(new LinkedHashMap<>(blockIo));
        io = List.copyOf(io);
        hugetlb = List.copyOf(hugetlb);
        rdma = List.copyOf(rdma);
    }

    /** Tasks; a limit of -1 is none. */
    public record Pids(long current, long limit) {}

    /**
     * Processor time in nanoseconds; version 2 counts microseconds, which were multiplied.
     *
     * @param perCpuNanos version 1 only, by processor number
     */
    public record Cpu(
            long usageNanos,
            long userNanos,
            long systemNanos,
            List<Long> perCpuNanos,
            long periods,
            long throttledPeriods,
            long throttledNanos,
            long bursts,
            long burstNanos) {
        public Cpu {
            perCpuNanos = List.copyOf(perCpuNanos);
        }
    }

    /**
     * Memory in bytes.
     *
     * @param swap version 1: memory and swap together; version 2: swap alone
     * @param kernel version 1 only
     * @param kernelTcp version 1 only
     */
    public record Memory(
            Counter usage,
            @Nullable Counter swap,
            @Nullable Counter kernel,
            @Nullable Counter kernelTcp) {}

    /**
     * One resource's counter.
     *
     * @param max the highest usage ever
     * @param failures version 1: how often the limit was hit
     */
    public record Counter(long limit, long usage, long max, long failures) {}

    /** The file memory.events of version 2. */
    public record MemoryEvents(long low, long high, long max, long oom, long oomKill, long oomGroupKill) {}

    /** The file memory.oom_control of version 1. */
    public record OomControl(long oomKillDisable, long underOom, long oomKill) {}

    /** A line of version 1's blkio files; the operation is empty where the file has none. */
    public record BlockIoEntry(String operation, long major, long minor, long value) {}

    /** A line of version 2's io.stat. */
    public record IoDevice(
            long major, long minor, long readBytes, long writeBytes, long readOperations, long writeOperations) {}

    /** Huge pages of one size, in bytes. */
    public record Hugetlb(String pageSize, long usage, long max, long limit, long failures) {}

    /** Handles and objects of a remote DMA device. */
    public record Rdma(String device, long currentHandles, long currentObjects, long limitHandles, long limitObjects) {}

    /** Stalls for lack of a resource (accounting/psi.rst). */
    public record Pressure(PressureShare some, PressureShare full) {}

    /** Percentages of the last 10, 60 and 300 seconds, and microseconds in total. */
    public record PressureShare(double average10, double average60, double average300, long totalMicros) {
        static final PressureShare NONE = new PressureShare(0, 0, 0, 0);
    }
}
