package dev.caisson.ttrpc;

import java.time.Duration;
import java.util.Optional;

/**
 * What goes with a client's call beside its message.
 *
 * @param timeout how long the client waits and tells the server that it does; empty means for ever
 * @param metadata sent along
 */
public record CallOptions(Optional<Duration> timeout, Metadata metadata) {
    /** No time-out, no metadata. */
    public static final CallOptions NONE = new CallOptions(Optional.empty(), Metadata.EMPTY);

    public CallOptions {
        if (timeout.isPresent() && !timeout.get().isPositive()) {
            throw new IllegalArgumentException("call timeout " + timeout.get() + " is not positive");
        }
    }

    /** A time-out without metadata. */
    public static CallOptions timeout(Duration timeout) {
        return new CallOptions(Optional.of(timeout), Metadata.EMPTY);
    }

    /** The same with other metadata. */
    public CallOptions withMetadata(Metadata other) {
        return new CallOptions(timeout, other);
    }
}
