package dev.caisson.linux.cgroup;

import java.time.Duration;

/** A point in time up to which something is tried again. */
final class Deadline {
    private final long endNanos;

    Deadline(Duration timeout) {
        this.endNanos = System.nanoTime() + timeout.toNanos();
    }

    boolean passed() {
        return System.nanoTime() - endNanos >= 0;
    }

    /** Sleeps and returns true, or returns false when the time is over or the thread was interrupted (which it stays). */
    boolean pause(long millis) {
        if (passed()) {
            return false;
        }
        try {
            Thread.sleep(millis);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }
}
