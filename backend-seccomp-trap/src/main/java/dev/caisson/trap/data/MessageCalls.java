package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.policy.Addresses;
import dev.caisson.trap.policy.Subject;
import java.util.Map;

/**
 * Messages of sockets in the strict tier, and accept(2). What UNIX sockets carry besides bytes (descriptors, and who sent them) is known to the
 * kernel only while the caller itself is calling; there the call goes on. Of INET and INET6 sockets everything that is sent was read here once.
 */
public final class MessageCalls {
    private static final int MSGHDR_SIZE = 56;
    private static final int HEADER = GuestCall.TEXT;
    private static final int MMSGHDR_SIZE = 64;
    private static final int MSG_ZEROCOPY = 0x400_0000;
    private static final int MSG_FASTOPEN = 0x2000_0000;
    private static final int SO_ZEROCOPY = 60;
    private static final int SENDING = Message.MSG_OOB
            | Message.MSG_DONTROUTE
            | Message.MSG_DONTWAIT
            | Message.MSG_EOR
            | Message.MSG_CONFIRM
            | Message.MSG_NOSIGNAL
            | Message.MSG_MORE;
    private static final int RECEIVING = Message.MSG_PEEK
            | Message.MSG_TRUNC
            | Message.MSG_DONTWAIT
            | Message.MSG_NOSIGNAL
            | Message.MSG_CMSG_CLOEXEC;
    /** Of INET and INET6 sockets besides. */
    private static final int INTERNET_RECEIVING =
            RECEIVING | Message.MSG_OOB | Message.MSG_WAITALL | Message.MSG_ERRQUEUE;

    private static final long EINVAL = -Errno.EINVAL.number();
    private static final long EFAULT = -Errno.EFAULT.number();
    private static final long EMSGSIZE = -Errno.EMSGSIZE.number();

    private MessageCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> h) {
        h.put("accept", c -> Accept.run(c, 0));
        h.put("accept4", c -> Accept.run(c, c.intArg(3)));
        h.put("recvfrom", MessageCalls::recvfrom);
        h.put("recvmsg", MessageCalls::recvmsg);
    }

    /**
     * A descriptor of ours for a socket whose messages are moved here; PROCEED for another, or a negative errno.
     *
     * @param isCallers of a UNIX socket this is the caller's own business
     */
    private static long socket(GuestCall c, boolean sends, boolean isCallers) {
        long fd = c.takeDescriptor(c.intArg(0));
        if (fd < 0) {
            return fd;
        }
        FileKind kind = FileKind.of(c, fd, false);
        if (kind == FileKind.INTERNET || (kind == FileKind.LOCAL && !sends && !isCallers)) {
            return fd;
        }
        c.close(fd);
        return kind == FileKind.LOCAL ? GuestCall.PROCEED : -Errno.ENOTSOCK.number();
    }

    private static long recvfrom(GuestCall c) {
        int flags = c.intArg(3);
        Pieces pieces = Pieces.one(c.arg(1), c.arg(2));
        if (pieces == null) {
            return EFAULT;
        }
        int room = 0;
        if (c.arg(4) != 0) {
            long read = c.read(c.arg(5), HEADER, 4);
            room = c.memory().getInt(HEADER);
            if (read < 0 || room < 0) {
                return read < 0 ? read : EINVAL;
            }
        }
        long fd = socket(c, false, (flags & ~RECEIVING) != 0);
        Message.Places places = new Message.Places(c.arg(4), Math.min(room, Message.NAME_SIZE), c.arg(5), 0, 0, 0);
        return fd < 0
                ? fd
                : Message.received(fd, pieces, flags & INTERNET_RECEIVING, places)
                        .run(c);
    }

    private static long recvmsg(GuestCall c) {
        int flags = c.intArg(2);
        long header = c.arg(1);
        if (c.read(header, HEADER, MSGHDR_SIZE) != 0) {
            return EFAULT;
        }
        long name = c.memory().getLong(HEADER);
        int room = c.memory().getInt(HEADER + 8);
        long control = c.memory().getLong(HEADER + 32);
        long controlRoom = c.memory().getLong(HEADER + 40);
        long[] error = {0};
        if (room < 0) {
            return EINVAL;
        }
        Pieces pieces = pieces(c, error);
        if (pieces == null) {
            return error[0];
        }
        if (controlRoom < 0) {
            return GuestCall.PROCEED;
        }
        long fd = socket(c, false, (flags & ~RECEIVING) != 0 || (control != 0 && controlRoom != 0));
        return fd < 0
                ? fd
                : Message.received(
                                fd,
                                pieces,
                                flags & INTERNET_RECEIVING,
                                new Message.Places(
                                        name,
                                        Math.min(room, Message.NAME_SIZE),
                                        header + 8,
                                        control,
                                        control == 0 ? 0 : controlRoom,
                                        header))
                        .run(c);
    }

    /** Of the struct msghdr that was read. */
    private static @org.jspecify.annotations.Nullable Pieces pieces(GuestCall c, long[] error) {
        long count = c.memory().getLong(HEADER + 24);
        if (count < 0 || count > GuestCall.PIECES_MAX) {
            error[0] = EMSGSIZE;
            return null;
        }
        return Pieces.many(c, c.memory().getLong(HEADER + 16), count, error);
    }

    /** sendto(2). */
    public static long sendto(GuestCall c) {
        Pieces pieces = Pieces.one(c.arg(1), c.arg(2));
        return pieces == null
                ? EFAULT
                : send(c, pieces, c.intArg(3), c.arg(4), c.arg(4) == 0 ? 0 : c.intArg(5), new byte[0], 0);
    }

    /** sendmsg(2). */
    public static long sendmsg(GuestCall c) {
        return sendmsg(c, c.arg(1), c.intArg(2), 0);
    }

    /** sendmmsg(2): what cannot be sent at once after the first is not sent, which is told by the result. */
    public static long sendmmsg(GuestCall c) {
        long fd = socket(c, true, false);
        if (fd < 0) {
            return fd;
        }
        boolean isStream = Message.isStream(c, fd);
        c.close(fd);
        if (isStream) {
            return GuestCall.PROCEED;
        }
        long count = Math.min(c.arg(2) & 0xffff_ffffL, GuestCall.PIECES_MAX);
        for (long i = 0; i < count; i++) {
            long header = c.arg(1) + i * MMSGHDR_SIZE;
            int flags = i == 0 ? c.intArg(3) : c.intArg(3) | Message.MSG_DONTWAIT;
            long result = sendmsg(c, header, flags, header + MSGHDR_SIZE);
            if (result != 1) {
                return i == 0 ? result : i;
            }
        }
        return count;
    }

    private static long sendmsg(GuestCall c, long header, int flags, long lengthPlace) {
        if (c.read(header, HEADER, MSGHDR_SIZE) != 0) {
            return EFAULT;
        }
        long name = c.memory().getLong(HEADER);
        int nameLength = name == 0 ? 0 : c.memory().getInt(HEADER + 8);
        long control = c.memory().getLong(HEADER + 32);
        long controlLength = c.memory().getLong(HEADER + 40);
        long[] error = {0};
        Pieces pieces = pieces(c, error);
        if (pieces == null) {
            return error[0];
        }
        if (controlLength < 0 || controlLength > Message.CONTROL_SIZE) {
            return -Errno.ENOBUFS.number();
        }
        if (c.read(control, HEADER, (int) controlLength) != 0) {
            return EFAULT;
        }
        byte[] read = c.memory().getBytes(HEADER, (int) controlLength);
        return send(c, pieces, flags, name, nameLength, read, lengthPlace);
    }

    /** The address is read here, once: what the policy sees is what is sent to. */
    private static long send(
            GuestCall c, Pieces pieces, int flags, long address, int length, byte[] control, long lengthPlace) {
        if (length < 0) {
            return EINVAL;
        }
        int size = Math.min(length, Message.NAME_SIZE);
        if (size > 0 && c.read(address, HEADER, size) != 0) {
            return EFAULT;
        }
        byte[] name = c.memory().getBytes(HEADER, size);
        if (c.isExamined() && size > 0 && !c.may(Subject.CONNECT, Addresses.text(name))) {
            return -Errno.EACCES.number();
        }
        long fd = socket(c, true, false);
        if (fd < 0) {
            return fd;
        }
        int refused = refused(c, fd, flags, control);
        if (refused != 0) {
            c.close(fd);
            return -refused;
        }
        return Message.sent(fd, pieces, flags & SENDING, name, control, lengthPlace)
                .run(c);
    }

    /** What the kernel would do of a caller's message and is not done for it from here; an errno, or 0. */
    private static int refused(GuestCall c, long fd, int flags, byte[] control) {
        if ((flags & MSG_FASTOPEN) != 0) {
            return Errno.EOPNOTSUPP.number();
        }
        // Says that there is no room to keep pages pinned: programs copy then.
        if ((flags & MSG_ZEROCOPY) != 0 && FileKind.option(c, fd, SO_ZEROCOPY) == 1) {
            return Errno.ENOBUFS.number();
        }
        return ControlMessages.areKnown(control) ? 0 : Errno.EINVAL.number();
    }
}
