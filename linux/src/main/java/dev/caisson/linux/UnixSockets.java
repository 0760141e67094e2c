package dev.caisson.linux;

import org.jspecify.annotations.Nullable;

/** Hands a descriptor to a program that listens on a unix stream socket: console sockets, seccomp agents, pidfd sockets. */
public final class UnixSockets {
    /** sun_path without its NUL. */
    private static final int PATH_LIMIT = Abi.SOCKADDR_UN_SIZE - Abi.SOCKADDR_UN_PATH - 1;

    private static final int SEND_TIMEOUT_SECONDS = 10;

    private UnixSockets() {}

    /**
     * Connects, sends the bytes with one descriptor attached to the first of them, and closes the connection. A peer that
     * does not accept or read ends in EAGAIN after 10 s.
     *
     * @param path of a listening socket; one that is longer than sockaddr_un's 107 bytes is reached through its directory
     * @param payload at least one byte, for stream sockets carry no descriptor without data
     * @param sent the descriptor; the caller keeps its own copy
     */
    public static void sendDescriptor(String path, byte[] payload, Fd sent) throws ErrnoException {
        if (payload.length == 0) {
            throw new IllegalArgumentException("a descriptor needs at least one byte to travel with");
        }
        try (Fd socket = connect(path)) {
            send(socket, payload, sent);
        }
    }

    /**
     * Sends the bytes over a blocking connection, with a descriptor attached to the first of them.
     *
     * @param sent null for none; the caller keeps its own copy
     */
    public static void send(Fd socket, byte[] payload, @Nullable Fd sent) throws ErrnoException {
        int done = send(socket, payload, 0, sent);
        // The descriptor has gone with the first part; what a full buffer left over follows as plain bytes.
        while (done < payload.length) {
            done += send(socket, payload, done, null);
        }
    }

    /**
     * What came over a connection.
     *
     * @param bytes none at its end
     * @param descriptor that came with them, the receiver's own now; null for none
     */
    public record Received(byte[] bytes, @Nullable Fd descriptor) {}

    /** Receives what is there, or waits for it; of several descriptors the kernel keeps the first one and closes the others. */
    public static Received receive(Fd socket, int limit) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long room = scratch.zeroed(limit);
            long iov = scratch.zeroed(Abi.IOVEC_SIZE);
            scratch.putLong(iov, room);
            scratch.putLong(iov + Abi.IOVEC_LEN, limit);
            long control = scratch.zeroed(Abi.CMSG_SPACE_INT);
            long message = scratch.zeroed(Abi.MSGHDR_SIZE);
            scratch.putLong(message + Abi.MSGHDR_IOV, iov);
            scratch.putLong(message + Abi.MSGHDR_IOVLEN, 1);
            scratch.putLong(message + Abi.MSGHDR_CONTROL, control);
            scratch.putLong(message + Abi.MSGHDR_CONTROLLEN, Abi.CMSG_LEN_INT);
            // NATIVE: ssize_t recvmsg(int fd, struct msghdr *msg, int flags), sys/socket.h. All parts live for the
            // call.
            long got = Libc.check(
                    Libc.retrying(Sys.recvmsg, socket.number(), message, Abi.MSG_CMSG_CLOEXEC, 0),
                    "recvmsg",
                    socket.name());
            boolean attached = scratch.getLong(message + Abi.MSGHDR_CONTROLLEN) >= Abi.CMSG_LEN_INT
                    && scratch.getInt(control + Abi.CMSG_LEVEL) == Abi.SOL_SOCKET
                    && scratch.getInt(control + Abi.CMSG_TYPE) == Abi.SCM_RIGHTS;
            return new Received(
                    scratch.getBytes(room, (int) got),
                    attached
                            ? Fd.adopt(scratch.getInt(control + Abi.CMSG_DATA), "received by " + socket.name())
                            : null);
        }
    }

    /** Has receiving from a blocking connection end in EAGAIN after some time. */
    public static void limitReceiving(Fd socket, int seconds) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long timeout = scratch.zeroed(Abi.TIMEVAL_SIZE);
            scratch.putLong(timeout, seconds);
            // NATIVE: int setsockopt(int fd, int level, int name, const void *value, socklen_t length), sys/socket.h.
            long set = Libc.call(
                    Sys.setsockopt, socket.number(), Abi.SOL_SOCKET, Abi.SO_RCVTIMEO, timeout, Abi.TIMEVAL_SIZE, 0);
            Libc.check(set, "setsockopt SO_RCVTIMEO", socket.name());
        }
    }

    /**
     * Listens at a path where nothing is yet; the descriptor does not block.
     *
     * @param path of at most 107 bytes; its mode follows the process's umask
     */
    public static Fd listen(String path, int backlog) throws ErrnoException {
        byte[] encoded = PathBytes.encode(path);
        if (encoded.length > PATH_LIMIT) {
            throw new ErrnoException(Errno.ENAMETOOLONG, "bind", path);
        }
        // NATIVE: int socket(int domain, int type, int protocol), sys/socket.h.
        Fd socket = Fd.of(
                Libc.call(Sys.socket, Abi.AF_UNIX, Abi.SOCK_STREAM | Abi.SOCK_CLOEXEC | Abi.SOCK_NONBLOCK, 0),
                "socket",
                path);
        try (Scratch scratch = new Scratch()) {
            long name = address(scratch, encoded);
            // NATIVE: int bind(int fd, const struct sockaddr *addr, socklen_t length), sys/socket.h.
            Libc.check(Libc.call(Sys.bind, socket.number(), name, Abi.SOCKADDR_UN_SIZE), "bind", path);
            // NATIVE: int listen(int fd, int backlog), sys/socket.h.
            Libc.check(Libc.call(Sys.listen, socket.number(), backlog), "listen", path);
            return socket;
        } catch (ErrnoException e) {
            socket.close();
            throw e;
        }
    }

    /** The next connection, which does not block either; null when nobody waits, or whoever waited has left again. */
    public static @Nullable Fd accept(Fd listener) throws ErrnoException {
        // NATIVE: int accept4(int fd, struct sockaddr *addr, socklen_t *length, int flags), sys/socket.h.
        long result = Libc.retrying(Sys.accept4, listener.number(), 0, 0, Abi.SOCK_CLOEXEC | Abi.SOCK_NONBLOCK);
        Errno errno = Libc.errno(result);
        return errno == Errno.EAGAIN || errno == Errno.ECONNABORTED ? null : Fd.of(result, "accept4", listener.name());
    }

    /** As {@link #accept}, but the connection blocks, for so long. */
    public static @Nullable Fd acceptBlocking(Fd listener, int seconds) throws ErrnoException {
        long result = Libc.retrying(Sys.accept4, listener.number(), 0, 0, Abi.SOCK_CLOEXEC);
        Errno errno = Libc.errno(result);
        if (errno == Errno.EAGAIN || errno == Errno.ECONNABORTED) {
            return null;
        }
        Fd connection = Fd.of(result, "accept4", listener.name());
        try {
            limitReceiving(connection, seconds);
            return connection;
        } catch (ErrnoException e) {
            connection.close();
            throw e;
        }
    }

    /** Ends a connection in both directions; who waits for it sees its end. Any thread that knows the descriptor to be open. */
    public static void shutdown(Fd socket) {
        // NATIVE: int shutdown(int fd, int how), sys/socket.h. ENOTCONN: the peer was faster.
        Libc.call(Sys.shutdown, socket.number(), Abi.SHUT_RDWR);
    }

    /**
     * Sends two pieces of bytes in a row, as many as fit, without waiting.
     *
     * @return how many bytes were taken; 0 when the socket is full
     */
    public static int trySend(Fd socket, byte[] first, byte[] second) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long iov = scratch.zeroed(2 * Abi.IOVEC_SIZE);
            scratch.putLong(iov, scratch.bytes(first, 0, first.length));
            scratch.putLong(iov + Abi.IOVEC_LEN, first.length);
            scratch.putLong(iov + Abi.IOVEC_SIZE, scratch.bytes(second, 0, second.length));
            scratch.putLong(iov + Abi.IOVEC_SIZE + Abi.IOVEC_LEN, second.length);
            long message = scratch.zeroed(Abi.MSGHDR_SIZE);
            scratch.putLong(message + Abi.MSGHDR_IOV, iov);
            scratch.putLong(message + Abi.MSGHDR_IOVLEN, second.length == 0 ? 1 : 2);
            // NATIVE: ssize_t sendmsg(int fd, const struct msghdr *msg, int flags), sys/socket.h. All parts live for
            // the
            // call.
            long result = Libc.retrying(Sys.sendmsg, socket.number(), message, Abi.MSG_NOSIGNAL | Abi.MSG_DONTWAIT, 0);
            return result == -Errno.EAGAIN.number() ? 0 : (int) Libc.check(result, "sendmsg", socket.name());
        }
    }

    private static int send(Fd socket, byte[] payload, int from, @Nullable Fd sent) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            int length = payload.length - from;
            long iov = scratch.zeroed(Abi.IOVEC_SIZE);
            scratch.putLong(iov, scratch.bytes(payload, from, length));
            scratch.putLong(iov + Abi.IOVEC_LEN, length);
            long message = scratch.zeroed(Abi.MSGHDR_SIZE);
            scratch.putLong(message + Abi.MSGHDR_IOV, iov);
            scratch.putLong(message + Abi.MSGHDR_IOVLEN, 1);
            if (sent != null) {
                long control = scratch.zeroed(Abi.CMSG_SPACE_INT);
                scratch.putLong(control, Abi.CMSG_LEN_INT);
                scratch.putInt(control + Abi.CMSG_LEVEL, Abi.SOL_SOCKET);
                scratch.putInt(control + Abi.CMSG_TYPE, Abi.SCM_RIGHTS);
                scratch.putInt(control + Abi.CMSG_DATA, sent.number());
                scratch.putLong(message + Abi.MSGHDR_CONTROL, control);
                scratch.putLong(message + Abi.MSGHDR_CONTROLLEN, Abi.CMSG_SPACE_INT);
            }
            // NATIVE: ssize_t sendmsg(int fd, const struct msghdr *msg, int flags), sys/socket.h. All parts live for
            // the
            // call. MSG_NOSIGNAL: a peer that closed early is EPIPE, not a signal.
            long result = Libc.retrying(Sys.sendmsg, socket.number(), message, Abi.MSG_NOSIGNAL, 0);
            return (int) Libc.check(result, "sendmsg", socket.name());
        }
    }

    private static long address(Scratch scratch, byte[] path) {
        long address = scratch.zeroed(Abi.SOCKADDR_UN_SIZE);
        scratch.putShort(address, Abi.AF_UNIX);
        scratch.putBytes(address + Abi.SOCKADDR_UN_PATH, path);
        return address;
    }

    /**
     * A blocking connection to a unix stream socket, on which a send gives up after 10 s with EAGAIN.
     *
     * @param path of a listening socket; one that is longer than sockaddr_un's 107 bytes is reached through its directory
     */
    public static Fd connect(String path) throws ErrnoException {
        if (PathBytes.encode(path).length <= PATH_LIMIT) {
            return connectShort(path, path);
        }
        int slash = path.lastIndexOf('/');
        String parent = slash < 0 ? "." : slash == 0 ? "/" : path.substring(0, slash);
        try (Fd directory = HostFiles.open(parent, HostFiles.O_PATH | HostFiles.O_DIRECTORY, 0)) {
            return connectShort(directory.procPath() + "/" + path.substring(slash + 1), path);
        }
    }

    /**
     * A connection that does not block, made without waiting; null when nobody listens at the path, or the listener has as many waiting as it
     * takes.
     *
     * @param path of at most 107 bytes
     */
    public static @Nullable Fd tryConnect(String path) throws ErrnoException {
        byte[] encoded = PathBytes.encode(path);
        if (encoded.length > PATH_LIMIT) {
            throw new ErrnoException(Errno.ENAMETOOLONG, "connect", path);
        }
        // NATIVE: int socket(int domain, int type, int protocol), sys/socket.h.
        Fd socket = Fd.of(
                Libc.call(Sys.socket, Abi.AF_UNIX, Abi.SOCK_STREAM | Abi.SOCK_CLOEXEC | Abi.SOCK_NONBLOCK, 0),
                "socket",
                path);
        try (Scratch scratch = new Scratch()) {
            long name = address(scratch, encoded);
            // NATIVE: int connect(int fd, const struct sockaddr *addr, socklen_t length), sys/socket.h. A unix socket
            // is
            // connected at once or not at all.
            long result = Libc.retrying(Sys.connect, socket.number(), name, Abi.SOCKADDR_UN_SIZE, 0);
            Errno errno = Libc.errno(result);
            if (errno.ok()) {
                return socket;
            }
            socket.close();
            if (errno == Errno.ENOENT || errno == Errno.ECONNREFUSED || errno == Errno.EAGAIN) {
                return null;
            }
            throw new ErrnoException(errno, "connect", path);
        }
    }

    private static Fd connectShort(String address, String subject) throws ErrnoException {
        byte[] encoded = PathBytes.encode(address);
        if (encoded.length > PATH_LIMIT) {
            throw new ErrnoException(Errno.ENAMETOOLONG, "connect", subject);
        }
        // NATIVE: int socket(int domain, int type, int protocol), sys/socket.h.
        Fd socket = Fd.of(Libc.call(Sys.socket, Abi.AF_UNIX, Abi.SOCK_STREAM | Abi.SOCK_CLOEXEC, 0), "socket", subject);
        try (Scratch scratch = new Scratch()) {
            long timeout = scratch.zeroed(Abi.TIMEVAL_SIZE);
            scratch.putLong(timeout, SEND_TIMEOUT_SECONDS);
            // NATIVE: int setsockopt(int fd, int level, int name, const void *value, socklen_t length), sys/socket.h.
            // The
            // send time-out also bounds connect(2) while the listener's backlog is full.
            long set = Libc.call(
                    Sys.setsockopt, socket.number(), Abi.SOL_SOCKET, Abi.SO_SNDTIMEO, timeout, Abi.TIMEVAL_SIZE, 0);
            Libc.check(set, "setsockopt SO_SNDTIMEO", subject);
            long name = address(scratch, encoded);
            // NATIVE: int connect(int fd, const struct sockaddr *addr, socklen_t length), sys/socket.h.
            long result = Libc.retrying(Sys.connect, socket.number(), name, Abi.SOCKADDR_UN_SIZE, 0);
            Libc.check(result, "connect", subject);
            return socket;
        } catch (ErrnoException e) {
            socket.close();
            throw e;
        }
    }
}
