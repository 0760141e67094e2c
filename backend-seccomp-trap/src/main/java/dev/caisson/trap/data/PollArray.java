package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;

/** The caller of poll(2) is told in its array of {@code struct pollfd}, of which only what was found is written: the rest is the program's. */
record PollArray(long address) implements PollWork.Telling {
    private static final int REVENTS = 6;
    private static final int REVENTS_SIZE = 2;
    private static final int PIECE = 16;

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
        for (int i = 0; i < found.length; i++) {
            c.memory().putShort(GuestCall.DATA + REVENTS_SIZE * i, found[i]);
            c.memory().putLong(GuestCall.PIECES + PIECE * i, address + (long) PolledFiles.SIZE * i + REVENTS);
            c.memory().putLong(GuestCall.PIECES + PIECE * i + 8, REVENTS_SIZE);
        }
        int size = REVENTS_SIZE * found.length;
        return size == 0 || c.scatter(found.length, GuestCall.DATA, size) == size ? 0 : -Errno.EFAULT.number();
    }
}
