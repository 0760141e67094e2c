package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;

/**
 * A pipe that does not know RWF_NOWAIT (named ones never do, others not before Linux 6.4; preadv2(2) then says EOPNOTSUPP), opened once more for
 * ourselves: an open file of our own can be non-blocking while the caller's, whose flags all that share it see, is not.
 */
final class OpenedAnew {
    private static final int STAT_MODE = 24;
    private static final int S_IFMT = 0xf000;
    private static final int S_IFIFO = 0x1000;
    private static final int O_WRONLY = 1;
    private static final int O_NONBLOCK_CLOEXEC = 0x80800;
    private static final int NONE = -1;

    private long fd = NONE;

    /** Whether there is one. */
    boolean isThere() {
        return fd >= 0;
    }

    /** It, or the one that it was opened from. */
    long or(long original) {
        return isThere() ? fd : original;
    }

    /**
     * Opens it, as the caller.
     *
     * @return 0, or a negative errno: EPIPE where nobody has a named pipe's other end open, EACCES where it was given the pipe by another user, EEXIST
     *     where it is opened already, EOPNOTSUPP where it is no pipe
     */
    long open(GuestCall c, long original, boolean isOutwards) {
        if (isThere()) {
            return -Errno.EEXIST.number();
        }
        if (c.kernel().call(Nr.fstat, original, c.memory().address(GuestCall.TEXT)) != 0
                || (c.memory().getInt(GuestCall.TEXT + STAT_MODE) & S_IFMT) != S_IFIFO) {
            return -Errno.EOPNOTSUPP.number();
        }
        c.becomeCaller();
        c.putPath(GuestCall.TEXT, "self/fd/" + original);
        fd = c.kernel()
                .call(
                        Nr.openat,
                        c.hostProc(),
                        c.memory().address(GuestCall.TEXT),
                        O_NONBLOCK_CLOEXEC | (isOutwards ? O_WRONLY : 0));
        return isThere() ? 0 : fd == -Errno.ENXIO.number() ? -Errno.EPIPE.number() : fd;
    }

    void close(KernelCalls kernel) {
        if (isThere()) {
            kernel.call(Nr.close, fd);
            fd = NONE;
        }
    }
}
