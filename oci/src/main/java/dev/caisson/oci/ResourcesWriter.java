package dev.caisson.oci;

import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Writes the content of a {@code linux.resources} object. */
final class ResourcesWriter {
    private ResourcesWriter() {}

    static void resources(JsonText out, Resources r) throws IOException {
        if (!r.devices().isEmpty()) {
            out.beginArray("devices");
            for (Resources.DeviceRule rule : r.devices()) {
                out.beginObject();
                out.bool("allow", rule.allow());
                // Absent means all, and runc's own default configuration leaves it out.
                out.text(
                        "type",
                        rule.type() == DeviceRuleType.ALL ? null : rule.type().wire());
                out.number("major", rule.major());
                out.number("minor", rule.minor());
                out.text("access", rule.access());
                out.endObject();
            }
            out.endArray();
        }
        Resources.Memory m = r.memory();
        if (m != null) {
            out.beginObject("memory");
            out.number("limit", m.limit());
            out.number("reservation", m.reservation());
            out.number("swap", m.swap());
            out.number("kernel", m.kernel());
            out.number("kernelTCP", m.kernelTcp());
            out.unsigned("swappiness", m.swappiness());
            out.flag("disableOOMKiller", m.disableOomKiller());
            out.flag("useHierarchy", m.useHierarchy());
            out.flag("checkBeforeUpdate", m.checkBeforeUpdate());
            out.endObject();
        }
        Resources.Cpu c = r.cpu();
        if (c != null) {
            out.beginObject("cpu");
            out.unsigned("shares", c.shares());
            out.number("quota", c.quota());
            out.unsigned("burst", c.burst());
            out.unsigned("period", c.period());
            out.number("realtimeRuntime", c.realtimeRuntime());
            out.unsigned("realtimePeriod", c.realtimePeriod());
            out.text("cpus", c.cpus());
            out.text("mems", c.mems());
            out.number("idle", c.idle());
            out.endObject();
        }
        if (r.pids() != null) {
            out.beginObject("pids");
            out.number("limit", r.pids().limit());
            out.endObject();
        }
        if (r.blockIo() != null) {
            blockIo(out, r.blockIo());
        }
        if (!r.hugepageLimits().isEmpty()) {
            out.beginArray("hugepageLimits");
            for (Resources.HugepageLimit limit : r.hugepageLimits()) {
                out.beginObject();
                out.text("pageSize", limit.pageSize());
                out.unsigned("limit", limit.limit());
                out.endObject();
            }
            out.endArray();
        }
        if (r.network() != null) {
            network(out, r.network());
        }
        if (!r.rdma().isEmpty()) {
            out.beginObject("rdma");
            for (Map.Entry<String, Resources.Rdma> e : r.rdma().entrySet()) {
                out.beginObject(e.getKey());
                out.number("hcaHandles", e.getValue().hcaHandles());
                out.number("hcaObjects", e.getValue().hcaObjects());
                out.endObject();
            }
            out.endObject();
        }
        out.textMap("unified", r.unified());
    }

    private static void blockIo(JsonText out, Resources.BlockIo b) throws IOException {
        out.beginObject("blockIO");
        out.number("weight", b.weight());
        out.number("leafWeight", b.leafWeight());
        if (!b.weightDevice().isEmpty()) {
            out.beginArray("weightDevice");
            for (Resources.WeightDevice d : b.weightDevice()) {
                out.beginObject();
                out.number("major", d.major());
                out.number("minor", d.minor());
                out.number("weight", d.weight());
                out.number("leafWeight", d.leafWeight());
                out.endObject();
            }
            out.endArray();
        }
        throttle(out, "throttleReadBpsDevice", b.throttleReadBpsDevice());
        throttle(out, "throttleWriteBpsDevice", b.throttleWriteBpsDevice());
        throttle(out, "throttleReadIOPSDevice", b.throttleReadIopsDevice());
        throttle(out, "throttleWriteIOPSDevice", b.throttleWriteIopsDevice());
        out.endObject();
    }

    private static void throttle(JsonText out, String name, List<Resources.ThrottleDevice> devices) throws IOException {
        if (devices.isEmpty()) {
            return;
        }
        out.beginArray(name);
        for (Resources.ThrottleDevice d : devices) {
            out.beginObject();
            out.number("major", d.major());
            out.number("minor", d.minor());
            out.unsigned("rate", d.rate());
            out.endObject();
        }
        out.endArray();
    }

    private static void network(JsonText out, Resources.Network n) throws IOException {
        out.beginObject("network");
        out.number("classID", n.classId());
        if (!n.priorities().isEmpty()) {
            out.beginArray("priorities");
            for (Resources.InterfacePriority p : n.priorities()) {
                out.beginObject();
                out.text("name", p.name());
                out.number("priority", p.priority());
                out.endObject();
            }
            out.endArray();
        }
        out.endObject();
    }
}
