package dev.caisson.shim.translate;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.ttrpc.proto.cgroups2.CPUStat;
import dev.caisson.ttrpc.proto.cgroups2.HugeTlbStat;
import dev.caisson.ttrpc.proto.cgroups2.IOEntry;
import dev.caisson.ttrpc.proto.cgroups2.IOStat;
import dev.caisson.ttrpc.proto.cgroups2.MemoryEvents;
import dev.caisson.ttrpc.proto.cgroups2.MemoryStat;
import dev.caisson.ttrpc.proto.cgroups2.Metrics;
import dev.caisson.ttrpc.proto.cgroups2.PSIData;
import dev.caisson.ttrpc.proto.cgroups2.PSIStats;
import dev.caisson.ttrpc.proto.cgroups2.PidsStat;
import dev.caisson.ttrpc.proto.cgroups2.RdmaEntry;
import dev.caisson.ttrpc.proto.cgroups2.RdmaStat;

/** io.containerd.cgroups.v2.Metrics. */
final class MetricsV2 {
    private static final long NANOS_PER_MICRO = 1000;

    private MetricsV2() {}

    static Metrics of(CgroupStats s) {
        Metrics.Builder m = Metrics.newBuilder();
        if (s.pids() != null) {
            m.setPids(PidsStat.newBuilder()
                    .setCurrent(s.pids().current())
                    .setLimit(s.pids().limit()));
        }
        CgroupStats.Cpu cpu = s.cpu();
        if (cpu != null) {
            CPUStat.Builder c = CPUStat.newBuilder()
                    .setUsageUsec(cpu.usageNanos() / NANOS_PER_MICRO)
                    .setUserUsec(cpu.userNanos() / NANOS_PER_MICRO)
                    .setSystemUsec(cpu.systemNanos() / NANOS_PER_MICRO)
                    .setNrPeriods(cpu.periods())
                    .setNrThrottled(cpu.throttledPeriods())
                    .setThrottledUsec(cpu.throttledNanos() / NANOS_PER_MICRO)
                    .setNrBursts(cpu.bursts())
                    .setBurstUsec(cpu.burstNanos() / NANOS_PER_MICRO);
            if (s.cpuPressure() != null) {
                c.setPsi(psi(s.cpuPressure()));
            }
            m.setCpu(c);
        }
        if (s.memory() != null) {
            m.setMemory(memory(s));
        }
        CgroupStats.MemoryEvents e = s.memoryEvents();
        if (e != null) {
            m.setMemoryEvents(MemoryEvents.newBuilder()
                    .setLow(e.low())
                    .setHigh(e.high())
                    .setMax(e.max())
                    .setOom(e.oom())
                    .setOomKill(e.oomKill())
                    .setOomGroupKill(e.oomGroupKill()));
        }
        IOStat.Builder io = IOStat.newBuilder();
        for (CgroupStats.IoDevice d : s.io()) {
            io.addUsage(IOEntry.newBuilder()
                    .setMajor(d.major())
                    .setMinor(d.minor())
                    .setRbytes(d.readBytes())
                    .setWbytes(d.writeBytes())
                    .setRios(d.readOperations())
                    .setWios(d.writeOperations()));
        }
        if (s.ioPressure() != null) {
            io.setPsi(psi(s.ioPressure()));
        }
        m.setIo(io);
        for (CgroupStats.Hugetlb h : s.hugetlb()) {
            m.addHugetlb(HugeTlbStat.newBuilder()
                    .setPagesize(h.pageSize())
                    .setCurrent(h.usage())
                    .setMax(h.limit())
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

    private static MemoryStat memory(CgroupStats s) {
        try {
            CgroupStats.Memory memory = java.util.Objects.requireNonNull(s.memory());
            MemoryStat.Builder m = MemoryStat.newBuilder()
                    .mergeFrom(MemoryStat.parseFrom(
                            dev.caisson.shim.translate.Metrics.numbered(s.memoryStat(), CgroupStats.MEMORY_STAT)))
                    .setUsage(memory.usage().usage())
                    .setUsageLimit(memory.usage().limit())
                    .setMaxUsage(memory.usage().max());
            CgroupStats.Counter swap = memory.swap();
            if (swap != null) {
                m.setSwapUsage(swap.usage()).setSwapLimit(swap.limit()).setSwapMaxUsage(swap.max());
            }
            if (s.memoryPressure() != null) {
                m.setPsi(psi(s.memoryPressure()));
            }
            return m.build();
        } catch (InvalidProtocolBufferException e) {
            throw new AssertionError("own encoding cannot be read", e);
        }
    }

    private static PSIStats psi(CgroupStats.Pressure p) {
        return PSIStats.newBuilder()
                .setSome(share(p.some()))
                .setFull(share(p.full()))
                .build();
    }

    private static PSIData share(CgroupStats.PressureShare p) {
        return PSIData.newBuilder()
                .setAvg10(p.average10())
                .setAvg60(p.average60())
                .setAvg300(p.average300())
                .setTotal(p.totalMicros())
                .build();
    }
}
