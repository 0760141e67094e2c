package dev.caisson.linux.cgroup;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a container may use: the runtime-spec's {@code linux.resources} without devices' meaning. Null means not given; an
 * update leaves such a value as it is.
 *
 * @param pidsLimit most tasks at a time; -1 no limit; 0 none beside the first
 * @param hugepageLimits per page size
 * @param rdma per device name
 * @param deviceRules for version 1, in order; version 2 takes a program instead, see {@link Cgroup#attachDeviceProgram}
 * @param unified version 2 files and what to write, in order; a text of several lines is written line by line
 */
public record CgroupResources(
        Memory memory,
        Cpu cpu,
        @Nullable Long pidsLimit,
        BlockIo blockIo,
        List<HugepageLimit> hugepageLimits,
        Network network,
        Map<String, Rdma> rdma,
        List<DeviceRule> deviceRules,
        Map<String, String> unified) {
    /** Nothing given. */
    public static final CgroupResources NONE = new CgroupResources(
            Memory.NONE, Cpu.NONE, null, BlockIo.NONE, List.of(), Network.NONE, Map.of(), List.of(), Map.of());

    public CgroupResources {
        hugepageLimits = List.copyOf(hugepageLimits);
        rdma = Collections.unmodifiableMap(new LinkedHashMap<>(rdma));
        deviceRules = List.copyOf(deviceRules);
        unified = Collections.unmodifiableMap(new LinkedHashMap<>(unified));
    }

    /**
     * Memory, in bytes.
     *
     * @param limit -1 none, 0 as if not given
     * @param reservation what is protected (version 2) or aimed at under pressure (version 1); -1 none
     * @param swap memory and swap together; -1 no limit
     * @param swappiness 0 to 100, version 1 only
     * @param disableOomKiller version 1 only
     * @param checkBeforeUpdate refuse a limit below what is in use, instead of letting the kernel kill
     */
    public record Memory(
            @Nullable Long limit,
            @Nullable Long reservation,
            @Nullable Long swap,
            @Nullable Long swappiness,
            boolean disableOomKiller,
            boolean checkBeforeUpdate) {
        public static final Memory NONE = new Memory(null, null, null, null, false, false);

        /** Only a limit. */
        public static Memory ofLimit(long bytes) {
            return new Memory(bytes, null, null, null, false, false);
        }
    }

    /**
     * Processor time.
     *
     * @param shares relative weight as in version 1, 2 to 262144; 0 as if not given
     * @param quota microseconds per period; 0 or less: no limit
     * @param period microseconds
     * @param burst microseconds that may be saved up
     * @param realtimeRuntime microseconds per realtime period, version 1 only
     * @param realtimePeriod microseconds, version 1 only
     * @param idle 1: SCHED_IDLE for the whole group
     * @param cpus a list like {@code 0-3,6}
     * @param mems a list of memory nodes
     */
    public record Cpu(
            @Nullable Long shares,
            @Nullable Long quota,
            @Nullable Long period,
            @Nullable Long burst,
            @Nullable Long realtimeRuntime,
            @Nullable Long realtimePeriod,
            @Nullable Long idle,
            String cpus,
            String mems) {
        public static final Cpu NONE = new Cpu(null, null, null, null, null, null, null, "", "");
    }

    /** Block devices: weights from 10 to 1000 and rates per second. */
    public record BlockIo(
            @Nullable Integer weight,
            @Nullable Integer leafWeight,
            List<WeightDevice> weightDevice,
            List<ThrottleDevice> readBytesPerSecond,
            List<ThrottleDevice> writeBytesPerSecond,
            List<ThrottleDevice> readOperationsPerSecond,
            List<ThrottleDevice> writeOperationsPerSecond) {
        public static final BlockIo NONE =
                new BlockIo(null, null, List.of(), List.of(), List.of(), List.of(), List.of());

        public BlockIo {
            weightDevice = List.copyOf(weightDevice);
            readBytesPerSecond = List.copyOf(readBytesPerSecond);
            writeBytesPerSecond = List.copyOf(writeBytesPerSecond);
            readOperationsPerSecond = List.copyOf(readOperationsPerSecond);
            writeOperationsPerSecond = List.copyOf(writeOperationsPerSecond);
        }
    }

    /** A weight for one device. */
    public record WeightDevice(
            long major,
            long minor,
            @Nullable Integer weight,
            @Nullable Integer leafWeight) {}

    /** A rate for one device; 0 removes the limit. */
    public record ThrottleDevice(long major, long minor, long rate) {}

    /**
     * A limit for huge pages.
     *
     * @param pageSize as the kernel's files spell it: {@code 64KB}, {@code 2MB}, {@code 1GB}
     * @param limit bytes
     */
    public record HugepageLimit(String pageSize, long limit) {}

    /** Marks for packets, version 1 only. */
    public record Network(@Nullable Long classId, List<Priority> priorities) {
        public static final Network NONE = new Network(null, List.of());

        public Network {
            priorities = List.copyOf(priorities);
        }
    }

    /** The priority of packets that leave by an interface. */
    public record Priority(String interfaceName, long priority) {}

    /** Limits of a remote DMA device. */
    public record Rdma(@Nullable Long hcaHandles, @Nullable Long hcaObjects) {}

    /**
     * One line for devices.allow or devices.deny.
     *
     * @param rule as the kernel reads it: {@code a}, {@code c 1:3 rwm}, {@code b *:* m}
     */
    public record DeviceRule(boolean allow, String rule) {}
}
