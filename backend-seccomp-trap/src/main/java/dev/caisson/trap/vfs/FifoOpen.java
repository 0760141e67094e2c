package dev.caisson.trap.vfs;

import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.proc.ProcFiles;

/** Opening a fifo waits for its other end (fifo(7)): done on a thread of its own. */
final class FifoOpen {
    private static final int O_NOCTTY = 0x100;

    private FifoOpen() {}

    static Handler of(int directory, int path, int flags, int mode) {
        return c -> {
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
        };
    }
}
