package dev.caisson.shim.translate;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.ttrpc.proto.cgroups1.BlkIOEntry;
import dev.caisson.ttrpc.proto.cgroups1.BlkIOStat;
import dev.caisson.ttrpc.proto.cgroups1.CPUStat;
import dev.caisson.ttrpc.proto.cgroups1.CPUUsage;
import dev.caisson.ttrpc.proto.cgroups1.HugetlbStat;
import dev.caisson.ttrpc.proto.cgroups1.MemoryEntry;
import dev.caisson.ttrpc.proto.cgroups1.MemoryOomControl;
import dev.caisson.ttrpc.proto.cgroups1.MemoryStat;
import dev.caisson.ttrpc.proto.cgroups1.Metrics;
import dev.caisson.ttrpc.proto.cgroups1.PidsStat;
import dev.caisson.ttrpc.proto.cgroups1.RdmaEntry;
import dev.caisson.ttrpc.proto.cgroups1.RdmaStat;
import dev.caisson.ttrpc.proto.cgroups1.Throttle;
import java.util.ArrayList;
import java.util.List;

/** io.containerd.cgroups.v1.Metrics. */
final class MetricsV1 {
    /** memory.stat's names in the order of MemoryStat's fields 1 to 32. */
    private static final String[] MEMORY = {
        "cache",
        "rss",
        "rss_huge",
        "mapped_file",
        "dirty",
        "writeback",
        "pgpgin",
        "pgpgout",
        "pgfault",
        "pgmajfault",
        "inactive_anon",
        "active_anon",
        "inactive_file",
        "active_file",
        "unevictable",
        "hierarchical_memory_limit",
        "hierarchical_memsw_limit",
        "total_cache",
        "total_rss",
        "total_rss_huge",
        "total_mapped_file",
        "total_dirty",
        "total_writeback",
        "total_pgpgin",
        "total_pgpgout",
        "total_pgfault",
        "total_pgmajfault",
        "total_inactive_anon",
        "total_active_anon",
        "total_inactive_file",
        "total_active_file",
        "total_unevictable"
    };

    private MetricsV1() {}

    static Metrics of(CgroupStats s) {
        Metrics.Builder m = Metrics.newBuilder();
        if (s.pids() != null) {
            m.setPids(PidsStat.newBuilder()
                    .setCurrent(s.pids().current())
                    .setLimit(s.pids().limit()));
        }
        if (s.cpu() != null) {
            m.setCpu(cpu(s.cpu()));
        }
        if (s.memory() != null) {
            m.setMemory(memory(s));
        }
        CgroupStats.OomControl oom = s.oomControl();
        if (oom != null) {
            m.setMemoryOomControl(MemoryOomControl.newBuilder()
                    .setOomKillDisable(oom.oomKillDisable())
                    .setUnderOom(oom.underOom())
                    .setOomKill(oom.oomKill()));
        }
        m.setBlkio(BlkIOStat.newBuilder()
                .addAllIoServiceBytesRecursive(entries(s, "io_service_bytes"))
                .addAllIoServicedRecursive(entries(s, "io_serviced"))
                .addAllIoQueuedRecursive(entries(s, "io_queued"))
                .addAllIoServiceTimeRecursive(entries(s, "io_service_time"))
                .addAllIoWaitTimeRecursive(entries(s, "io_wait_time"))
                .addAllIoMergedRecursive(entries(s, "io_merged"))
                .addAllIoTimeRecursive(entries(s, "time"))
                .addAllSectorsRecursive(entries(s, "sectors")));
        for (CgroupStats.Hugetlb h : s.hugetlb()) {
            m.addHugetlb(HugetlbStat.newBuilder()
                    .setPagesize(h.pageSize())
                    .setUsage(h.usage())
                    .setMax(h.max())
                    .setFailcnt(h.failures()));
        }
        if (!s.rdma().isEmpty()) {
            RdmaStat.Builder rdma = RdmaStat.newBuilder();
            for (CgroupStats.Rdma r : s.rdma()) {
                rdma.addCurrent(RdmaEntry.newBuilder()
                        .setDevice(r.device())
                        .setHcaHandles((int) r.currentHandles())
                        .setHcaObjects((int) r.currentObjects()));
                rdma.addLimit(RdmaEntry.newBuilder()
                        .setDevice(r.device())
                        .setHcaHandles((int) r.limitHandles())
                        .setHcaObjects((int) r.limitObjects()));
            }
            m.setRdma(rdma);
        }
        return m.build();
    }

    private static CPUStat cpu(CgroupStats.Cpu c) {
        return CPUStat.newBuilder()
                .setUsage(CPUUsage.newBuilder()
                        .setTotal(c.usageNanos())
                        .setKernel(c.systemNanos())
                        .setUser(c.userNanos())
                        .addAllPerCpu(c.perCpuNanos()))
                .setThrottling(Throttle.newBuilder()
                        .setPeriods(c.periods())
                        .setThrottledPeriods(c.throttledPeriods())
                        .setThrottledTime(c.throttledNanos()))
                .build();
    }

    private static MemoryStat memory(CgroupStats s) {
        try {
            MemoryStat.Builder m = MemoryStat.newBuilder()
                    .mergeFrom(MemoryStat.parseFrom(
                            dev.caisson.shim.translate.Metrics.numbered(s.memoryStat(), List.of(MEMORY))));
            CgroupStats.Memory memory = java.util.Objects.requireNonNull(s.memory());
            m.setUsage(entry(memory.usage()));
            if (memory.swap() != null) {
                m.setSwap(entry(memory.swap()));
            }
            if (memory.kernel() != null) {
                m.setKernel(entry(memory.kernel()));
            }
            if (memory.kernelTcp() != null) {
                m.setKernelTcp(entry(memory.kernelTcp()));
            }
            return m.build();
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError("own encoding cannot be read", e);
        }
    }

    private static MemoryEntry entry(CgroupStats.Counter c) {
        return MemoryEntry.newBuilder()
                .setLimit(c.limit())
                .setUsage(c.usage())
                .setMax(c.max())
                .setFailcnt(c.failures())
                .build();
    }

    private static List<BlkIOEntry> entries(CgroupStats s, String file) {
        List<BlkIOEntry> all = new ArrayList<>();
        for (CgroupStats.BlockIoEntry e : s.blockIo().getOrDefault(file, List.of())) {
            all.add(BlkIOEntry.newBuilder()
                    .setOp(e.operation())
                    .setMajor(e.major())
                    .setMinor(e.minor())
                    .setValue(e.value())
                    .build());
        }
        return all;
    }
}
