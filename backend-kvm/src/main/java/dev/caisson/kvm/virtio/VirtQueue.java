package dev.caisson.kvm.virtio;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * The device's side of a split virtqueue (virtio 1.2, 2.7), with indirect descriptors and event indexes where they were negotiated. All that
 * a driver wrote is read once and checked; what no correct driver writes is a {@link GuestFault}. One thread at a time.
 *
 * <pre>
 *   descriptor   addr 0, len 8, flags 12, next 14                         16 bytes
 *   available    flags 0, idx 2, ring 4 (2 each), used_event behind it
 *   used         flags 0, idx 2, ring 4 (id, len: 8 each), avail_event behind it
 * </pre>
 */
public final class VirtQueue {
    private static final int DESCRIPTOR = 16;
    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;
    private static final int NO_INTERRUPT = 1;
    private static final int RING = 4;
    private static final int USED_ELEMENT = 8;
    private static final int WRAP = 0xffff;

    private final GuestMemory memory;
    private final int limit;
    private int size;
    private long descriptors;
    private long available;
    private long used;
    private boolean ready;
    private boolean indirect;
    private boolean eventIndex;
    private int nextAvailable;
    private int nextUsed;
    private int signalledUsed;
    private int patience = 1;
    /** Buffers of what was completed and not signalled. */
    private int gathered;

    /** @param limit entries at most; a power of two */
    VirtQueue(GuestMemory memory, int limit) {
        this.memory = memory;
        this.limit = limit;
    }

    int limit() {
        return limit;
    }

    boolean isReady() {
        return ready;
    }

    /**
     * Begins to use a queue that the driver has laid out.
     *
     * @throws GuestFault it is not where a queue may be
     */
    void enable(
            int entries,
            long descriptorTable,
            long driverArea,
            long deviceArea,
            boolean hasIndirect,
            boolean hasEventIndex)
            throws GuestFault {
        if (entries <= 0 || entries > limit || Integer.bitCount(entries) != 1) {
            throw new GuestFault("a queue of " + entries + " entries");
        }
        if (descriptorTable % DESCRIPTOR != 0 || driverArea % 2 != 0 || deviceArea % 4 != 0) {
            throw new GuestFault("a queue that is not aligned");
        }
        if (!memory.contains(descriptorTable, (long) entries * DESCRIPTOR)
                || !memory.contains(driverArea, RING + 2L * entries + 2)
                || !memory.contains(deviceArea, RING + (long) USED_ELEMENT * entries + 2)) {
            throw new GuestFault("a queue where there is no memory");
        }
        size = entries;
        descriptors = descriptorTable;
        available = driverArea;
        used = deviceArea;
        indirect = hasIndirect;
        eventIndex = hasEventIndex;
        nextAvailable = 0;
        nextUsed = 0;
        signalledUsed = 0;
        patience = 1;
        gathered = 0;
        ready = true;
    }

    /**
     * Lets completions wait for the driver's next interrupt, for whichever queue of the device, or until the buffers of those that wait are so many, or half the queue. For
     * one with which the driver does nothing but to free what has been sent: an interrupt costs it some exits.
     */
    public void gather(int buffers) {
        patience = Math.max(1, Math.min(buffers, size / 2));
    }

    void disable() {
        ready = false;
    }

    /** Where it is with its requests. */
    void save(StateWriter to) {
        to.putInt(nextAvailable).putInt(nextUsed).putInt(signalledUsed);
    }

    /** Goes on where another one was; after {@link #enable}. */
    void restore(StateReader from) throws StateFormatException {
        nextAvailable = from.getInt(0, WRAP, "an index of a queue");
        nextUsed = from.getInt(0, WRAP, "an index of a queue");
        signalledUsed = from.getInt(0, WRAP, "an index of a queue");
    }

    /** Whether there is a request, without taking it. Asks to be notified of the next one when there is none. */
    public boolean hasNext() throws GuestFault {
        if (!ready) {
            return false;
        }
        if (waiting() > 0) {
            return true;
        }
        if (!eventIndex) {
            return false;
        }
        memory.putShort(used + RING + (long) USED_ELEMENT * size, nextAvailable);
        // The driver looks at what was just written after it has published a request: one of the two sees the other.
        VarHandle.fullFence();
        return waiting() > 0;
    }

    private int waiting() throws GuestFault {
        int waiting = memory.getIndex(available + 2) - nextAvailable & WRAP;
        if (waiting > size) {
            throw new GuestFault("a queue of " + size + " entries with " + waiting + " requests");
        }
        return waiting;
    }

    /** Takes the next request; null when there is none. */
    public @Nullable Chain take() throws GuestFault {
        if (!hasNext()) {
            return null;
        }
        int head = memory.getShort(available + RING + 2L * (nextAvailable & size - 1));
        Chain chain = chain(head);
        nextAvailable = nextAvailable + 1 & WRAP;
        return chain;
    }

    /** Gives the request that was taken last back, to be taken again. */
    public void untake() {
        nextAvailable = nextAvailable - 1 & WRAP;
    }

    private Chain chain(int head) throws GuestFault {
        long table = descriptors;
        int entries = size;
        int index = head;
        boolean inside = false;
        int readable = 0;
        int count = 0;
        // As long as a correct chain can be: the queue's size, in the table or in an indirect one.
        long[] addresses = new long[8];
        long[] lengths = new long[8];
        for (int seen = 0; ; seen++) {
            if (index >= entries || seen > size) {
                throw new GuestFault("a chain of descriptors without end");
            }
            long at = table + (long) index * DESCRIPTOR;
            long address = memory.getLong(at);
            long length = Integer.toUnsignedLong(memory.getInt(at + 8));
            int flags = memory.getShort(at + 12);
            if ((flags & INDIRECT) != 0) {
                if (!indirect || inside || (flags & (NEXT | WRITE)) != 0) {
                    throw new GuestFault("an indirect descriptor where none may be");
                }
                if (length == 0
                        || length % DESCRIPTOR != 0
                        || length / DESCRIPTOR > size
                        || !memory.contains(address, length)) {
                    throw new GuestFault("an indirect table of " + length + " bytes");
                }
                inside = true;
                table = address;
                entries = (int) (length / DESCRIPTOR);
                index = 0;
                continue;
            }
            if (!memory.contains(address, length)) {
                throw new GuestFault("a buffer where there is no memory, at 0x" + Long.toHexString(address));
            }
            if (count == addresses.length) {
                addresses = java.util.Arrays.copyOf(addresses, 2 * count);
                lengths = java.util.Arrays.copyOf(lengths, 2 * count);
            }
            addresses[count] = address;
            lengths[count] = length;
            count++;
            if ((flags & WRITE) == 0) {
                if (readable != count - 1) {
                    throw new GuestFault("a readable buffer behind a writable one");
                }
                readable = count;
            }
            if ((flags & NEXT) == 0) {
                return new Chain(memory, head, addresses, lengths, readable, count);
            }
            index = memory.getShort(at + 14);
        }
    }

    /** Gives a request back as done. */
    public void complete(Chain chain) throws GuestFault {
        long at = used + RING + (long) USED_ELEMENT * (nextUsed & size - 1);
        memory.putInt(at, chain.head());
        memory.putInt(at + 4, (int) chain.written());
        nextUsed = nextUsed + 1 & WRAP;
        gathered += chain.buffers();
        memory.putIndex(used + 2, nextUsed);
    }

    /** Whether the driver wants an interrupt for what was completed since this was asked last. */
    boolean wantsInterrupt() throws GuestFault {
        if (!ready || nextUsed == signalledUsed || gathered < patience) {
            return false;
        }
        int before = signalledUsed;
        isTold();
        VarHandle.fullFence();
        if (!eventIndex) {
            return (memory.getShort(available) & NO_INTERRUPT) == 0;
        }
        int event = memory.getShort(available + RING + 2L * size);
        return (nextUsed - event - 1 & WRAP) < (nextUsed - before & WRAP);
    }

    /** The driver is interrupted for another queue, and looks at this one too. */
    void isTold() {
        signalledUsed = nextUsed;
        gathered = 0;
    }
}
