package dev.caisson.oci;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads the {@code linux} section, except for resources and seccomp. */
final class LinuxReader {
    private LinuxReader() {}

    static Linux linux(JsonCursor in) throws IOException {
        Linux.Builder b = new Linux.Builder();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "namespaces" -> b.namespaces = namespaces(in);
                case "uidMappings" -> b.uidMappings = SpecReader.idMappings(in);
                case "gidMappings" -> b.gidMappings = SpecReader.idMappings(in);
                case "timeOffsets" -> b.timeOffsets = timeOffsets(in);
                case "devices" -> b.devices = devices(in);
                case "netDevices" -> b.netDevices = netDevices(in);
                case "cgroupsPath" -> b.cgroupsPath = in.optionalString();
                case "resources" -> b.resources = ResourcesReader.resources(in);
                case "seccomp" -> b.seccomp = SeccompReader.seccomp(in);
                case "rootfsPropagation" -> {
                    String name = in.string();
                    b.rootfsPropagation =
                            name.isEmpty() ? null : in.known(RootfsPropagation.of(name), "propagation", name);
                }
                case "maskedPaths" -> b.maskedPaths = in.strings();
                case "readonlyPaths" -> b.readonlyPaths = in.strings();
                case "mountLabel" -> b.mountLabel = in.optionalString();
                case "sysctl" -> b.sysctl = in.stringMap();
                case "intelRdt" -> b.intelRdt = intelRdt(in);
                case "memoryPolicy" -> b.memoryPolicy = memoryPolicy(in);
                case "personality" -> b.personality = personality(in);
                default -> in.skip();
            }
        }
        return b.build();
    }

    private static List<Linux.Namespace> namespaces(JsonCursor in) throws IOException {
        List<Linux.Namespace> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            NamespaceType type = null;
            @Nullable String path = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "type" -> {
                        String name = in.string();
                        type = in.known(NamespaceType.of(name), "namespace type", name);
                    }
                    case "path" -> path = in.optionalString();
                    default -> in.skip();
                }
            }
            list.add(new Linux.Namespace(in.require(type, "type"), path));
        }
        return list;
    }

    private static Linux.TimeOffsets timeOffsets(JsonCursor in) throws IOException {
        Linux.TimeOffset monotonic = null;
        Linux.TimeOffset boottime = null;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "monotonic" -> monotonic = timeOffset(in);
                case "boottime" -> boottime = timeOffset(in);
                default -> in.skip();
            }
        }
        return new Linux.TimeOffsets(monotonic, boottime);
    }

    private static Linux.TimeOffset timeOffset(JsonCursor in) throws IOException {
        long secs = 0;
        long nanosecs = 0;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "secs" -> secs = in.int64();
                case "nanosecs" -> nanosecs = in.uint32();
                default -> in.skip();
            }
        }
        return new Linux.TimeOffset(secs, nanosecs);
    }

    private static List<Linux.Device> devices(JsonCursor in) throws IOException {
        List<Linux.Device> list = new ArrayList<>();
        in.beginArray();
        while (in.nextElement()) {
            DeviceType type = null;
            String path = null;
            Long major = null;
            Long minor = null;
            Integer fileMode = null;
            Long uid = null;
            Long gid = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "type" -> {
                        String name = in.string();
                        type = in.known(DeviceType.of(name), "device type", name);
                    }
                    case "path" -> path = in.optionalString();
                    case "major" -> major = in.int64();
                    case "minor" -> minor = in.int64();
                    case "fileMode" -> fileMode = (int) in.integer(0, 0177777);
                    case "uid" -> uid = in.uint32();
                    case "gid" -> gid = in.uint32();
                    default -> in.skip();
                }
            }
            list.add(new Linux.Device(
                    in.require(type, "type"), in.require(path, "path"), major, minor, fileMode, uid, gid));
        }
        return list;
    }

    private static Map<String, Linux.NetDevice> netDevices(JsonCursor in) throws IOException {
        Map<String, Linux.NetDevice> map = new LinkedHashMap<>();
        in.beginObject();
        while (in.nextField()) {
            String hostName = in.key();
            @Nullable String name = null;
            in.beginObject();
            while (in.nextField()) {
                switch (in.field()) {
                    case "name" -> name = in.optionalString();
                    default -> in.skip();
                }
            }
            map.put(hostName, new Linux.NetDevice(name));
        }
        return map;
    }

    private static Linux.IntelRdt intelRdt(JsonCursor in) throws IOException {
        @Nullable String closId = null;
        List<String> schemata = List.of();
        @Nullable String l3CacheSchema = null;
        @Nullable String memBwSchema = null;
        boolean enableMonitoring = false;
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "closID" -> closId = in.optionalString();
                case "schemata" -> schemata = in.strings();
                case "l3CacheSchema" -> l3CacheSchema = in.optionalString();
                case "memBwSchema" -> memBwSchema = in.optionalString();
                case "enableMonitoring" -> enableMonitoring = in.bool();
                default -> in.skip();
            }
        }
        return new Linux.IntelRdt(closId, schemata, l3CacheSchema, memBwSchema, enableMonitoring);
    }

    private static Linux.MemoryPolicy memoryPolicy(JsonCursor in) throws IOException {
        MemoryPolicyMode mode = null;
        @Nullable String nodes = null;
        List<MemoryPolicyFlag> flags = new ArrayList<>();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "mode" -> {
                    String name = in.string();
                    mode = in.known(MemoryPolicyMode.of(name), "memory policy mode", name);
                }
                case "nodes" -> nodes = in.optionalString();
                case "flags" -> {
                    in.beginArray();
                    while (in.nextElement()) {
                        String name = in.string();
                        flags.add(in.known(MemoryPolicyFlag.of(name), "memory policy flag", name));
                    }
                }
                default -> in.skip();
            }
        }
        return new Linux.MemoryPolicy(in.require(mode, "mode"), nodes, flags);
    }

    private static Linux.Personality personality(JsonCursor in) throws IOException {
        PersonalityDomain domain = null;
        List<String> flags = List.of();
        in.beginObject();
        while (in.nextField()) {
            switch (in.field()) {
                case "domain" -> {
                    String name = in.string();
                    domain = in.known(PersonalityDomain.of(name), "personality domain", name);
                }
                case "flags" -> flags = in.strings();
                default -> in.skip();
            }
        }
        return new Linux.Personality(in.require(domain, "domain"), flags);
    }
}
