package dev.caisson.oci;

import java.io.IOException;
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
