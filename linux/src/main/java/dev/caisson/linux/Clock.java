package dev.caisson.linux;

/** The machine's wall clock. */
public final class Clock {
    private static final long NANOS = 1_000_000_000L;

    private Clock() {}

    /** Sets CLOCK_REALTIME to a time in nanoseconds since 1970; needs CAP_SYS_TIME. */
    public static void setRealTime(long nanos) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long time = scratch.zeroed(Abi.TIMESPEC_SIZE);
            scratch.putLong(time, nanos / NANOS);
            scratch.putLong(time + Long.BYTES, nanos % NANOS);
            // NATIVE: int clock_settime(clockid_t clock, const struct timespec *time), time.h; 0 is CLOCK_REALTIME.
            Libc.check(Libc.call(Sys.clock_settime, 0, time), "clock_settime", "CLOCK_REALTIME");
        }
    }

    /** Puts CLOCK_REALTIME forward by some nanoseconds, or back, whatever it shows; needs CAP_SYS_TIME. */
    public static void advance(long nanos) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long change = scratch.zeroed(Abi.TIMEX_SIZE);
            scratch.putInt(change + Abi.TIMEX_MODES, Abi.ADJ_SETOFFSET | Abi.ADJ_NANO);
            scratch.putLong(change + Abi.TIMEX_TIME, Math.floorDiv(nanos, NANOS));
            scratch.putLong(change + Abi.TIMEX_TIME + Long.BYTES, Math.floorMod(nanos, NANOS));
            // NATIVE: int clock_adjtime(clockid_t clock, struct timex *change), sys/timex.h.
            Libc.check(Libc.call(Sys.clock_adjtime, 0, change), "clock_adjtime", "CLOCK_REALTIME");
        }
    }
}
