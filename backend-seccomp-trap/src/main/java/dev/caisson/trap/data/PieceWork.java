package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.dispatch.WaitingCalls;

/** What moves pieces of a caller's memory through one descriptor, as far as waiting goes. */
abstract class PieceWork implements WaitingCalls.SingleWork {
    private static final int POLLIN = 1;
    private static final int POLLOUT = 4;
    private static final long EAGAIN = -Errno.EAGAIN.number();

    final long fd;
    final boolean isOutwards;
    final Pieces pieces;
    /** The descriptor once more, where that can do without waiting and the caller's cannot. */
    final OpenedAnew anew = new OpenedAnew();
    /** Long.MAX_VALUE: waits as long as it takes. */
    long deadline = Long.MAX_VALUE;

    /** @param fd a descriptor of ours, which this owns */
    PieceWork(long fd, boolean isOutwards, Pieces pieces) {
        this.fd = fd;
        this.isOutwards = isOutwards;
        this.pieces = pieces;
    }

    @Override
    public final long descriptor() {
        return fd;
    }

    @Override
    public final int events() {
        return isOutwards ? POLLOUT : POLLIN;
    }

    @Override
    public final long deadline() {
        return deadline;
    }

    @Override
    public final boolean isBegun() {
        return pieces.done() > 0;
    }

    @Override
    public final long interrupted(GuestCall c) {
        // With a time limit a call is not restarted (socket(7)).
        return isBegun() ? pieces.done() : deadline == Long.MAX_VALUE ? WaitingCalls.RESTART : -Errno.EINTR.number();
    }

    @Override
    public final long timedOut(GuestCall c) {
        return isBegun() ? pieces.done() : EAGAIN;
    }

    @Override
    public final void close(KernelCalls kernel) {
        anew.close(kernel);
        kernel.call(Nr.close, fd);
    }
}
