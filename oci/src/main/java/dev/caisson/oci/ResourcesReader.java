package dev.caisson.oci;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads a {@code linux.resources} object: the section of a configuration, the input of {@code update --resources}, or the payload of
 * containerd's Update request. Stateless; any thread.
 */
public final class ResourcesReader {
    private ResourcesReader() {}

    /**
     * Reads resources from memory.
     *
     * @throws InvalidSpecException they are not resources; the document is called {@code resources}
     */
    public static Resources read(byte[] json) throws InvalidSpecException {
        return read(json, "resources");
    }

    /**
     * Reads resources from memory.
     *
     * @param document what errors call it
     * @throws InvalidSpecException they are not resources
     */
    public static Resources read(byte[] json, String document) throws InvalidSpecException {
        return SpecReader.fromBytes(json, document, ReadLimits.DEFAULT, ResourcesReader::resources);
    }

    static Resources resources(JsonCursor in) throws IOException {
        Resources.Builder b = new Resources.Builder();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "unified" -> b.unified = in.stringMap();
                case "devices" -> b.devices = deviceRules(in);
                case "memory" -> b.memory = memory(in);
                case "cpu" -> b.cpu = cpu(in);
                case "pids" -> b.pids = pids(in);
                case "blockIO" -> b.blockIo = blockIo(in);
                case "hugepageLimits" -> b.hugepageLimits = hugepageLimits(in);
                case "network" -> b.network = network(in);
                case "rdma" -> b.rdma = rdma(in);
                default -> in.skip();
            }
        }
        return b.build();
    }

    private static List<Resources.DeviceRule> deviceRules(JsonCursor in) throws IOException {
        List<Resources.DeviceRule> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            Boolean allow = null;
            DeviceRuleType type = DeviceRuleType.ALL;
            Long major = null;
            Long minor = null;
            @Nullable String access = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "allow" -> allow = in.bool();
                    case "type" -> {
                        String name = in.string();
                        // Go leaves an absent type empty, and the spec gives it the meaning "all".
                        type = name.isEmpty()
                                ? DeviceRuleType.ALL
                                : in.known(DeviceRuleType.of(name), "device rule type", name);
                    }
                    case "major" -> major = deviceNumber(in);
                    case "minor" -> minor = deviceNumber(in);
                    case "access" -> access = in.optionalString();
                    default -> in.skip();
                }
            }
            list.add(new Resources.DeviceRule(in.require(allow, "allow"), type, major, minor, access));
        }
        return list;
    }

    /** A device number of a rule, where -1 is an old way to say any. */
    private static @Nullable Long deviceNumber(JsonCursor in) throws IOException {
        long number = in.integer(-1, 0xffff_ffffL);
        return number == -1 ? null : Long.valueOf(number);
    }

    private static Resources.Memory memory(JsonCursor in) throws IOException {
        Long limit = null;
        Long reservation = null;
        Long swap = null;
        Long kernel = null;
        Long kernelTcp = null;
        Long swappiness = null;
        Boolean disableOomKiller = null;
        Boolean useHierarchy = null;
        Boolean checkBeforeUpdate = null;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "limit" -> limit = in.int64();
                case "reservation" -> reservation = in.int64();
                case "swap" -> swap = in.int64();
                case "kernel" -> kernel = in.int64();
                case "kernelTCP" -> kernelTcp = in.int64();
                case "swappiness" -> swappiness = in.uint64();
                case "disableOOMKiller" -> disableOomKiller = in.bool();
                case "useHierarchy" -> useHierarchy = in.bool();
                case "checkBeforeUpdate" -> checkBeforeUpdate = in.bool();
                default -> in.skip();
            }
        }
        return new Resources.Memory(
                limit,
                reservation,
                swap,
                kernel,
                kernelTcp,
                swappiness,
                disableOomKiller,
                useHierarchy,
                checkBeforeUpdate);
    }

    private static Resources.Cpu cpu(JsonCursor in) throws IOException {
        Long shares = null;
        Long quota = null;
        Long burst = null;
        Long period = null;
        Long realtimeRuntime = null;
        Long realtimePeriod = null;
        @Nullable String cpus = null;
        @Nullable String mems = null;
        Long idle = null;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "shares" -> shares = in.uint64();
                case "quota" -> quota = in.int64();
                case "burst" -> burst = in.uint64();
                case "period" -> period = in.uint64();
                case "realtimeRuntime" -> realtimeRuntime = in.int64();
                case "realtimePeriod" -> realtimePeriod = in.uint64();
                case "cpus" -> cpus = in.optionalString();
                case "mems" -> mems = in.optionalString();
                case "idle" -> idle = in.int64();
                default -> in.skip();
            }
        }
        return new Resources.Cpu(shares, quota, burst, period, realtimeRuntime, realtimePeriod, cpus, mems, idle);
    }

    private static Resources.Pids pids(JsonCursor in) throws IOException {
        Long limit = null;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "limit" -> limit = in.int64();
                default -> in.skip();
            }
        }
        return new Resources.Pids(limit);
    }

    private static Resources.BlockIo blockIo(JsonCursor in) throws IOException {
        Integer weight = null;
        Integer leafWeight = null;
        List<Resources.WeightDevice> weightDevice = List.of();
        List<Resources.ThrottleDevice> readBps = List.of();
        List<Resources.ThrottleDevice> writeBps = List.of();
        List<Resources.ThrottleDevice> readIops = List.of();
        List<Resources.ThrottleDevice> writeIops = List.of();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "weight" -> weight = in.uint16();
                case "leafWeight" -> leafWeight = in.uint16();
                case "weightDevice" -> weightDevice = weightDevices(in);
                case "throttleReadBpsDevice" -> readBps = throttleDevices(in);
                case "throttleWriteBpsDevice" -> writeBps = throttleDevices(in);
                case "throttleReadIOPSDevice" -> readIops = throttleDevices(in);
                case "throttleWriteIOPSDevice" -> writeIops = throttleDevices(in);
                default -> in.skip();
            }
        }
        return new Resources.BlockIo(weight, leafWeight, weightDevice, readBps, writeBps, readIops, writeIops);
    }

    private static List<Resources.WeightDevice> weightDevices(JsonCursor in) throws IOException {
        List<Resources.WeightDevice> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            Long major = null;
            Long minor = null;
            Integer weight = null;
            Integer leafWeight = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "major" -> major = in.uint32();
                    case "minor" -> minor = in.uint32();
                    case "weight" -> weight = in.uint16();
                    case "leafWeight" -> leafWeight = in.uint16();
                    default -> in.skip();
                }
            }
            list.add(new Resources.WeightDevice(
                    in.require(major, "major"), in.require(minor, "minor"), weight, leafWeight));
        }
        return list;
    }

    private static List<Resources.ThrottleDevice> throttleDevices(JsonCursor in) throws IOException {
        List<Resources.ThrottleDevice> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            Long major = null;
            Long minor = null;
            Long rate = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "major" -> major = in.uint32();
                    case "minor" -> minor = in.uint32();
                    case "rate" -> rate = in.uint64();
                    default -> in.skip();
                }
            }
            list.add(new Resources.ThrottleDevice(
                    in.require(major, "major"), in.require(minor, "minor"), in.require(rate, "rate")));
        }
        return list;
    }

    private static List<Resources.HugepageLimit> hugepageLimits(JsonCursor in) throws IOException {
        List<Resources.HugepageLimit> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            String pageSize = null;
            Long limit = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "pageSize" -> pageSize = in.optionalString();
                    case "limit" -> limit = in.uint64();
                    default -> in.skip();
                }
            }
            list.add(new Resources.HugepageLimit(in.require(pageSize, "pageSize"), in.require(limit, "limit")));
        }
        return list;
    }

    private static Resources.Network network(JsonCursor in) throws IOException {
        Long classId = null;
        List<Resources.InterfacePriority> priorities = new ArrayList<>();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "classID" -> classId = in.uint32();
                case "priorities" -> {
                    in.beginArray();
                    while (in.nextElement()) {
                        priorities.add(interfacePriority(in));
                    }
                }
                default -> in.skip();
            }
        }
        return new Resources.Network(classId, priorities);
    }

    private static Resources.InterfacePriority interfacePriority(JsonCursor in) throws IOException {
        String name = null;
        Long priority = null;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "name" -> name = in.optionalString();
                case "priority" -> priority = in.uint32();
                default -> in.skip();
            }
        }
        return new Resources.InterfacePriority(in.require(name, "name"), in.require(priority, "priority"));
    }

    private static Map<String, Resources.Rdma> rdma(JsonCursor in) throws IOException {
        Map<String, Resources.Rdma> map = new LinkedHashMap<>();
        in.beginObject();
        while (in.nextField()) {
            String device = in.key();
            Long handles = null;
            Long objects = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "hcaHandles" -> handles = in.uint32();
                    case "hcaObjects" -> objects = in.uint32();
                    default -> in.skip();
                }
            }
            map.put(device, new Resources.Rdma(handles, objects));
        }
        return map;
    }
}
