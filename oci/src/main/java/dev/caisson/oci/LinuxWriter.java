package dev.caisson.oci;

import java.io.IOException;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Writes the content of the {@code linux} section. */
final class LinuxWriter {
    private LinuxWriter() {}

    static void linux(JsonText out, Linux l) throws IOException {
        SpecWriter.idMappings(out, "uidMappings", l.uidMappings());
        SpecWriter.idMappings(out, "gidMappings", l.gidMappings());
        out.textMap("sysctl", l.sysctl());
        if (l.resources() != null) {
            out.beginObject("resources");
            ResourcesWriter.resources(out, l.resources());
            out.endObject();
        }
        out.text("cgroupsPath", l.cgroupsPath());
        if (!l.namespaces().isEmpty()) {
            out.beginArray("namespaces");
            for (Linux.Namespace ns : l.namespaces()) {
                out.beginObject();
                out.text("type", ns.type().wire());
                out.text("path", ns.path());
                out.endObject();
            }
            out.endArray();
        }
        devices(out, l);
        if (!l.netDevices().isEmpty()) {
            out.beginObject("netDevices");
            for (Map.Entry<String, Linux.NetDevice> e : l.netDevices().entrySet()) {
                out.beginObject(e.getKey());
                out.text("name", e.getValue().name());
                out.endObject();
            }
            out.endObject();
        }
        if (l.seccomp() != null) {
            seccomp(out, l.seccomp());
        }
        out.text(
                "rootfsPropagation",
                l.rootfsPropagation() == null ? null : l.rootfsPropagation().wire());
        out.texts("maskedPaths", l.maskedPaths());
        out.texts("readonlyPaths", l.readonlyPaths());
        out.text("mountLabel", l.mountLabel());
        Linux.IntelRdt rdt = l.intelRdt();
        if (rdt != null) {
            out.beginObject("intelRdt");
            out.text("closID", rdt.closId());
            out.texts("schemata", rdt.schemata());
            out.text("l3CacheSchema", rdt.l3CacheSchema());
            out.text("memBwSchema", rdt.memBwSchema());
            SpecWriter.trueOnly(out, "enableMonitoring", rdt.enableMonitoring());
            out.endObject();
        }
        Linux.MemoryPolicy policy = l.memoryPolicy();
        if (policy != null) {
            out.beginObject("memoryPolicy");
            out.text("mode", policy.mode().wire());
            out.text("nodes", policy.nodes());
            if (!policy.flags().isEmpty()) {
                out.beginArray("flags");
                for (MemoryPolicyFlag flag : policy.flags()) {
                    out.element(flag.wire());
                }
                out.endArray();
            }
            out.endObject();
        }
        if (l.personality() != null) {
            out.beginObject("personality");
            out.text("domain", l.personality().domain().wire());
            out.texts("flags", l.personality().flags());
            out.endObject();
        }
        if (l.timeOffsets() != null) {
            out.beginObject("timeOffsets");
            timeOffset(out, "monotonic", l.timeOffsets().monotonic());
            timeOffset(out, "boottime", l.timeOffsets().boottime());
            out.endObject();
        }
    }

    private static void devices(JsonText out, Linux l) throws IOException {
        if (l.devices().isEmpty()) {
            return;
        }
        out.beginArray("devices");
        for (Linux.Device d : l.devices()) {
            out.beginObject();
            out.text("path", d.path());
            out.text("type", d.type().wire());
            out.number("major", d.major());
            out.number("minor", d.minor());
            out.number("fileMode", d.fileMode());
            out.number("uid", d.uid());
            out.number("gid", d.gid());
            out.endObject();
        }
        out.endArray();
    }

    private static void timeOffset(JsonText out, String name, Linux.@Nullable TimeOffset offset) throws IOException {
        if (offset != null) {
            out.beginObject(name);
            out.number("secs", offset.secs());
            out.number("nanosecs", offset.nanosecs());
            out.endObject();
        }
    }

    private static void seccomp(JsonText out, Seccomp s) throws IOException {
        out.beginObject("seccomp");
        out.text("defaultAction", s.defaultAction().wire());
        out.number("defaultErrnoRet", s.defaultErrnoRet());
        if (!s.architectures().isEmpty()) {
            out.beginArray("architectures");
            for (SeccompArch arch : s.architectures()) {
                out.element(arch.wire());
            }
            out.endArray();
        }
        if (s.flags() != null) {
            out.beginArray("flags");
            for (SeccompFlag flag : s.flags()) {
                out.element(flag.wire());
            }
            out.endArray();
        }
        out.text("listenerPath", s.listenerPath());
        out.text("listenerMetadata", s.listenerMetadata());
        if (!s.syscalls().isEmpty()) {
            out.beginArray("syscalls");
            for (Seccomp.Rule rule : s.syscalls()) {
                rule(out, rule);
            }
            out.endArray();
        }
        out.endObject();
    }

    private static void rule(JsonText out, Seccomp.Rule rule) throws IOException {
        out.beginObject();
        out.allTexts("names", rule.names());
        out.text("action", rule.action().wire());
        out.number("errnoRet", rule.errnoRet());
        if (!rule.args().isEmpty()) {
            out.beginArray("args");
            for (Seccomp.Arg arg : rule.args()) {
                out.beginObject();
                out.number("index", (long) arg.index());
                out.unsigned("value", arg.value());
                if (arg.valueTwo() != 0) {
                    out.unsigned("valueTwo", arg.valueTwo());
                }
                out.text("op", arg.op().wire());
                out.endObject();
            }
            out.endArray();
        }
        out.endObject();
    }
}
