package dev.caisson.ttrpc;

import java.util.concurrent.atomic.AtomicLong;

/** Bytes that may still be buffered. Thread-safe. */
final class Credit {
    private final long limit;
    private final AtomicLong used = new AtomicLong();

    Credit(long limit) {
        this.limit = limit;
    }

    /** Takes the bytes, or nothing and returns false. */
    boolean take(long bytes) {
        if (used.addAndGet(bytes) <= limit) {
            return true;
        }
        used.addAndGet(-bytes);
        return false;
    }

    void give(long bytes) {
        used.addAndGet(-bytes);
    }

    long used() {
        return used.get();
    }
}
