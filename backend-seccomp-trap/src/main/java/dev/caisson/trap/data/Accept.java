package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.dispatch.WaitingCalls;
import java.util.concurrent.locks.ReentrantLock;

/** accept(2) of a socket that may have to wait for somebody who connects. */
final class Accept implements WaitingCalls.SingleWork {
    private static final int F_GETFL = 3;
    private static final int O_NONBLOCK = 0x800;
    private static final int SOCK_NONBLOCK = 0x800;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int SO_RCVTIMEO = 20;
    private static final int SO_ACCEPTCONN = 30;
    private static final int POLLIN = 1;
    private static final int POLLED = GuestCall.TEXT;
    private static final int LENGTH = GuestCall.TEXT + 64;
    private static final int ROOM = GuestCall.TEXT + 96;
    private static final int NAME = GuestCall.TEXT + 128;

    /**
     * Nobody of this process takes a connection between the look whether there is one and the call that takes it, which would wait for the next
     * one: there is no way to ask accept(2) not to.
     */
    private static final ReentrantLock TAKING = new ReentrantLock();

    private final long fd;
    private final int flags;
    private final boolean mayWait;
    private final long deadline;

    private Accept(long fd, int flags, boolean mayWait, long deadline) {
        this.fd = fd;
        this.flags = flags;
        this.mayWait = mayWait;
        this.deadline = deadline;
    }

    /** accept4(2) with these flags. */
    static long run(GuestCall c, int flags) {
        if ((flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != 0) {
            return -Errno.EINVAL.number();
        }
        long fd = c.takeDescriptor(c.intArg(0));
        if (fd < 0) {
            return fd;
        }
        boolean mayWait = FileKind.option(c, fd, SO_ACCEPTCONN) == 1
                && (c.kernel().call(Nr.fcntl, fd, F_GETFL) & O_NONBLOCK) == 0;
        Accept accept =
                new Accept(fd, flags, mayWait, mayWait ? FileKind.deadline(c, fd, SO_RCVTIMEO) : Long.MAX_VALUE);
        long result = accept.attempt(c);
        if (result == WaitingCalls.NOT_YET) {
            return c.await(accept);
        }
        accept.close(c.kernel());
        return result;
    }

    @Override
    public long attempt(GuestCall c) {
        long taken;
        TAKING.lock();
        try {
            if (mayWait && !isReady(c)) {
                return WaitingCalls.NOT_YET;
            }
            c.memory().putInt(LENGTH, Message.NAME_SIZE);
            taken = c.kernel()
                    .call(Nr.accept4, fd, c.memory().address(NAME), c.memory().address(LENGTH), flags | SOCK_CLOEXEC);
        } finally {
            TAKING.unlock();
        }
        if (taken < 0) {
            return taken;
        }
        // The connection is gone when its name cannot be told, as on Linux.
        long told = c.arg(1) == 0 ? 0 : tell(c, c.memory().getInt(LENGTH));
        if (told < 0) {
            c.close(taken);
            return told;
        }
        return c.answerDescriptor(taken, (flags & SOCK_CLOEXEC) != 0);
    }

    private static long tell(GuestCall c, int length) {
        long read = c.read(c.arg(2), ROOM, 4);
        int room = c.memory().getInt(ROOM);
        if (read < 0 || room < 0) {
            return read < 0 ? read : -Errno.EINVAL.number();
        }
        return Math.min(
                c.write(c.arg(1), NAME, Math.min(Math.min(length, Message.NAME_SIZE), room)),
                c.write(c.arg(2), LENGTH, 4));
    }

    private boolean isReady(GuestCall c) {
        c.memory().putInt(POLLED, (int) fd);
        c.memory().putInt(POLLED + 4, POLLIN);
        return c.kernel().call(Nr.poll, c.memory().address(POLLED), 1, 0) != 0;
    }

    @Override
    public long descriptor() {
        return fd;
    }

    @Override
    public int events() {
        return POLLIN;
    }

    @Override
    public long deadline() {
        return deadline;
    }

    @Override
    public boolean isBegun() {
        return false;
    }

    @Override
    public long interrupted(GuestCall c) {
        return deadline == Long.MAX_VALUE ? WaitingCalls.RESTART : -Errno.EINTR.number();
    }

    @Override
    public long timedOut(GuestCall c) {
        return -Errno.EAGAIN.number();
    }

    @Override
    public void close(KernelCalls kernel) {
        kernel.call(Nr.close, fd);
    }
}
