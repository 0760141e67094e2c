package dev.caisson.kvm.guest;

import dev.caisson.backend.Stdio;
import org.jspecify.annotations.Nullable;

/**
 * Which streams of a process have an end on the host; the others are the guest's own null device, for which nothing has to be made. A terminal has both ways, and no
 * errors of its own.
 */
public record GuestStreams(boolean in, boolean out, boolean err, boolean terminal) {
    /** All that there can be. */
    public static GuestStreams all(boolean terminal) {
        return new GuestStreams(true, true, !terminal, terminal);
    }

    /**
     * Those that lead somewhere.
     *
     * @param host where they lead on the host, null where that is not known
     */
    public static GuestStreams of(@Nullable Stdio host, boolean terminal) {
        return host == null || terminal
                ? all(terminal)
                : new GuestStreams(host.stdin().isSomewhere(), host.stdout().isSomewhere(), host.hasStderr(), false);
    }

    /** Whether there is any. */
    public boolean any() {
        return in || out || err;
    }
}
