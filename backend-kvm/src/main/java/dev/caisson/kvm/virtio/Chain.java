package dev.caisson.kvm.virtio;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.linux.direct.NativeMemory;

/**
 * One request of a driver: buffers that the device reads, then buffers that it writes. Where they are was read once and checked; what is in
 * them may change at any time. One thread.
 */
public final class Chain {
    /** A system call on a part of it. */
    public interface Transfer {
        /**
         * Moves bytes.
         *
         * @param hostAddress where the part is in this process
         * @return how many were moved, or a negative errno; less than {@code length} ends the transfer
         */
        long move(long hostAddress, long length);
    }

    private static final int IOVEC = 16;

    private final GuestMemory memory;
    private final int head;
    private final long[] addresses;
    private final long[] lengths;
    private final int readableParts;
    private final int parts;

    private int readPart;
    private long readAt;
    private int writePart;
    private long writeAt;
    private long written;

    /** @param readableParts how many of the {@code parts} come first and are the driver's */
    Chain(GuestMemory memory, int head, long[] addresses, long[] lengths, int readableParts, int parts) {
        this.memory = memory;
        this.head = head;
        this.addresses = addresses;
        this.lengths = lengths;
        this.readableParts = readableParts;
        this.parts = parts;
        this.writePart = readableParts;
    }

    int head() {
        return head;
    }

    /** How many there are. */
    int buffers() {
        return parts;
    }

    /** Bytes from the driver that were not read yet. */
    public long readable() {
        return sum(readPart, readableParts) - readAt;
    }

    /** Room for bytes to the driver. */
    public long writable() {
        return sum(writePart, parts) - writeAt;
    }

    private long sum(int from, int to) {
        long sum = 0;
        for (int i = from; i < to; i++) {
            sum += lengths[i];
        }
        return sum;
    }

    /** How many bytes were written, as the driver is told. */
    long written() {
        return written;
    }

    /** Reads exactly so many bytes. */
    public void read(byte[] to, int at, int length) throws GuestFault {
        if (readable() < length) {
            throw new GuestFault("a request that is " + (length - readable()) + " bytes too short");
        }
        int done = 0;
        while (done < length) {
            int now = (int) Math.min(length - done, lengths[readPart] - readAt);
            memory.read(addresses[readPart] + readAt, to, at + done, now);
            done += now;
            readAt += now;
            skipReadParts();
        }
    }

    /** Writes exactly so many bytes. */
    public void write(byte[] from, int at, int length) throws GuestFault {
        if (writable() < length) {
            throw new GuestFault("a request with " + (length - writable()) + " bytes too little room");
        }
        int done = 0;
        while (done < length) {
            int now = (int) Math.min(length - done, lengths[writePart] - writeAt);
            memory.write(addresses[writePart] + writeAt, from, at + done, now);
            done += now;
            writeAt += now;
            written += now;
            skipWriteParts();
        }
    }

    /** Where something is in this process that a request names by the guest's address. */
    long place(long address, long length) throws GuestFault {
        return memory.hostAddress(address, length);
    }

    /** Gives what the driver wrote to system calls, at most {@code limit} bytes of it; returns how many went, or a negative errno if none. */
    public long drain(long limit, Transfer transfer) throws GuestFault {
        long done = 0;
        while (done < limit && readPart < readableParts) {
            long now = Math.min(limit - done, lengths[readPart] - readAt);
            long moved = now == 0 ? 0 : transfer.move(memory.hostAddress(addresses[readPart] + readAt, now), now);
            if (moved < 0) {
                return done > 0 ? done : moved;
            }
            done += moved;
            readAt += moved;
            skipReadParts();
            if (moved < now) {
                break;
            }
        }
        return done;
    }

    /** Lets system calls fill the driver's buffers; see {@link #drain}. */
    public long fill(long limit, Transfer transfer) throws GuestFault {
        long done = 0;
        while (done < limit && writePart < parts) {
            long now = Math.min(limit - done, lengths[writePart] - writeAt);
            long moved = now == 0 ? 0 : transfer.move(memory.hostAddress(addresses[writePart] + writeAt, now), now);
            if (moved < 0) {
                return done > 0 ? done : moved;
            }
            done += moved;
            writeAt += moved;
            written += moved;
            skipWriteParts();
            if (moved < now) {
                break;
            }
        }
        return done;
    }

    /**
     * Describes all that the driver wrote, as far as it was not read, for one call with a vector (readv(2)).
     *
     * @param vector gets {@code struct iovec}s; has room for {@code most}
     * @return how many there are; 0 when there are more
     */
    public int gatherReadable(NativeMemory vector, int most) throws GuestFault {
        return gather(vector, most, readPart, readableParts, readAt, Long.MAX_VALUE);
    }

    /** As {@link #gatherReadable(NativeMemory, int)}, {@code limit} bytes of it. */
    public int gatherReadable(NativeMemory vector, int most, long limit) throws GuestFault {
        return gather(vector, most, readPart, readableParts, readAt, limit);
    }

    /** Describes all of the driver's buffers that nothing was written to; see {@link #gatherReadable}. */
    public int gatherWritable(NativeMemory vector, int most) throws GuestFault {
        return gather(vector, most, writePart, parts, writeAt, Long.MAX_VALUE);
    }

    /** As {@link #gatherWritable(NativeMemory, int)}, {@code limit} bytes of it. */
    public int gatherWritable(NativeMemory vector, int most, long limit) throws GuestFault {
        return gather(vector, most, writePart, parts, writeAt, limit);
    }

    private int gather(NativeMemory vector, int most, int from, int to, long skip, long limit) throws GuestFault {
        if (to - from > most) {
            return 0;
        }
        long rest = limit;
        int pieces = 0;
        for (int i = from; i < to && rest > 0; i++) {
            long done = i == from ? skip : 0;
            long length = Math.min(rest, lengths[i] - done);
            vector.putLong(IOVEC * pieces, memory.hostAddress(addresses[i] + done, length));
            vector.putLong(IOVEC * pieces + 8, length);
            rest -= length;
            pieces++;
        }
        return pieces;
    }

    private void skipReadParts() {
        while (readPart < readableParts && readAt == lengths[readPart]) {
            readPart++;
            readAt = 0;
        }
    }

    private void skipWriteParts() {
        while (writePart < parts && writeAt == lengths[writePart]) {
            writePart++;
            writeAt = 0;
        }
    }

    /** Writes over what was written or skipped at the beginning of the driver's buffers. */
    public void overwrite(byte[] from) throws GuestFault {
        int done = 0;
        for (int part = readableParts; part < parts && done < from.length; part++) {
            int now = (int) Math.min(from.length - done, lengths[part]);
            memory.write(addresses[part], from, done, now);
            done += now;
        }
        if (done < from.length) {
            throw new GuestFault("a request with too little room");
        }
    }

    /** Goes on writing behind bytes that are left as they are, as if they had been written. */
    public void skipWritable(long count) throws GuestFault {
        if (fill(count, (address, length) -> length) != count) {
            throw new GuestFault("a request with too little room");
        }
    }
}
