package dev.caisson.trap.vfs;

import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.proc.ProcFiles;

/** Opening a fifo waits for its other end (fifo(7)): done on a thread of its own. */
final class FifoOpen {
    private static final int O_NOCTTY = 0x100;
    private static final int O_NONBLOCK = 0x800;
    private static final int F_SETFL = 4;
    private static final int POLLIN = 1;

    private FifoOpen() {}

    static Handler of(int directory, int path, int flags, int mode) {
        return c -> open(c, directory, path, flags, mode);
    }

    /**
     * For one that was opened for reading before it was known to be a fifo. Writers have seen a reader then, and must not lose it before this call has its own.
     *
     * @param opened without waiting; closed here
     */
    static Handler of(int directory, int path, int flags, int mode, long opened) {
        return c -> {
            if (hasHadWriter(c, opened)) {
                c.kernel().call(Nr.fcntl, opened, F_SETFL, flags & ~O_NONBLOCK);
                return c.answerDescriptor(opened, (flags & Names.O_CLOEXEC) != 0);
            }
            try {
                return open(c, directory, path, flags, mode);
            } finally {
                c.close(opened);
            }
        };
    }

    private static long open(GuestCall c, int directory, int path, int flags, int mode) {
        long fd = Names.named(
                c,
                directory,
                path,
                GuestCall.PATH,
                Names.Below.TARGET,
                (dir, name, empty) -> empty != 0
                        ? ProcFiles.reopen(c, dir, flags, 0)
                        : OpenCalls.openHere(c, dir, name, flags | O_NOCTTY, mode, 0));
        return c.answerDescriptor(fd, (flags & Names.O_CLOEXEC) != 0);
    }

    /** Whether one has come since, even if it has gone again. */
    private static boolean hasHadWriter(GuestCall c, long fd) {
        c.memory().putInt(GuestCall.DATA, (int) fd);
        c.memory().putInt(GuestCall.DATA + 4, POLLIN); // and POLLHUP, always
        return c.kernel().call(Nr.poll, c.memory().address(GuestCall.DATA), 1, 0) == 1;
    }
}
