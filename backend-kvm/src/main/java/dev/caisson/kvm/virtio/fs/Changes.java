package dev.caisson.kvm.virtio.fs;

import java.time.Clock;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * What a guest is told of a file's last change. Its kernel keeps contents while size and time of change stay the same, and looks before every read;
 * but a host's clock for files stands still for some milliseconds, within which a file can change twice. So for that long a guest is told another time at
 * each look, a nanosecond or two beside the right one, and keeps nothing. Any thread.
 */
final class Changes {
    /** More than a tick of any Linux (10 ms). */
    private static final long TICK_NANOS = 20_000_000;

    private static final long SECOND = 1_000_000_000;

    private final Clock clock;
    private final AtomicInteger looks = new AtomicInteger();

    Changes(Clock clock) {
        this.clock = clock;
    }

    /** The nanoseconds to be told. */
    int nanos(FileStatus status) {
        Instant now = clock.instant();
        long age = (now.getEpochSecond() - status.modified()) * SECOND + now.getNano() - status.modifiedNanos();
        // A time to come is one of another host's clock: it may be now.
        return age > TICK_NANOS ? status.modifiedNanos() : status.modifiedNanos() ^ (1 + (looks.getAndIncrement() & 1));
    }
}
