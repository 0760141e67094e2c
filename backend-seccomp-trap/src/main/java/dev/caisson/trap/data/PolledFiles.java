package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;

/** Copies of the descriptors that a call waits for, each with the events that it is asked for (poll(2)). */
final class PolledFiles {
    /** More are left to the kernel. */
    static final int MOST = GuestCall.PIECES_MAX;

    static final int POLLNVAL = 0x20;

    /** struct pollfd. */
    static final int SIZE = 8;

    private static final int POLLED = GuestCall.DATA;
    private static final int NOBODYS = -1;
    private static final int NOT_OPEN = -2;
    private static final long EBADF = -Errno.EBADF.number();

    private final long[] copies;
    private final int[] events;
    private int count;

    /** @param most how many will be added */
    PolledFiles(int most) {
        copies = new long[most];
        events = new int[most];
    }

    /**
     * Adds one of the caller's descriptors.
     *
     * @param fd of the caller; negative: nothing is ever there
     * @return false: only the kernel can say, since it is the caller who has to ask, or there is no room for it here
     */
    boolean add(GuestCall c, int fd, int asked) {
        long copy = fd < 0 ? NOBODYS : c.takeDescriptor(fd);
        if (copy < 0 && fd >= 0) {
            if (copy != EBADF) {
                return false;
            }
            copy = NOT_OPEN;
        }
        copies[count] = copy;
        events[count++] = asked;
        return copy < 0 || !c.container().signalFiles().areThere() || !FileKind.asksForSignals(c, copy);
    }

    int size() {
        return count;
    }

    /** Whether one of them is not open. */
    boolean hasUnknown() {
        for (int i = 0; i < count; i++) {
            if (copies[i] == NOT_OPEN) {
                return true;
            }
        }
        return false;
    }

    void lay(NativeMemory memory, int at) {
        for (int i = 0; i < count; i++) {
            memory.putInt(at + SIZE * i, (int) Math.max(copies[i], -1));
            memory.putInt(at + SIZE * i + 4, events[i]);
        }
    }

    /** What each has now; the errno at index 0 of {@code error} is 0 if that could be asked. */
    int[] look(GuestCall c, long[] error) {
        int[] found = new int[count];
        lay(c.memory(), POLLED);
        long ready = c.kernel().call(Nr.poll, c.memory().address(POLLED), count, 0);
        error[0] = Math.min(ready, 0);
        for (int i = 0; i < count; i++) {
            found[i] = copies[i] == NOT_OPEN
                    ? POLLNVAL
                    : ready <= 0 ? 0 : c.memory().getShort(POLLED + SIZE * i + 6);
        }
        return found;
    }

    void close(KernelCalls kernel) {
        for (int i = 0; i < count; i++) {
            if (copies[i] >= 0) {
                kernel.call(Nr.close, copies[i]);
            }
        }
        count = 0;
    }
}
