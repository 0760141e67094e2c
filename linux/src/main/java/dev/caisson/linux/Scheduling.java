package dev.caisson.linux;

/** How the kernel shares processors among threads (sched(7), sched_setattr(2)). */
public final class Scheduling {
    /**
     * {@code struct sched_attr}, include/uapi/linux/sched/types.h, SCHED_ATTR_SIZE_VER0:
     * size u32, policy u32, flags u64, nice s32, priority u32, runtime u64, deadline u64, period u64.
     */
    private static final int ATTR_SIZE = 48;

    private static final int POLICY_AT = 4;
    private static final int RUNTIME_AT = 24;
    private static final int SCHED_OTHER = 0;
    /** The shortest that the kernel takes: 0.1 ms. */
    private static final long SHORT_SLICE_NANOS = 100_000;

    private Scheduling() {}

    /**
     * Gives the calling thread, and all that it will start, short turns on the processor: when it is woken it need not wait for the end of
     * the turn of whoever runs there, and it has no more of the processor than before (Linux 6.12, "custom slice"). For threads that do little
     * at a time while somebody waits for it. Older kernels take no notice; a thread of another policy is left alone.
     *
     * @throws ErrnoException EPERM where a filter or a security module forbids it
     */
    public static void takeShortTurns() throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long attr = scratch.zeroed(ATTR_SIZE);
            // NATIVE: int sched_getattr(pid_t, struct sched_attr *, unsigned size, unsigned flags),
            // linux/sched/types.h.
            long got = Libc.call(Sys.sched_getattr, 0, attr, ATTR_SIZE, 0L);
            if (got < 0) {
                throw new ErrnoException(Errno.of((int) -got), "sched_getattr", "");
            }
            if (scratch.getInt(attr + POLICY_AT) != SCHED_OTHER) {
                return;
            }
            scratch.putLong(attr + RUNTIME_AT, SHORT_SLICE_NANOS);
            // NATIVE: int sched_setattr(pid_t, struct sched_attr *, unsigned flags), linux/sched/types.h.
            long set = Libc.call(Sys.sched_setattr, 0, attr, 0);
            if (set < 0) {
                throw new ErrnoException(Errno.of((int) -set), "sched_setattr", "");
            }
        }
    }
}
