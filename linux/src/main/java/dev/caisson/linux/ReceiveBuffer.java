package dev.caisson.linux;

/** Native memory that one thread receives into, again and again. Owned by that thread; freed on close. */
public final class ReceiveBuffer implements AutoCloseable {
    private final Scratch memory = new Scratch();
    private final long address;
    private final int size;

    /** @param size bytes that one call receives at most */
    public ReceiveBuffer(int size) {
        this.size = size;
        this.address = memory.zeroed(size);
    }

    /**
     * Receives from a socket that does not block.
     *
     * @return how many bytes there are now; 0 at the end of the connection, -1 when there is nothing yet
     */
    public int receive(Fd socket) throws ErrnoException {
        // NATIVE: ssize_t recv(int fd, void *buf, size_t n, int flags), sys/socket.h. The buffer is this object's.
        long got;
        do {
            got = Libc.call(Sys.recvfrom, socket.number(), address, size, 0, 0, 0);
        } while (got == -Abi.EINTR);
        return Libc.errno(got) == Errno.EAGAIN ? -1 : (int) Libc.check(got, "recv", socket.name());
    }

    /** Copies bytes that were received. */
    public byte[] bytes(int length) {
        return memory.getBytes(address, length);
    }

    @Override
    public void close() {
        memory.close();
    }
}
