package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import org.jspecify.annotations.Nullable;

/** How long a call may wait, and where its caller reads how much of that was left (select(2), and the kernel's own ppoll and pselect6). */
final class TimeLimit {
    static final TimeLimit NEVER = new TimeLimit(Long.MAX_VALUE, 0, 1);

    /** Of a second's fraction: struct timespec, struct timeval. */
    static final int NANOS = 1;

    static final int MICROS = 1000;

    private static final long SECOND = 1_000_000_000L;
    private static final TimeLimit NOW = new TimeLimit(0, 0, 1);
    private static final int ROOM = GuestCall.TEXT;

    private final long deadline;
    private final long place;
    private final int unit;

    private TimeLimit(long deadline, long place, int unit) {
        this.deadline = deadline;
        this.place = place;
        this.unit = unit;
    }

    /** As poll(2) and epoll_wait(2) have it. */
    static TimeLimit millis(int millis) {
        return millis < 0
                ? NEVER
                : millis == 0 ? NOW : new TimeLimit(System.nanoTime() + millis * 1_000_000L, 0, NANOS);
    }

    /**
     * What is in the caller's memory.
     *
     * @param address 0: for ever
     * @param unit {@link #NANOS} or {@link #MICROS}
     * @param tells whether the caller is told what was left
     * @param error gets the errno at index 0 where the result is null
     */
    static @Nullable TimeLimit at(GuestCall c, long address, int unit, boolean tells, long[] error) {
        if (address == 0) {
            return NEVER;
        }
        error[0] = c.read(address, ROOM, 16);
        if (error[0] != 0) {
            return null;
        }
        long seconds = c.memory().getLong(ROOM);
        long fraction = c.memory().getLong(ROOM + 8);
        if (unit == MICROS) {
            seconds += fraction / 1_000_000;
            fraction %= 1_000_000;
        }
        long nanos = fraction * unit;
        if (seconds < 0 || nanos < 0 || fraction >= SECOND) {
            error[0] = -Errno.EINVAL.number();
            return null;
        }
        if (seconds == 0 && nanos == 0) {
            return NOW;
        }
        long deadline = seconds > Integer.MAX_VALUE ? Long.MAX_VALUE : System.nanoTime() + seconds * SECOND + nanos;
        return new TimeLimit(deadline, tells && deadline != Long.MAX_VALUE ? address : 0, unit);
    }

    /** Nothing is waited for. */
    boolean isNow() {
        return this == NOW;
    }

    /** By nanoTime; Long.MAX_VALUE for never. */
    long deadline() {
        return deadline;
    }

    /** As on Linux, who cannot be told has not asked. */
    void tellRest(GuestCall c) {
        if (place != 0) {
            long rest = Math.max(deadline - System.nanoTime(), 0);
            c.memory().putLong(ROOM, rest / SECOND);
            c.memory().putLong(ROOM + 8, rest % SECOND / unit);
            var _ = c.write(place, ROOM, 16);
        }
    }
}
