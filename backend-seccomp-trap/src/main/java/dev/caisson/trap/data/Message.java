package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.dispatch.WaitingCalls;

/** One message that is sent or received (sendmsg(2), recvmsg(2)), with MSG_DONTWAIT and again when the socket is ready. */
final class Message extends PieceWork {
    static final int MSG_OOB = 1;
    static final int MSG_PEEK = 2;
    static final int MSG_DONTROUTE = 4;
    static final int MSG_TRUNC = 0x20;
    static final int MSG_DONTWAIT = 0x40;
    static final int MSG_EOR = 0x80;
    static final int MSG_WAITALL = 0x100;
    static final int MSG_CONFIRM = 0x800;
    static final int MSG_ERRQUEUE = 0x2000;
    static final int MSG_NOSIGNAL = 0x4000;
    static final int MSG_MORE = 0x8000;
    static final int MSG_CMSG_CLOEXEC = 0x4000_0000;

    /** Longest name of a socket (struct sockaddr_storage). */
    static final int NAME_SIZE = 128;

    private static final int OURS = GuestCall.TEXT;
    private static final int HEADER = GuestCall.TEXT + 64;
    private static final int HEADER_SIZE = 56;
    private static final int NAME = GuestCall.TEXT + 128;
    private static final int CONTROL = GuestCall.TEXT + 512;
    static final int CONTROL_SIZE = 3584;
    private static final int DATA = GuestCall.DATA;

    private static final int F_GETFL = 3;
    private static final int O_NONBLOCK = 0x800;
    private static final int SO_TYPE = 3;
    private static final int SOCK_STREAM = 1;
    private static final int SO_RCVTIMEO = 20;
    private static final int SO_SNDTIMEO = 21;
    private static final int NEVER_WAIT = MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE;
    private static final long EAGAIN = -Errno.EAGAIN.number();
    private static final long EFAULT = -Errno.EFAULT.number();

    private final int flags;
    private final Places places;
    private final byte[] name;
    private final byte[] control;
    /** Where the length of one of several messages is told, whose answer is that there was one; 0: it is the answer. */
    private final long lengthPlace;

    private boolean isStream;

    /**
     * Where a receiver wants to have what comes with a message; 0 for nowhere.
     *
     * @param name address for the sender's name
     * @param nameRoom how long that may be
     * @param nameLength address of an int that gets its length
     * @param control address for control messages
     * @param controlRoom how long they may be
     * @param header address of the struct msghdr that gets lengths and flags
     */
    record Places(long name, int nameRoom, long nameLength, long control, long controlRoom, long header) {
        static final Places NONE = new Places(0, 0, 0, 0, 0, 0);
    }

    private Message(
            long fd,
            boolean sends,
            Pieces pieces,
            int flags,
            Places places,
            byte[] name,
            byte[] control,
            long lengthPlace) {
        super(fd, sends, pieces);
        this.flags = flags;
        this.places = places;
        this.name = name;
        this.control = control;
        this.lengthPlace = lengthPlace;
    }

    /** @param fd a descriptor of ours, which the message owns */
    static Message received(long fd, Pieces pieces, int flags, Places places) {
        return new Message(fd, false, pieces, flags, places, new byte[0], new byte[0], 0);
    }

    /**
     * One to be sent.
     *
     * @param name where to, or no byte
     * @param control messages for the kernel, or no byte
     * @param lengthPlace where its length is told, if it is one of several; or 0
     */
    static Message sent(long fd, Pieces pieces, int flags, byte[] name, byte[] control, long lengthPlace) {
        return new Message(fd, true, pieces, flags, Places.NONE, name, control, lengthPlace);
    }

    /** Whether a socket, by a descriptor of ours, has no messages but bytes. */
    static boolean isStream(GuestCall c, long fd) {
        return FileKind.option(c, fd, SO_TYPE) == SOCK_STREAM;
    }

    /** Does it, or sees to it that it is done later. */
    long run(GuestCall c) {
        isStream = isStream(c, fd);
        if (isOutwards && !isStream && pieces.total() > GuestCall.DATA_SIZE) {
            close(c.kernel());
            return -Errno.EMSGSIZE.number();
        }
        long result = attempt(c);
        if (result == WaitingCalls.NOT_YET) {
            long fileFlags = c.kernel().call(Nr.fcntl, fd, F_GETFL);
            if ((fileFlags & O_NONBLOCK) != 0 || (flags & NEVER_WAIT) != 0) {
                result = isBegun() ? pieces.done() : EAGAIN;
            } else {
                deadline = FileKind.deadline(c, fd, isOutwards ? SO_SNDTIMEO : SO_RCVTIMEO);
                return c.await(this);
            }
        }
        close(c.kernel());
        return result;
    }

    @Override
    public long attempt(GuestCall c) {
        if (!isOutwards) {
            return isStream && (flags & (MSG_WAITALL | MSG_PEEK | MSG_TRUNC | NEVER_WAIT)) == MSG_WAITALL
                    ? receiveAll(c)
                    : receive(c);
        }
        long sent = send(c);
        if (lengthPlace == 0 || sent < 0) {
            return sent;
        }
        c.memory().putInt(OURS, (int) sent);
        return c.write(lengthPlace, OURS, 4) < 0 ? EFAULT : 1;
    }

    private void header(GuestCall c, int part, long nameLength, long controlLength) {
        c.memory().putLong(OURS, c.memory().address(DATA));
        c.memory().putLong(OURS + 8, part);
        c.memory().zero(HEADER, HEADER_SIZE);
        c.memory().putLong(HEADER, nameLength == 0 ? 0 : c.memory().address(NAME));
        c.memory().putInt(HEADER + 8, (int) nameLength);
        c.memory().putLong(HEADER + 16, c.memory().address(OURS));
        c.memory().putLong(HEADER + 24, 1);
        c.memory().putLong(HEADER + 32, controlLength == 0 ? 0 : c.memory().address(CONTROL));
        c.memory().putLong(HEADER + 40, controlLength);
    }

    private long send(GuestCall c) {
        do {
            int part = (int) Math.min(pieces.left(), GuestCall.DATA_SIZE);
            long taken = part == 0 ? 0 : pieces.gather(c, DATA, part);
            if (taken < 0 || (taken < part && !isStream)) {
                return isBegun() ? pieces.done() : EFAULT;
            }
            c.memory().putBytes(NAME, name);
            c.memory().putBytes(CONTROL, control);
            header(c, (int) taken, name.length, isBegun() ? 0 : control.length);
            long put = c.kernel().call(Nr.sendmsg, fd, c.memory().address(HEADER), flags | MSG_DONTWAIT | MSG_NOSIGNAL);
            if (put == EAGAIN) {
                return WaitingCalls.NOT_YET;
            }
            if (put == -Errno.EPIPE.number() && !isBegun() && (flags & MSG_NOSIGNAL) == 0) {
                return GuestCall.PROCEED; // the kernel says it again, and isOutwards the caller SIGPIPE
            }
            if (put < 0) {
                return isBegun() ? pieces.done() : put;
            }
            pieces.advance(put);
        } while (pieces.left() > 0 && isStream);
        return pieces.done();
    }

    /** A stream's, until all is there that was asked for, which may be several times. */
    private long receiveAll(GuestCall c) {
        do {
            if (pieces.wouldLose(c, fd)) {
                return isBegun() ? pieces.done() : EFAULT;
            }
            int part = (int) Math.min(pieces.left(), GuestCall.DATA_SIZE);
            header(c, part, 0, 0);
            long got =
                    c.kernel().call(Nr.recvmsg, fd, c.memory().address(HEADER), (flags & ~MSG_WAITALL) | MSG_DONTWAIT);
            if (got == EAGAIN) {
                return WaitingCalls.NOT_YET;
            }
            if (got <= 0) {
                return isBegun() ? pieces.done() : tell(c, got);
            }
            if (!isBegun() && places.header != 0) {
                var _ = tell(c, got); // what it says of the first is so of all: a stream names nobody
            }
            if (pieces.scatter(c, DATA, (int) got) != got) {
                return isBegun() ? pieces.done() : EFAULT;
            }
            pieces.advance(got);
        } while (pieces.left() > 0);
        return pieces.done();
    }

    private long receive(GuestCall c) {
        if (isStream && pieces.wouldLose(c, fd)) {
            return EFAULT;
        }
        int part = (int) Math.min(pieces.total(), GuestCall.DATA_SIZE);
        boolean named = places.name != 0;
        header(c, part, named ? NAME_SIZE : 0, Math.min(places.controlRoom, CONTROL_SIZE));
        long got = c.kernel().call(Nr.recvmsg, fd, c.memory().address(HEADER), flags | MSG_DONTWAIT);
        if (got == EAGAIN) {
            return WaitingCalls.NOT_YET;
        }
        if (got < 0) {
            return got;
        }
        int data = (int) Math.min(got, part);
        return data > 0 && pieces.scatter(c, DATA, data) != data ? EFAULT : tell(c, got);
    }

    /** Tells what came with a message; the result, or a negative errno. */
    private long tell(GuestCall c, long got) {
        if (got < 0) {
            return got;
        }
        boolean named = places.name != 0;
        int nameLength = named ? c.memory().getInt(HEADER + 8) : 0;
        long controlLength = c.memory().getLong(HEADER + 40);
        int told = c.memory().getInt(HEADER + 48);
        long failed = 0;
        if (named) {
            failed = Math.min(failed, c.write(places.name, NAME, Math.min(nameLength, places.nameRoom)));
            c.memory().putInt(OURS, nameLength);
            failed = Math.min(failed, c.write(places.nameLength, OURS, 4));
        }
        if (places.header != 0) {
            failed = Math.min(failed, c.write(places.control, CONTROL, (int) controlLength));
            c.memory().putLong(OURS, controlLength);
            c.memory().putInt(OURS + 8, (told & ~MSG_CMSG_CLOEXEC) | (flags & MSG_CMSG_CLOEXEC));
            failed = Math.min(failed, c.write(places.header + 40, OURS, 12));
        }
        return failed < 0 ? failed : got;
    }
}
