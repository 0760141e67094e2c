package dev.caisson.trap.dispatch;

import dev.caisson.linux.direct.KernelCalls;
import java.util.Arrays;

/** A descriptor for each of the threads whose calls were answered last: a later thread takes the place of one whose id ends alike. Of one thread. */
final class KeptDescriptors implements AutoCloseable {
    static final int PLACES = 16;
    static final int NONE = -1;

    private final KernelCalls kernel;
    private final int[] tids = new int[PLACES];
    private final long[] fds = new long[PLACES];

    KeptDescriptors(KernelCalls kernel) {
        this.kernel = kernel;
        Arrays.fill(fds, NONE);
    }

    /** Where a thread's descriptor is, or would be. */
    static int place(int tid) {
        return tid & (PLACES - 1);
    }

    /** @return negative when none is kept */
    long get(int tid) {
        int at = place(tid);
        return tids[at] == tid ? fds[at] : NONE;
    }

    void put(int tid, long fd) {
        forget(tid);
        int at = place(tid);
        tids[at] = tid;
        fds[at] = fd;
    }

    /** Closes what is in a thread's place, whosever it is. */
    void forget(int tid) {
        close(place(tid));
    }

    private void close(int at) {
        if (fds[at] >= 0) {
            kernel.call(Nr.close, fds[at]);
            fds[at] = NONE;
        }
    }

    @Override
    public void close() {
        for (int at = 0; at < PLACES; at++) {
            close(at);
        }
    }
}
