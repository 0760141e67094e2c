package dev.caisson.oci;

import dev.caisson.oci.Resources.BlockIo;
import dev.caisson.oci.Resources.Cpu;
import dev.caisson.oci.Resources.HugepageLimit;
import dev.caisson.oci.Resources.Memory;
import dev.caisson.oci.Resources.Network;
import dev.caisson.oci.Resources.Pids;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What limits are after some of them were changed. Pure. */
public final class ResourceChange {
    private ResourceChange() {}

    /**
     * {@code before} with what {@code change} names; what it does not name stays. A list of {@code change} that is not empty takes the
     * place of the whole list, except for huge pages, RDMA devices and unified files, which are known by their names.
     */
    public static Resources applied(Resources before, Resources change) {
        Resources.Builder b = before.toBuilder();
        b.unified = both(before.unified(), change.unified());
        b.devices = either(before.devices(), change.devices());
        b.memory = memory(before.memory(), change.memory());
        b.cpu = cpu(before.cpu(), change.cpu());
        b.pids = pids(before.pids(), change.pids());
        b.blockIo = blockIo(before.blockIo(), change.blockIo());
        b.hugepageLimits = hugepages(before.hugepageLimits(), change.hugepageLimits());
        b.network = network(before.network(), change.network());
        b.rdma = both(before.rdma(), change.rdma());
        return b.build();
    }

    private static <T> @Nullable T either(@Nullable T before, @Nullable T change) {
        return change == null ? before : change;
    }

    private static <T> List<T> either(List<T> before, List<T> change) {
        return change.isEmpty() ? before : change;
    }

    private static <T> Map<String, T> both(Map<String, T> before, Map<String, T> change) {
        Map<String, T> all = new LinkedHashMap<>(before);
        all.putAll(change);
        return all;
    }

    private static @Nullable Memory memory(@Nullable Memory a, @Nullable Memory b) {
        if (a == null || b == null) {
            return either(a, b);
        }
        return new Memory(
                either(a.limit(), b.limit()),
                either(a.reservation(), b.reservation()),
                either(a.swap(), b.swap()),
                either(a.kernel(), b.kernel()),
                either(a.kernelTcp(), b.kernelTcp()),
                either(a.swappiness(), b.swappiness()),
                either(a.disableOomKiller(), b.disableOomKiller()),
                either(a.useHierarchy(), b.useHierarchy()),
                either(a.checkBeforeUpdate(), b.checkBeforeUpdate()));
    }

    private static @Nullable Cpu cpu(@Nullable Cpu a, @Nullable Cpu b) {
        if (a == null || b == null) {
            return either(a, b);
        }
        return new Cpu(
                either(a.shares(), b.shares()),
                either(a.quota(), b.quota()),
                either(a.burst(), b.burst()),
                either(a.period(), b.period()),
                either(a.realtimeRuntime(), b.realtimeRuntime()),
                either(a.realtimePeriod(), b.realtimePeriod()),
                either(a.cpus(), b.cpus()),
                either(a.mems(), b.mems()),
                either(a.idle(), b.idle()));
    }

    private static @Nullable Pids pids(@Nullable Pids a, @Nullable Pids b) {
        return b == null || b.limit() == null ? either(b, a) : b;
    }

    private static @Nullable BlockIo blockIo(@Nullable BlockIo a, @Nullable BlockIo b) {
        if (a == null || b == null) {
            return either(a, b);
        }
        return new BlockIo(
                either(a.weight(), b.weight()),
                either(a.leafWeight(), b.leafWeight()),
                either(a.weightDevice(), b.weightDevice()),
                either(a.throttleReadBpsDevice(), b.throttleReadBpsDevice()),
                either(a.throttleWriteBpsDevice(), b.throttleWriteBpsDevice()),
                either(a.throttleReadIopsDevice(), b.throttleReadIopsDevice()),
                either(a.throttleWriteIopsDevice(), b.throttleWriteIopsDevice()));
    }

    private static List<HugepageLimit> hugepages(List<HugepageLimit> before, List<HugepageLimit> change) {
        Map<String, HugepageLimit> bySize = new LinkedHashMap<>();
        before.forEach(l -> bySize.put(l.pageSize(), l));
        change.forEach(l -> bySize.put(l.pageSize(), l));
        return new ArrayList<>(bySize.values());
    }

    private static @Nullable Network network(@Nullable Network a, @Nullable Network b) {
        if (a == null || b == null) {
            return either(a, b);
        }
        return new Network(either(a.classId(), b.classId()), either(a.priorities(), b.priorities()));
    }
}
