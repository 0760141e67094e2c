package dev.caisson.shim.link;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;

/**
 * Ends waits that last too long. A timed wait of a virtual thread wakes the thread that keeps the times whenever it begins, some
 * twenty microseconds each; these limits are seconds or minutes away and hardly ever reached, so one thread looks once a second while
 * there are any. Thread-safe.
 */
final class LongWaits {
    private static final long LOOK_NANOS = Duration.ofSeconds(1).toNanos();
    /** So many looks without a limit, and the thread sleeps until there is one. */
    private static final int LOOKS = 10;

    private static final Set<Limit> LIMITS = ConcurrentHashMap.newKeySet();
    private static final Thread WATCH =
            Thread.ofPlatform().daemon().name("long-waits").start(LongWaits::watch);
    private static volatile boolean asleep;

    private LongWaits() {}

    /** One wait's end. */
    static final class Limit {
        private final long at;
        private final Runnable over;

        private Limit(long at, Runnable over) {
            this.at = at;
            this.over = over;
        }

        /** The wait has ended by itself; {@code over} may be running. */
        void cancel() {
            LIMITS.remove(this);
        }
    }

    /**
     * @param time until the end of the wait, which may come a second late
     * @param over told then, once; must not block
     */
    static Limit set(Duration time, Runnable over) {
        Limit limit = new Limit(System.nanoTime() + time.toNanos(), over);
        LIMITS.add(limit);
        if (asleep) {
            LockSupport.unpark(WATCH);
        }
        return limit;
    }

    private static void watch() {
        int looks = 0;
        while (true) {
            looks = LIMITS.isEmpty() ? looks + 1 : 0;
            asleep = looks > LOOKS;
            if (asleep && LIMITS.isEmpty()) {
                LockSupport.park(LongWaits.class);
            } else {
                LockSupport.parkNanos(LongWaits.class, LOOK_NANOS);
            }
            asleep = false;
            long now = System.nanoTime();
            LIMITS.removeIf(limit -> {
                boolean over = limit.at - now <= 0;
                if (over) {
                    limit.over.run();
                }
                return over;
            });
        }
    }
}
