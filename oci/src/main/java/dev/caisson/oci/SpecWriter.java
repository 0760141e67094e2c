package dev.caisson.oci;

import java.io.IOException;
import java.util.List;

/**
 * Writes a configuration as JSON that {@link SpecReader} reads back as an equal value. Properties come in the order of the Go structures
 * of the runtime-spec, indented with tabs as {@code runc spec} does. Stateless; any thread.
 */
public final class SpecWriter {
    private SpecWriter() {}

    /** The text of a {@code config.json}, UTF-8, without a newline at the end. */
    public static byte[] write(Spec spec) {
        return JsonText.object("\t", out -> spec(out, spec));
    }

    /** A {@code process} object on one line, UTF-8. */
    public static byte[] writeProcess(ProcessSpec process) {
        return JsonText.object(null, out -> ProcessWriter.process(out, process));
    }

    /** A {@code linux.resources} object on one line, UTF-8. */
    public static byte[] writeResources(Resources resources) {
        return JsonText.object(null, out -> ResourcesWriter.resources(out, resources));
    }

    private static void spec(JsonText out, Spec spec) throws IOException {
        out.text("ociVersion", spec.ociVersion());
        if (spec.process() != null) {
            out.beginObject("process");
            ProcessWriter.process(out, spec.process());
            out.endObject();
        }
        if (spec.root() != null) {
            out.beginObject("root");
            out.text("path", spec.root().path());
            trueOnly(out, "readonly", spec.root().readonly());
            out.endObject();
        }
        out.text("hostname", spec.hostname());
        out.text("domainname", spec.domainname());
        if (!spec.mounts().isEmpty()) {
            out.beginArray("mounts");
            for (Mount m : spec.mounts()) {
                out.beginObject();
                out.text("destination", m.destination());
                out.text("type", m.type());
                out.text("source", m.source());
                out.texts("options", m.options());
                idMappings(out, "uidMappings", m.uidMappings());
                idMappings(out, "gidMappings", m.gidMappings());
                out.endObject();
            }
            out.endArray();
        }
        if (!spec.hooks().isEmpty()) {
            Hooks h = spec.hooks();
            out.beginObject("hooks");
            hooks(out, "prestart", h.prestart());
            hooks(out, "createRuntime", h.createRuntime());
            hooks(out, "createContainer", h.createContainer());
            hooks(out, "startContainer", h.startContainer());
            hooks(out, "poststart", h.poststart());
            hooks(out, "poststop", h.poststop());
            out.endObject();
        }
        out.textMap("annotations", spec.annotations());
        if (!spec.linux().equals(Linux.NONE)) {
            out.beginObject("linux");
            LinuxWriter.linux(out, spec.linux());
            out.endObject();
        }
    }

    static void trueOnly(JsonText out, String name, boolean value) throws IOException {
        if (value) {
            out.bool(name, true);
        }
    }

    static void idMappings(JsonText out, String name, List<IdMapping> mappings) throws IOException {
        if (mappings.isEmpty()) {
            return;
        }
        out.beginArray(name);
        for (IdMapping m : mappings) {
            out.beginObject();
            out.number("containerID", m.containerId());
            out.number("hostID", m.hostId());
            out.number("size", m.size());
            out.endObject();
        }
        out.endArray();
    }

    private static void hooks(JsonText out, String name, List<Hook> hooks) throws IOException {
        if (hooks.isEmpty()) {
            return;
        }
        out.beginArray(name);
        for (Hook h : hooks) {
            out.beginObject();
            out.text("path", h.path());
            out.texts("args", h.args());
            out.allTexts("env", h.env());
            out.number("timeout", h.timeoutSeconds());
            out.endObject();
        }
        out.endArray();
    }
}
