package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.policy.Addresses;
import dev.caisson.trap.policy.Subject;
import java.util.Map;

/**
 * Messages of sockets in the strict tier, and accept(2). What UNIX sockets carry besides bytes (descriptors, and who sent them) is known to the
 * kernel only while the caller itself is calling; there, and with flags and control messages that are not known here, the call goes on.
 */
public final class MessageCalls {
    private static final int MSGHDR_SIZE = 56;
    private static final int HEADER = GuestCall.TEXT;
    private static final int SENDING = Message.MSG_DONTROUTE
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

    /** A descriptor of ours for a socket whose messages are moved here; PROCEED for another, or a negative errno. */
    private static long socket(GuestCall c, boolean sends, boolean hasControl) {
        long fd = c.takeDescriptor(c.intArg(0));
        if (fd < 0) {
            return fd;
        }
        FileKind kind = FileKind.of(c, fd, false);
        if (kind == FileKind.INTERNET || (kind == FileKind.LOCAL && !sends && !hasControl)) {
            return fd;
        }
        c.close(fd);
        return kind == FileKind.LOCAL ? GuestCall.PROCEED : -Errno.ENOTSOCK.number();
    }

    private static long recvfrom(GuestCall c) {
        int flags = c.intArg(3);
        if ((flags & ~RECEIVING) != 0) {
            return GuestCall.PROCEED;
        }
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
        long fd = socket(c, false, false);
        Message.Places places = new Message.Places(c.arg(4), Math.min(room, Message.NAME_SIZE), c.arg(5), 0, 0, 0);
        return fd < 0 ? fd : Message.received(fd, pieces, flags, places).run(c);
    }

    private static long recvmsg(GuestCall c) {
        int flags = c.intArg(2);
        if ((flags & ~RECEIVING) != 0) {
            return GuestCall.PROCEED;
        }
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
        long fd = socket(c, false, control != 0 && controlRoom != 0);
        return fd < 0
                ? fd
                : Message.received(
                                fd,
                                pieces,
                                flags,
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
        int flags = c.intArg(3);
        if ((flags & ~SENDING) != 0) {
            return GuestCall.PROCEED;
        }
        Pieces pieces = Pieces.one(c.arg(1), c.arg(2));
        return pieces == null ? EFAULT : send(c, pieces, flags, c.arg(4), c.arg(4) == 0 ? 0 : c.intArg(5));
    }

    /** sendmsg(2). */
    public static long sendmsg(GuestCall c) {
        int flags = c.intArg(2);
        if ((flags & ~SENDING) != 0) {
            return GuestCall.PROCEED;
        }
        if (c.read(c.arg(1), HEADER, MSGHDR_SIZE) != 0) {
            return EFAULT;
        }
        long name = c.memory().getLong(HEADER);
        int nameLength = name == 0 ? 0 : c.memory().getInt(HEADER + 8);
        boolean hasControl = c.memory().getLong(HEADER + 40) != 0;
        long[] error = {0};
        Pieces pieces = pieces(c, error);
        if (pieces == null) {
            return error[0];
        }
        return hasControl ? GuestCall.PROCEED : send(c, pieces, flags, name, nameLength);
    }

    /** The address is read here, once: what the policy sees is what is sent to. */
    private static long send(GuestCall c, Pieces pieces, int flags, long address, int length) {
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
        return fd < 0 ? fd : Message.sent(fd, pieces, flags, name).run(c);
    }
}
