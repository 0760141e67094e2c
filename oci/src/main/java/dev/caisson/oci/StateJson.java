package dev.caisson.oci;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes {@link ContainerState} as JSON: standard output of {@code state} and {@code list}, standard input of hooks, payload for a seccomp
 * agent. Stateless; any thread.
 */
public final class StateJson {
    private StateJson() {}

    /** What {@code state} prints: two spaces per level, UTF-8, no newline at the end, as runc does. */
    public static byte[] write(ContainerState state) {
        return JsonText.object("  ", out -> fields(out, state));
    }

    /** The same on one line, for hooks and listeners. */
    public static byte[] writeCompact(ContainerState state) {
        return JsonText.object(null, out -> fields(out, state));
    }

    /**
     * {@link #writeCompact} for whoever learns the pid later: the document is the first part, a decimal pid and the second part.
     *
     * @param beforePid UTF-8 as text
     * @param afterPid the same
     */
    public record AroundPid(String beforePid, String afterPid) {}

    /** The document of a state whose pid is not known yet; that of {@code state} is ignored. */
    public static AroundPid writeAroundPid(ContainerState state) {
        String json = new String(writeCompact(state), StandardCharsets.UTF_8);
        String name = "\"pid\":"; // within a text its quotes would be escaped
        int value = json.indexOf(name) + name.length();
        return new AroundPid(json.substring(0, value), json.substring(json.indexOf(',', value)));
    }

    /**
     * The message to a seccomp agent (runtime-spec "Container Process State"), which goes with the notification descriptor.
     *
     * @param fds names of the descriptors sent along, in order, normally {@code seccompFd}
     * @param pid the process that the notifications come from, as the agent sees it
     * @param metadata {@code listenerMetadata} of the profile
     */
    public static byte[] writeContainerProcessState(
            List<String> fds, int pid, @Nullable String metadata, ContainerState state) {
        return JsonText.object(null, out -> {
            out.text("ociVersion", state.ociVersion());
            out.allTexts("fds", fds);
            out.number("pid", (long) pid);
            out.text("metadata", metadata);
            out.beginObject("state");
            fields(out, state);
            out.endObject();
        });
    }

    static void fields(JsonText out, ContainerState s) throws IOException {
        out.text("ociVersion", s.ociVersion());
        out.text("id", s.id());
        out.number("pid", (long) s.pid());
        out.text("status", s.status().wire());
        out.text("bundle", s.bundle());
        out.text("rootfs", s.rootfs());
        Instant created = s.created();
        out.text("created", created == null ? null : created.toString());
        out.textMap("annotations", s.annotations());
        out.text("owner", s.owner());
    }
}
