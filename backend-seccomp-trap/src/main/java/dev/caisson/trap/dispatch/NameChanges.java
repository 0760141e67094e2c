package dev.caisson.trap.dispatch;

import java.util.concurrent.atomic.AtomicInteger;

/** When a container's names may have begun to lead somewhere else, so that {@link KnownNames} knows what it may go on believing. Thread-safe. */
public final class NameChanges {
    private final AtomicInteger changes = new AtomicInteger();

    /** A link was made, or a name moved; its caller has not been answered yet. */
    public void change() {
        changes.incrementAndGet();
    }

    int count() {
        return changes.get();
    }
}
