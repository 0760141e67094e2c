package dev.caisson.trap.dispatch;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;

/**
 * pidfds of the threads whose calls were answered last, so that taking a descriptor of theirs is one call and not three. A pidfd is one thread's for
 * ever: another with the same number is not mistaken for it. Of one thread.
 */
final class KnownThreads implements AutoCloseable {
    /** Since Linux 6.9, pidfd_open(2): of the thread, whose table may be another than its process's. */
    private static final int PIDFD_THREAD = 0x80;

    private static final long ESRCH = -Errno.ESRCH.number();

    private final KernelCalls kernel;
    private final KeptDescriptors pidfds;

    KnownThreads(KernelCalls kernel) {
        this.kernel = kernel;
        this.pidfds = new KeptDescriptors(kernel);
    }

    /**
     * A copy of one of a caller's descriptors.
     *
     * @return a descriptor of ours, or a negative errno
     */
    long descriptor(GuestCall call, int fd) {
        int tid = call.tid();
        long known = pidfds.get(tid);
        long copy = known >= 0 ? kernel.call(Nr.pidfd_getfd, known, fd, 0) : ESRCH;
        if (copy != ESRCH) {
            return copy;
        }
        // Not known, or one that has ended and whose number is another's now.
        pidfds.forget(tid);
        long opened = kernel.call(Nr.pidfd_open, tid, PIDFD_THREAD);
        if (opened == -Errno.EINVAL.number()) {
            opened = kernel.call(Nr.pidfd_open, call.caller().tgid(), 0);
        }
        if (opened < 0) {
            return opened;
        }
        pidfds.put(tid, opened);
        return kernel.call(Nr.pidfd_getfd, opened, fd, 0);
    }

    @Override
    public void close() {
        pidfds.close();
    }
}
