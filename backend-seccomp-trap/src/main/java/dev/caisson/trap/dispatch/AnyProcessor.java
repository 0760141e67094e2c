package dev.caisson.trap.dispatch;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;

/** How threads here run as long as nothing else is said: as ordinary ones, and on any processor of this process's. Without state; any thread. */
public final class AnyProcessor {
    /** Bytes for 8192 processors, the most that Linux can have on x86-64. */
    public static final int MASK = 1024;

    private static final int SCHED_OTHER = 0;

    private AnyProcessor() {}

    /** Makes the calling thread run so whatever the one did that started it: threads inherit that. */
    public static void take(KernelCalls kernel) {
        try (NativeMemory memory = new NativeMemory(MASK + 8)) {
            // Those of the first thread, which never stays on one.
            long length = kernel.call(Nr.sched_getaffinity, kernel.call(Nr.getpid), MASK, memory.address());
            give(kernel, 0, memory, length, MASK);
        }
    }

    /**
     * @param tid a thread of this process
     * @param memory has its processors first
     * @param length bytes of them, or a negative errno
     * @param small where four bytes of that memory are free
     */
    public static void give(KernelCalls kernel, long tid, NativeMemory memory, long length, int small) {
        memory.putInt(small, 0);
        kernel.call(Nr.sched_setscheduler, tid, SCHED_OTHER, memory.address(small));
        if (length <= 0 || kernel.call(Nr.sched_setaffinity, tid, length, memory.address()) != 0) {
            // None of them is left to this process (cpuset): then whatever is.
            for (int at = 0; at < MASK; at += Long.BYTES) {
                memory.putLong(at, -1);
            }
            kernel.call(Nr.sched_setaffinity, tid, MASK, memory.address());
        }
    }
}
