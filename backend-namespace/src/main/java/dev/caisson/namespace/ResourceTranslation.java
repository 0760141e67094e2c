package dev.caisson.namespace;

import dev.caisson.linux.cgroup.CgroupResources;
import dev.caisson.oci.Resources;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The specification's {@code linux.resources} in the cgroup package's words. Devices are translated by {@link DeviceRules}. */
final class ResourceTranslation {
    private ResourceTranslation() {}

    static CgroupResources translate(Resources r, List<CgroupResources.DeviceRule> deviceRules) {
        List<CgroupResources.HugepageLimit> hugepages = new ArrayList<>();
        for (Resources.HugepageLimit h : r.hugepageLimits()) {
            hugepages.add(new CgroupResources.HugepageLimit(h.pageSize(), h.limit()));
        }
        Map<String, CgroupResources.Rdma> rdma = new LinkedHashMap<>();
        r.rdma().forEach((device, x) -> rdma.put(device, new CgroupResources.Rdma(x.hcaHandles(), x.hcaObjects())));
        return new CgroupResources(
                memory(r.memory()),
                cpu(r.cpu()),
                r.pids() == null ? null : r.pids().limit(),
                blockIo(r.blockIo()),
                hugepages,
                network(r.network()),
                rdma,
                deviceRules,
                r.unified());
    }

    private static CgroupResources.Memory memory(Resources.@Nullable Memory m) {
        if (m == null) {
            return CgroupResources.Memory.NONE;
        }
        return new CgroupResources.Memory(
                m.limit(),
                m.reservation(),
                m.swap(),
                m.swappiness(),
                Boolean.TRUE.equals(m.disableOomKiller()),
                Boolean.TRUE.equals(m.checkBeforeUpdate()));
    }

    private static CgroupResources.Cpu cpu(Resources.@Nullable Cpu c) {
        if (c == null) {
            return CgroupResources.Cpu.NONE;
        }
        return new CgroupResources.Cpu(
                c.shares(),
                c.quota(),
                c.period(),
                c.burst(),
                c.realtimeRuntime(),
                c.realtimePeriod(),
                c.idle(),
                c.cpus() == null ? "" : c.cpus(),
                c.mems() == null ? "" : c.mems());
    }

    private static CgroupResources.BlockIo blockIo(Resources.@Nullable BlockIo b) {
        if (b == null) {
            return CgroupResources.BlockIo.NONE;
        }
        List<CgroupResources.WeightDevice> weights = new ArrayList<>();
        for (Resources.WeightDevice w : b.weightDevice()) {
            weights.add(new CgroupResources.WeightDevice(w.major(), w.minor(), w.weight(), w.leafWeight()));
        }
        return new CgroupResources.BlockIo(
                b.weight(),
                b.leafWeight(),
                weights,
                throttles(b.throttleReadBpsDevice()),
                throttles(b.throttleWriteBpsDevice()),
                throttles(b.throttleReadIopsDevice()),
                throttles(b.throttleWriteIopsDevice()));
    }

    private static List<CgroupResources.ThrottleDevice> throttles(List<Resources.ThrottleDevice> list) {
        List<CgroupResources.ThrottleDevice> all = new ArrayList<>();
        for (Resources.ThrottleDevice t : list) {
            all.add(new CgroupResources.ThrottleDevice(t.major(), t.minor(), t.rate()));
        }
        return all;
    }

    private static CgroupResources.Network network(Resources.@Nullable Network n) {
        if (n == null) {
            return CgroupResources.Network.NONE;
        }
        List<CgroupResources.Priority> priorities = new ArrayList<>();
        for (Resources.InterfacePriority p : n.priorities()) {
            priorities.add(new CgroupResources.Priority(p.name(), p.priority()));
        }
        return new CgroupResources.Network(n.classId(), priorities);
    }
}
