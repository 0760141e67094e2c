package dev.caisson.kvm.virtio;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.linux.direct.KernelCalls;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A balloon (virtio 1.2, 5.5) that is never inflated: by it the guest reports pages that it has freed (free page reporting), and the host has
 * them back. Without it a guest costs for ever what it once used.
 */
public final class BalloonDevice implements VirtioDevice, AutoCloseable {
    private static final int TYPE = 5;
    private static final long DEFLATE_ON_OOM = 1L << 2;
    private static final long REPORTING = 1L << 5;
    /** With neither statistics nor hints, the reports' queue is the third. */
    private static final int REPORTS = 2;

    private static final int SYS_MADVISE = 28;
    /** Frees the pages of a shared memory file: they read as zeros when they are touched again. */
    private static final int MADV_REMOVE = 9;
    /** Forgets what was written to a private mapping. */
    private static final int MADV_DONTNEED = 4;

    private final KernelCalls calls = new KernelCalls();
    private @Nullable List<VirtQueue> active;
    private long returned;

    @Override
    public int type() {
        return TYPE;
    }

    @Override
    public long features() {
        return DEFLATE_ON_OOM | REPORTING;
    }

    @Override
    public int queues() {
        return REPORTS + 1;
    }

    /** num_pages 0, actual 4: no page is wanted. */
    @Override
    public byte[] config() {
        return new byte[8];
    }

    @Override
    public void activate(List<VirtQueue> queues, long negotiated) {
        active = queues;
    }

    @Override
    public void process(int queue) throws GuestFault {
        List<VirtQueue> queues = active;
        if (queues == null) {
            return;
        }
        VirtQueue from = queues.get(queue);
        for (Chain chain = from.take(); chain != null; chain = from.take()) {
            if (queue == REPORTS) {
                chain.fill(chain.writable(), this::giveBack);
            }
            from.complete(chain);
        }
    }

    /** Of a file that the guest has a private mapping of, its bytes are back: the guest does not mind what free pages hold. */
    private long giveBack(long address, long length) {
        if (calls.call(SYS_MADVISE, address, length, MADV_REMOVE) == 0
                || calls.call(SYS_MADVISE, address, length, MADV_DONTNEED) == 0) {
            returned += length;
        }
        return length;
    }

    /** Bytes that were given back so far. */
    public long returned() {
        return returned;
    }

    @Override
    public void reset() {
        active = null;
    }

    /** After the machine was closed. */
    @Override
    public void close() {
        calls.close();
    }
}
