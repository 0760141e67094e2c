package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.AnyProcessor;
import dev.caisson.trap.dispatch.Nr;

/**
 * Lets a reader stay on the processor of the thread that it answers. A descriptor is handed over by a wake-up without the hint to stay where the answering thread
 * is (SECCOMP_IOCTL_NOTIF_ADDFD), so the kernel looks for a processor with nothing to do, for the caller and then for the reader as well; to get one going that
 * is halted takes longer than the whole answer. It takes one on which all threads are SCHED_IDLE for one with nothing to do (sched(7), select_idle_sibling()),
 * so the caller stays; the reader has nowhere else to go, by its affinity. Nothing of the caller's is changed.
 *
 * <p>Other threads of its control group leave such a one next to nothing of its processor. So it may be so only for a short time, and another thread has to
 * look.
 */
final class CallersProcessor implements Rota.Stay {
    private static final int SCHED_IDLE = 5;
    private static final int ONE = AnyProcessor.MASK;
    private static final int SMALL = 2 * AnyProcessor.MASK;

    private final KernelCalls kernel;
    private final long tid;
    /** What the thread may run on otherwise; the one that it stays on; and a number or a struct sched_param. */
    private final NativeMemory memory = new NativeMemory(SMALL + 8);

    private long length;

    /** The calling thread's. */
    CallersProcessor(KernelCalls kernel) {
        this.kernel = kernel;
        this.tid = kernel.call(Nr.gettid);
    }

    @Override
    public boolean stay() {
        length = kernel.call(Nr.sched_getaffinity, 0, AnyProcessor.MASK, memory.address());
        if (length <= 0 || kernel.call(Nr.getcpu, memory.address(SMALL)) != 0) {
            return false;
        }
        int processor = memory.getInt(SMALL);
        if (processor < 0 || processor >= Byte.SIZE * length) {
            return false;
        }
        memory.zero(ONE, AnyProcessor.MASK);
        memory.putLong(ONE + processor / Long.SIZE * Long.BYTES, 1L << processor % Long.SIZE);
        memory.putInt(SMALL, 0);
        if (kernel.call(Nr.sched_setaffinity, 0, length, memory.address(ONE)) != 0) {
            return false;
        }
        if (kernel.call(Nr.sched_setscheduler, 0, SCHED_IDLE, memory.address(SMALL)) != 0) {
            leave();
            return false;
        }
        return true;
    }

    @Override
    public void leave() {
        AnyProcessor.give(kernel, tid, memory, length, SMALL);
    }

    @Override
    public void close() {
        memory.close();
    }
}
