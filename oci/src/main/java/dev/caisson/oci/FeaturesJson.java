package dev.caisson.oci;

import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** Writes {@link Features} as JSON: the standard output of {@code features}. Stateless; any thread. */
public final class FeaturesJson {
    private FeaturesJson() {}

    /** Two spaces per level, UTF-8, no newline at the end. */
    public static byte[] write(Features features) {
        return JsonText.object("  ", out -> {
            out.text("ociVersionMin", features.ociVersionMin());
            out.text("ociVersionMax", features.ociVersionMax());
            out.texts("hooks", features.hooks());
            out.texts("mountOptions", features.mountOptions());
            if (features.linux() != null) {
                out.beginObject("linux");
                linux(out, features.linux());
                out.endObject();
            }
            out.textMap("annotations", features.annotations());
            out.texts("potentiallyUnsafeConfigAnnotations", features.potentiallyUnsafeConfigAnnotations());
        });
    }

    private static void linux(JsonText out, Features.LinuxFeatures l) throws IOException {
        out.texts("namespaces", l.namespaces());
        out.texts("capabilities", l.capabilities());
        Features.Cgroup cgroup = l.cgroup();
        if (cgroup != null) {
            out.beginObject("cgroup");
            out.flag("v1", cgroup.v1());
            out.flag("v2", cgroup.v2());
            out.flag("systemd", cgroup.systemd());
            out.flag("systemdUser", cgroup.systemdUser());
            out.flag("rdma", cgroup.rdma());
            out.endObject();
        }
        Features.SeccompFeatures seccomp = l.seccomp();
        if (seccomp != null) {
            out.beginObject("seccomp");
            out.bool("enabled", seccomp.enabled());
            out.texts("actions", seccomp.actions());
            out.texts("operators", seccomp.operators());
            out.texts("archs", seccomp.archs());
            out.texts("knownFlags", seccomp.knownFlags());
            out.texts("supportedFlags", seccomp.supportedFlags());
            out.endObject();
        }
        enabled(out, "apparmor", l.apparmor());
        enabled(out, "selinux", l.selinux());
        if (l.intelRdt() != null) {
            out.beginObject("intelRdt");
            out.bool("enabled", l.intelRdt().enabled());
            out.bool("schemata", l.intelRdt().schemata());
            out.bool("monitoring", l.intelRdt().monitoring());
            out.endObject();
        }
        if (l.memoryPolicy() != null) {
            out.beginObject("memoryPolicy");
            out.texts("modes", l.memoryPolicy().modes());
            out.texts("flags", l.memoryPolicy().flags());
            out.endObject();
        }
        if (l.idmapMounts() != null) {
            out.beginObject("mountExtensions");
            enabled(out, "idmap", l.idmapMounts());
            out.endObject();
        }
        enabled(out, "netDevices", l.netDevices());
    }

    private static void enabled(JsonText out, String name, @Nullable Boolean value) throws IOException {
        if (value != null) {
            out.beginObject(name);
            out.bool("enabled", value);
            out.endObject();
        }
    }
}
