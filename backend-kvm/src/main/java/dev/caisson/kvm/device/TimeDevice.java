package dev.caisson.kvm.device;

import dev.caisson.kvm.bus.BusDevice;
import java.time.Clock;
import java.time.Instant;

/**
 * The host's wall clock as a register of 64 bits in memory: nanoseconds since 1970 when it is read. A guest that looks at its own clock before and after knows
 * how far off that is to the time of one exit, which nothing that goes through queues tells. The agent reads it (dev.caisson.agent.MachineClock).
 */
public final class TimeDevice implements BusDevice {
    private static final long NANOS = 1_000_000_000L;

    private final Clock clock;
    /** The time at which the lower half was read. */
    private long latched;

    public TimeDevice(Clock clock) {
        this.clock = clock;
    }

    /** All of it, or the lower half and then the upper one. */
    @Override
    public synchronized long read(int offset, int size) {
        if (offset == 0 && size >= Integer.BYTES) {
            Instant now = clock.instant();
            latched = now.getEpochSecond() * NANOS + now.getNano();
            return size == Long.BYTES ? latched : latched & 0xffff_ffffL;
        }
        return offset == Integer.BYTES && size == Integer.BYTES ? latched >>> 32 : 0;
    }

    @Override
    public void write(int offset, int size, long value) {
        // A guest does not set the host's clock.
    }
}
