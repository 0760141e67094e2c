package dev.caisson.kvm.virtio;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.linux.direct.KernelCalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A balloon (virtio 1.2, 5.5): by it the guest gives back memory that it is asked for, and reports pages that it has freed (free page reporting). Without it a
 * guest costs for ever what it once used. A guest that lacks memory may take back what it has given (DEFLATE_ON_OOM): the host's limit of its containers is not the balloon.
 */
public final class BalloonDevice implements VirtioDevice, AutoCloseable {
    private static final int TYPE = 5;
    private static final long DEFLATE_ON_OOM = 1L << 2;
    private static final long REPORTING = 1L << 5;
    private static final int INFLATE = 0;
    private static final int DEFLATE = 1;
    /** With neither statistics nor hints, the reports' queue is the third. */
    private static final int REPORTS = 2;

    private static final int SYS_MADVISE = 28;
    /** Frees the pages of a shared memory file: they read as zeros when they are touched again. */
    private static final int MADV_REMOVE = 9;
    /** Forgets what was written to a private mapping. */
    private static final int MADV_DONTNEED = 4;

    private static final int PAGE_SHIFT = 12;
    private static final int MIB_SHIFT = 20;
    /** Page numbers that are looked at together. */
    private static final int NUMBERS = 1024;

    private final KernelCalls calls = new KernelCalls();
    private final byte[] numbers = new byte[NUMBERS * Integer.BYTES];
    private @Nullable DeviceEvents events;
    /** Pages that are wanted, and that the guest says that it has given. */
    private int wanted;

    private final AtomicLong given = new AtomicLong();
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

    /** num_pages 0, actual 4. */
    @Override
    public byte[] config() {
        return ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(wanted)
                .putInt((int) given.get())
                .array();
    }

    @Override
    public void attach(DeviceEvents with) {
        events = with;
    }

    /** Asks the guest to have given back so much, from now on; it does so when it can. Any thread. */
    public void want(int mib) {
        int pages = mib << (MIB_SHIFT - PAGE_SHIFT);
        if (pages != wanted) {
            change(pages);
        }
    }

    /** Has a driver look again that goes on from elsewhere, where something else was wanted. Any thread. */
    public void tell() {
        change(wanted);
    }

    private void change(int pages) {
        DeviceEvents with = events;
        if (with == null) {
            throw new IllegalStateException("a balloon that is part of no machine");
        }
        with.reconfigure(() -> wanted = pages);
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
            switch (queue) {
                case INFLATE -> inflate(chain);
                case DEFLATE -> {
                    long back = chain.readable() / Integer.BYTES;
                    given.updateAndGet(before -> Math.max(before - back, 0));
                }
                default -> chain.fill(chain.writable(), this::giveBack);
            }
            from.complete(chain);
        }
    }

    /** Pages come by their numbers, mostly one beside the other, in either order. */
    private void inflate(Chain chain) throws GuestFault {
        long first = 0;
        long end = 0;
        while (chain.readable() >= Integer.BYTES) {
            int count = (int) Math.min(chain.readable() / Integer.BYTES, NUMBERS);
            chain.read(numbers, 0, count * Integer.BYTES);
            ByteBuffer page = ByteBuffer.wrap(numbers).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < count; i++) {
                long number = Integer.toUnsignedLong(page.getInt());
                if (first == end) {
                    first = number;
                    end = number + 1;
                } else if (number == end) {
                    end++;
                } else if (number == first - 1) {
                    first--;
                } else {
                    take(chain, first, end);
                    first = number;
                    end = number + 1;
                }
            }
        }
        take(chain, first, end);
    }

    private void take(Chain chain, long first, long end) throws GuestFault {
        if (first < end) {
            long length = (end - first) << PAGE_SHIFT;
            var _ = giveBack(chain.place(first << PAGE_SHIFT, length), length);
            given.addAndGet(end - first);
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

    /** Bytes that the guest has given because it was asked. */
    public long size() {
        return given.get() << PAGE_SHIFT;
    }

    @Override
    public void reset() {
        active = null;
        given.set(0);
    }

    /** After the machine was closed. */
    @Override
    public void close() {
        calls.close();
    }
}
