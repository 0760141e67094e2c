package dev.caisson.trap.dispatch;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import java.util.Arrays;

/**
 * pidfds of the threads whose calls were answered last, so that taking a descriptor of theirs is one call and not three. A pidfd is one thread's for
 * ever: another with the same number is not mistaken for it. Of one thread.
 */
final class KnownThreads implements AutoCloseable {
    private static final int KEPT = 16;
    /** Since Linux 6.9, pidfd_open(2): of the thread, whose table may be another than its process's. */
    private static final int PIDFD_THREAD = 0x80;

    private static final int NONE = -1;
    private static final long ESRCH = -Errno.ESRCH.number();

    private final KernelCalls kernel;
    private final int[] tids = new int[KEPT];
    private final long[] fds = new long[KEPT];

    KnownThreads(KernelCalls kernel) {
        this.kernel = kernel;
        Arrays.fill(fds, NONE);
    }

    /**
     * A copy of one of a thread's descriptors.
     *
     * @param tid host id of the thread
     * @param tgid of its process
     * @return a descriptor of ours, or a negative errno
     */
    long descriptor(int tid, int tgid, int fd) {
        int at = tid & (KEPT - 1);
        boolean isKnown = tids[at] == tid && fds[at] >= 0;
        long copy = isKnown ? kernel.call(Nr.pidfd_getfd, fds[at], fd, 0) : ESRCH;
        if (copy != ESRCH) {
            return copy;
        }
        // Not known, or one that has ended and whose number is another's now.
        forget(at);
        long opened = kernel.call(Nr.pidfd_open, tid, PIDFD_THREAD);
        if (opened == -Errno.EINVAL.number()) {
            opened = kernel.call(Nr.pidfd_open, tgid, 0);
        }
        if (opened < 0) {
            return opened;
        }
        tids[at] = tid;
        fds[at] = opened;
        return kernel.call(Nr.pidfd_getfd, opened, fd, 0);
    }

    private void forget(int at) {
        if (fds[at] >= 0) {
            kernel.call(Nr.close, fds[at]);
            fds[at] = NONE;
        }
    }

    @Override
    public void close() {
        for (int at = 0; at < KEPT; at++) {
            forget(at);
        }
    }
}
