package dev.caisson.trap.dispatch;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What is known about a container's threads, by their host ids. An entry is dropped by every call that may change it, and believed for a second:
 * longer than that a number might by then be another thread's. Bounded. Thread-safe.
 */
public final class Callers {
    static final long TRUST_NANOS = 1_000_000_000L;
    private static final int LIMIT = 4096;

    private final ConcurrentMap<Integer, Caller> known = new ConcurrentHashMap<>();
    private final AtomicInteger changes = new AtomicInteger();

    @Nullable
    Caller get(int tid, long now) {
        Caller caller = known.get(tid);
        return caller == null || now - caller.readAt() > TRUST_NANOS ? null : caller;
    }

    void put(int tid, Caller caller) {
        if (known.size() >= LIMIT) {
            known.clear();
        }
        known.put(tid, caller);
    }

    void forget(int tid) {
        known.remove(tid);
        changes.incrementAndGet();
    }

    /** Another number whenever something was forgotten: who keeps an entry for itself asks for that first. */
    int changes() {
        return changes.get();
    }
}
