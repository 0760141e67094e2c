package dev.caisson.linux;

/** A counter in the kernel that threads and the kernel itself can raise and epoll can wait for (eventfd(2)). Non-blocking. */
public final class EventFd implements AutoCloseable {
    private final Fd fd;

    private EventFd(Fd fd) {
        this.fd = fd;
    }

    /** Creates one with the counter at 0. */
    public static EventFd open(String name) throws ErrnoException {
        // NATIVE: int eventfd(unsigned int initval, int flags), sys/eventfd.h.
        return new EventFd(Fd.of(Libc.call(Sys.eventfd2, 0, Abi.EFD_CLOEXEC | Abi.EFD_NONBLOCK), "eventfd", name));
    }

    /** The descriptor, still owned by this object. */
    public Fd fd() {
        return fd;
    }

    /** Adds one to the counter. Any thread. */
    public void signal() throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long one = scratch.zeroed(Long.BYTES);
            scratch.putLong(one, 1);
            long result = Libc.retrying(Sys.write, fd.number(), one, Long.BYTES, 0);
            // EAGAIN: the counter is at its maximum, so the reader will wake up in any case.
            if (Libc.errno(result) != Errno.EAGAIN) {
                Libc.check(result, "write", fd.name());
            }
        }
    }

    /** Takes the counter's value and sets it to 0; 0 if it was 0. Never waits. */
    public long take() throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long value = scratch.zeroed(Long.BYTES);
            long result = Libc.retrying(Sys.read, fd.number(), value, Long.BYTES, 0);
            if (Libc.errno(result) == Errno.EAGAIN) {
                return 0;
            }
            Libc.check(result, "read", fd.name());
            return scratch.getLong(value);
        }
    }

    @Override
    public void close() {
        fd.close();
    }
}
