package dev.caisson.kvm.guest;

import com.google.protobuf.Any;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.cgroup.CgroupMode;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.ttrpc.proto.cgroups2.CPUStat;
import dev.caisson.ttrpc.proto.cgroups2.IOEntry;
import dev.caisson.ttrpc.proto.cgroups2.MemoryEvents;
import dev.caisson.ttrpc.proto.cgroups2.MemoryStat;
import dev.caisson.ttrpc.proto.cgroups2.Metrics;
import dev.caisson.ttrpc.proto.cgroups2.PidsStat;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the guest's kernel has counted, which is of version 2, for a host of either version. */
final class GuestStats {
    private static final String VERSION_2 = "/sys/fs/cgroup/cgroup.controllers";
    private static final long NANOS_PER_MICRO = 1000;

    private GuestStats() {}

    static CgroupStats of(Any answer) throws ContainerFault {
        try {
            return of(Metrics.parseFrom(answer.getValue()), HostFiles.exists(VERSION_2));
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "read the guest's statistics: " + e.getMessage(), e);
        }
    }

    /** @param version2 how the host counts: containerd takes numbers of that kind only */
    static CgroupStats of(Metrics m, boolean version2) throws IOException {
        PidsStat pids = m.getPids();
        MemoryStat memory = m.getMemory();
        MemoryEvents events = m.getMemoryEvents();
        List<CgroupStats.IoDevice> io = new ArrayList<>();
        for (IOEntry e : m.getIo().getUsageList()) {
            io.add(new CgroupStats.IoDevice(
                    e.getMajor(), e.getMinor(), e.getRbytes(), e.getWbytes(), e.getRios(), e.getWios()));
        }
        return new CgroupStats(
                version2 ? CgroupMode.V2 : CgroupMode.V1,
                m.hasPids() ? new CgroupStats.Pids(pids.getCurrent(), pids.getLimit()) : null,
                m.hasCpu() ? cpu(m.getCpu()) : null,
                memoryStat(memory),
                m.hasMemory()
                        ? new CgroupStats.Memory(
                                new CgroupStats.Counter(
                                        memory.getUsageLimit(), memory.getUsage(), memory.getMaxUsage(), 0),
                                new CgroupStats.Counter(
                                        memory.getSwapLimit(), memory.getSwapUsage(), memory.getSwapMaxUsage(), 0),
                                null,
                                null)
                        : null,
                m.hasMemoryEvents()
                        ? new CgroupStats.MemoryEvents(
                                events.getLow(),
                                events.getHigh(),
                                events.getMax(),
                                events.getOom(),
                                events.getOomKill(),
                                events.getOomGroupKill())
                        : null,
                null,
                Map.of(),
                io,
                List.of(),
                List.of(),
                null,
                null,
                null);
    }

    private static CgroupStats.Cpu cpu(CPUStat cpu) {
        return new CgroupStats.Cpu(
                cpu.getUsageUsec() * NANOS_PER_MICRO,
                cpu.getUserUsec() * NANOS_PER_MICRO,
                cpu.getSystemUsec() * NANOS_PER_MICRO,
                List.of(),
                cpu.getNrPeriods(),
                cpu.getNrThrottled(),
                cpu.getThrottledUsec() * NANOS_PER_MICRO,
                cpu.getNrBursts(),
                cpu.getBurstUsec() * NANOS_PER_MICRO);
    }

    /** By field number, as they are named in {@link CgroupStats#MEMORY_STAT}. */
    private static Map<String, Long> memoryStat(MemoryStat memory) throws IOException {
        Map<String, Long> stat = new LinkedHashMap<>();
        CodedInputStream in = memory.toByteString().newCodedInput();
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            int field = WireFormat.getTagFieldNumber(tag);
            if (field <= CgroupStats.MEMORY_STAT.size()
                    && WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_VARINT) {
                stat.put(CgroupStats.MEMORY_STAT.get(field - 1), in.readUInt64());
            } else if (!in.skipField(tag)) {
                throw new InvalidProtocolBufferException("memory statistics end too early");
            }
        }
        return stat;
    }
}
