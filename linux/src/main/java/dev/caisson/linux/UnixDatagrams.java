package dev.caisson.linux;

import java.time.Duration;

/** Messages over unix datagram sockets, as service managers get them: sd_notify(3). Any thread. */
public final class UnixDatagrams {
    private UnixDatagrams() {}

    /**
     * A socket at a path where nothing is yet; its mode follows the process's umask.
     *
     * @param patience how long {@link #receive} waits
     */
    public static Fd bind(String path, Duration patience) throws ErrnoException {
        int slash = path.lastIndexOf('/');
        String parent = slash < 0 ? "." : slash == 0 ? "/" : path.substring(0, slash);
        Fd socket = socket(path);
        // Through its directory: sockaddr_un has room for 107 bytes.
        try (Fd directory = HostFiles.open(parent, HostFiles.O_PATH | HostFiles.O_DIRECTORY, 0);
                Scratch scratch = new Scratch()) {
            long timeout = scratch.zeroed(Abi.TIMEVAL_SIZE);
            scratch.putLong(timeout, patience.toSeconds());
            scratch.putLong(timeout + 8, patience.toNanosPart() / 1000);
            // NATIVE: int setsockopt(int fd, int level, int name, const void *value, socklen_t length), sys/socket.h.
            Libc.check(
                    Libc.call(
                            Sys.setsockopt,
                            socket.number(),
                            Abi.SOL_SOCKET,
                            Abi.SO_RCVTIMEO,
                            timeout,
                            Abi.TIMEVAL_SIZE,
                            0),
                    "setsockopt SO_RCVTIMEO",
                    path);
            long name = address(scratch, directory.procPath() + path.substring(slash), path);
            // NATIVE: int bind(int fd, const struct sockaddr *addr, socklen_t length), sys/socket.h.
            Libc.check(Libc.call(Sys.bind, socket.number(), name, Abi.SOCKADDR_UN_SIZE), "bind", path);
            return socket;
        } catch (ErrnoException e) {
            socket.close();
            throw e;
        }
    }

    /** The next message, cut to {@code limit} bytes; an empty one when the socket's patience is over. */
    public static byte[] receive(Fd socket, int limit) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long room = scratch.zeroed(limit);
            // NATIVE: ssize_t recvfrom(int fd, void *to, size_t n, int flags, NULL, NULL), sys/socket.h.
            long result = Libc.call(Sys.recvfrom, socket.number(), room, limit, 0, 0, 0);
            Errno errno = Libc.errno(result);
            if (errno == Errno.EAGAIN || errno == Errno.EINTR) {
                return new byte[0];
            }
            return scratch.getBytes(room, (int) Libc.check(result, "recvfrom", socket.name()));
        }
    }

    /** Sends one message to a socket, whose name in the abstract namespace begins with {@code @}. */
    public static void send(String path, byte[] message) throws ErrnoException {
        try (Fd socket = socket(path);
                Scratch scratch = new Scratch()) {
            long name = address(scratch, path, path);
            int length = Abi.SOCKADDR_UN_SIZE;
            if (path.startsWith("@")) {
                scratch.putBytes(name + Abi.SOCKADDR_UN_PATH, new byte[1]);
                length = Abi.SOCKADDR_UN_PATH + PathBytes.encode(path).length;
            }
            long bytes = scratch.bytes(message, 0, message.length);
            // NATIVE: ssize_t sendto(int fd, const void *from, size_t n, int flags, const struct sockaddr *to,
            // socklen_t length), sys/socket.h.
            long result = Libc.call(
                    Sys.sendto,
                    socket.number(),
                    bytes,
                    message.length,
                    Abi.MSG_NOSIGNAL | Abi.MSG_DONTWAIT,
                    name,
                    length);
            Libc.check(result, "sendto", path);
        }
    }

    private static Fd socket(String subject) throws ErrnoException {
        // NATIVE: int socket(int domain, int type, int protocol), sys/socket.h.
        return Fd.of(Libc.call(Sys.socket, Abi.AF_UNIX, Abi.SOCK_DGRAM | Abi.SOCK_CLOEXEC, 0), "socket", subject);
    }

    private static long address(Scratch scratch, String path, String subject) throws ErrnoException {
        byte[] encoded = PathBytes.encode(path);
        if (encoded.length >= Abi.SOCKADDR_UN_SIZE - Abi.SOCKADDR_UN_PATH) {
            throw new ErrnoException(Errno.ENAMETOOLONG, "address", subject);
        }
        long address = scratch.zeroed(Abi.SOCKADDR_UN_SIZE);
        scratch.putShort(address, Abi.AF_UNIX);
        scratch.putBytes(address + Abi.SOCKADDR_UN_PATH, encoded);
        return address;
    }
}
