package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import org.jspecify.annotations.Nullable;

/** The pieces of guest memory of one call, and how far it has got in them. Lengths and addresses are the guest's, read once and checked. */
final class Pieces {
    /** MAX_RW_COUNT: nobody moves more at once. */
    private static final long MOST = 0x7fff_f000L;

    private static final long USER_END = 0x7fff_ffff_f000L;
    private static final int SIZE = 16;
    private static final int POLLIN = 1;

    private final long[] addresses;
    private final long[] lengths;
    private final long total;
    private long done;
    private int first;

    private Pieces(long[] addresses, long[] lengths, long total) {
        this.addresses = addresses;
        this.lengths = lengths;
        this.total = total;
    }

    /** One piece; null: it reaches beyond what a program can have. */
    static @Nullable Pieces one(long address, long length) {
        if (isBad(address, length)) {
            return null;
        }
        long size = Math.min(length, MOST);
        return new Pieces(new long[] {address}, new long[] {size}, size);
    }

    /**
     * Many.
     *
     * @param error gets the errno at index 0 where the result is null
     */
    static @Nullable Pieces many(GuestCall c, long address, long number, long[] error) {
        if (number < 0 || number > GuestCall.PIECES_MAX) {
            error[0] = -Errno.EINVAL.number();
            return null;
        }
        int count = (int) number;
        error[0] = c.read(address, GuestCall.PIECES, count * SIZE);
        if (error[0] != 0) {
            return null;
        }
        long[] addresses = new long[count];
        long[] lengths = new long[count];
        long total = 0;
        for (int i = 0; i < count; i++) {
            addresses[i] = c.memory().getLong(GuestCall.PIECES + SIZE * i);
            long length = c.memory().getLong(GuestCall.PIECES + SIZE * i + 8);
            if (length < 0) {
                error[0] = -Errno.EINVAL.number();
                return null;
            }
            if (isBad(addresses[i], length)) {
                error[0] = -Errno.EFAULT.number();
                return null;
            }
            lengths[i] = Math.min(length, MOST - total);
            total += lengths[i];
        }
        return new Pieces(addresses, lengths, total);
    }

    private static boolean isBad(long address, long length) {
        return length < 0 || address < 0 || length > USER_END || address > USER_END - length;
    }

    long total() {
        return total;
    }

    long done() {
        return done;
    }

    long left() {
        return total - done;
    }

    private int lay(NativeMemory memory) {
        for (int i = first; i < addresses.length; i++) {
            memory.putLong(GuestCall.PIECES + SIZE * (i - first), addresses[i]);
            memory.putLong(GuestCall.PIECES + SIZE * (i - first) + 8, lengths[i]);
        }
        return addresses.length - first;
    }

    /** Reads the next bytes to a slot; how many, or a negative errno. */
    long gather(GuestCall c, int slot, int length) {
        return c.gather(lay(c.memory()), slot, length);
    }

    /** Writes the next bytes from a slot; how many, or a negative errno. */
    long scatter(GuestCall c, int slot, int length) {
        return c.scatter(lay(c.memory()), slot, length);
    }

    /** Whether something can be read that there is no memory for: what is taken out of a pipe cannot be put back. */
    boolean wouldLose(GuestCall c, long fd) {
        if (left() == 0 || gather(c, GuestCall.DATA, 1) == 1) {
            return false;
        }
        c.memory().putInt(GuestCall.TEXT, (int) fd);
        c.memory().putInt(GuestCall.TEXT + 4, POLLIN);
        return c.kernel().call(Nr.poll, c.memory().address(GuestCall.TEXT), 1, 0) == 1
                && (c.memory().getShort(GuestCall.TEXT + 6) & POLLIN) != 0;
    }

    void advance(long bytes) {
        done += bytes;
        long rest = bytes;
        while (first < addresses.length && rest >= lengths[first]) {
            rest -= lengths[first];
            first++;
        }
        if (first < addresses.length) {
            addresses[first] += rest;
            lengths[first] -= rest;
        }
    }
}
