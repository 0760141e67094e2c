package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;

/**
 * The caller of poll(2) is told in its array of {@code struct pollfd}, of which only what was found is written: the rest is the program's. And of that only
 * what the array does not say already, since each piece takes the kernel as long as a whole page would; but something of each page, for the error
 * where it cannot be written.
 */
final class PollArray implements PollWork.Telling {
    private static final int REVENTS = 6;
    private static final int REVENTS_SIZE = 2;
    private static final int PIECE = 16;
    private static final int PAGE_BITS = 12;

    private final long address;
    private final short[] said;

    /** @param said what its array says of each file, as it was read */
    PollArray(long address, short[] said) {
        this.address = address;
        this.said = said;
    }

    @Override
    public int count(int[] found) {
        int count = 0;
        for (int each : found) {
            count += each == 0 ? 0 : 1;
        }
        return count;
    }

    @Override
    public long tell(GuestCall c, int[] found) {
        int pieces = 0;
        long page = -1;
        for (int i = 0; i < found.length; i++) {
            long at = address + (long) PolledFiles.SIZE * i + REVENTS;
            if ((short) found[i] != said[i] || at >>> PAGE_BITS != page) {
                page = at >>> PAGE_BITS;
                c.memory().putShort(GuestCall.DATA + REVENTS_SIZE * pieces, found[i]);
                c.memory().putLong(GuestCall.PIECES + PIECE * pieces, at);
                c.memory().putLong(GuestCall.PIECES + PIECE * pieces + 8, REVENTS_SIZE);
                pieces++;
            }
        }
        int size = REVENTS_SIZE * pieces;
        return size == 0 || c.scatter(pieces, GuestCall.DATA, size) == size ? 0 : -Errno.EFAULT.number();
    }
}
