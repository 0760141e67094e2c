package dev.caisson.oci;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Limits of a container's cgroup (runtime-spec {@code linux.resources}), also the payload of containerd's Update request.
 *
 * @param unified cgroup v2 files and the text for each
 * @param devices device access rules, in order
 * @param memory memory limits
 * @param cpu CPU limits
 * @param pids task limit
 * @param blockIo block device limits
 * @param hugepageLimits hugetlb limits
 * @param network traffic class and priorities
 * @param rdma RDMA limits by device name
 */
public record Resources(
        Map<String, String> unified,
        List<DeviceRule> devices,
        @Nullable Memory memory,
        @Nullable Cpu cpu,
        @Nullable Pids pids,
        @Nullable BlockIo blockIo,
        List<HugepageLimit> hugepageLimits,
        @Nullable Network network,
        Map<String, Rdma> rdma) {
    /** No limit at all. */
    public static final Resources NONE = new Builder().build();

    public Resources {
        unified = Spec.orderedCopy(unified);
        devices = List.copyOf(devices);
        hugepageLimits = List.copyOf(hugepageLimits);
        rdma = Spec.orderedCopy(rdma);
    }

    /**
     * One device access rule.
     *
     * @param allow whether the access is allowed or denied
     * @param type device type
     * @param major major number; null = any
     * @param minor minor number; null = any
     * @param access letters among {@code r}, {@code w}, {@code m}; null = all three
     */
    public record DeviceRule(
            boolean allow,
            DeviceRuleType type,
            @Nullable Long major,
            @Nullable Long minor,
            @Nullable String access) {}

    /**
     * Memory limits in bytes; -1 = unlimited.
     *
     * @param limit memory
     * @param reservation soft limit
     * @param swap memory and swap together
     * @param kernel kernel memory; obsolete, kept because callers send it
     * @param kernelTcp kernel memory of TCP buffers; obsolete
     * @param swappiness 0 to 100
     * @param disableOomKiller v1 only
     * @param useHierarchy v1 only
     * @param checkBeforeUpdate refuse a limit below the present usage
     */
    public record Memory(
            @Nullable Long limit,
            @Nullable Long reservation,
            @Nullable Long swap,
            @Nullable Long kernel,
            @Nullable Long kernelTcp,
            @Nullable Long swappiness,
            @Nullable Boolean disableOomKiller,
            @Nullable Boolean useHierarchy,
            @Nullable Boolean checkBeforeUpdate) {}

    /**
     * CPU limits.
     *
     * @param shares relative weight as in cgroup v1, unsigned 64 bit
     * @param quota CFS quota per period in microseconds; not positive = none
     * @param burst CFS burst in microseconds, unsigned 64 bit
     * @param period CFS period in microseconds, unsigned 64 bit
     * @param realtimeRuntime real-time runtime per period in microseconds
     * @param realtimePeriod real-time period in microseconds, unsigned 64 bit
     * @param cpus CPU list such as {@code 0-3,7}
     * @param mems memory node list
     * @param idle 1 = SCHED_IDLE for the whole group, 0 = not
     */
    public record Cpu(
            @Nullable Long shares,
            @Nullable Long quota,
            @Nullable Long burst,
            @Nullable Long period,
            @Nullable Long realtimeRuntime,
            @Nullable Long realtimePeriod,
            @Nullable String cpus,
            @Nullable String mems,
            @Nullable Long idle) {}

    /**
     * Limit of tasks.
     *
     * @param limit maximum number; -1 = unlimited; null = not given (an empty object in the document)
     */
    public record Pids(@Nullable Long limit) {}

    /**
     * Block device limits.
     *
     * @param weight relative weight, 10 to 1000
     * @param leafWeight weight against child groups (v1)
     * @param weightDevice weights by device
     * @param throttleReadBpsDevice bytes per second
     * @param throttleWriteBpsDevice bytes per second
     * @param throttleReadIopsDevice operations per second
     * @param throttleWriteIopsDevice operations per second
     */
    public record BlockIo(
            @Nullable Integer weight,
            @Nullable Integer leafWeight,
            List<WeightDevice> weightDevice,
            List<ThrottleDevice> throttleReadBpsDevice,
            List<ThrottleDevice> throttleWriteBpsDevice,
            List<ThrottleDevice> throttleReadIopsDevice,
            List<ThrottleDevice> throttleWriteIopsDevice) {
        public BlockIo {
            weightDevice = List.copyOf(weightDevice);
            throttleReadBpsDevice = List.copyOf(throttleReadBpsDevice);
            throttleWriteBpsDevice = List.copyOf(throttleWriteBpsDevice);
            throttleReadIopsDevice = List.copyOf(throttleReadIopsDevice);
            throttleWriteIopsDevice = List.copyOf(throttleWriteIopsDevice);
        }
    }

    /** Weights of one block device. */
    public record WeightDevice(
            long major,
            long minor,
            @Nullable Integer weight,
            @Nullable Integer leafWeight) {}

    /** A rate of one block device; {@code rate} is an unsigned 64-bit pattern. */
    public record ThrottleDevice(long major, long minor, long rate) {}

    /**
     * Limit of huge pages of one size.
     *
     * @param pageSize such as {@code 2MB} or {@code 1GB}
     * @param limit bytes, unsigned 64-bit pattern
     */
    public record HugepageLimit(String pageSize, long limit) {}

    /**
     * Network traffic marks (v1).
     *
     * @param classId net_cls.classid, unsigned 32 bit
     * @param priorities net_prio.ifpriomap
     */
    public record Network(@Nullable Long classId, List<InterfacePriority> priorities) {
        public Network {
            priorities = List.copyOf(priorities);
        }
    }

    /** Priority of the traffic that leaves through an interface; unsigned 32 bit. */
    public record InterfacePriority(String name, long priority) {}

    /** Limits of one RDMA device, unsigned 32 bit each; null = unlimited. */
    public record Rdma(@Nullable Long hcaHandles, @Nullable Long hcaObjects) {}

    /** A builder holding the values of these resources. */
    public Builder toBuilder() {
        Builder b = new Builder();
        b.unified = unified;
        b.devices = devices;
        b.memory = memory;
        b.cpu = cpu;
        b.pids = pids;
        b.blockIo = blockIo;
        b.hugepageLimits = hugepageLimits;
        b.network = network;
        b.rdma = rdma;
        return b;
    }

    /** Collects the fields of {@link Resources}. Not thread-safe. */
    public static final class Builder {
        public Map<String, String> unified = Map.of();
        public List<DeviceRule> devices = List.of();
        public @Nullable Memory memory;
        public @Nullable Cpu cpu;
        public @Nullable Pids pids;
        public @Nullable BlockIo blockIo;
        public List<HugepageLimit> hugepageLimits = List.of();
        public @Nullable Network network;
        public Map<String, Rdma> rdma = Map.of();

        /** The resources with the current values. */
        public Resources build() {
            return new Resources(unified, devices, memory, cpu, pids, blockIo, hugepageLimits, network, rdma);
        }
    }
}
