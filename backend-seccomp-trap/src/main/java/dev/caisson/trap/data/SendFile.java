package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.dispatch.WaitingCalls;

/**
 * sendfile(2) by reading and writing, where the kernel's own way, which splices pages of files into pipes and sockets, is not open to guests. As on Linux
 * fewer bytes than asked for may be sent.
 */
final class SendFile implements WaitingCalls.Work {
    private static final int F_GETFL = 3;
    private static final int O_APPEND = 0x400;
    private static final int O_NONBLOCK = 0x800;
    private static final int SEEK_SET = 0;
    private static final int SEEK_CUR = 1;
    private static final int POLLOUT = 4;
    private static final int OURS = GuestCall.TEXT;
    private static final int POSITION = GuestCall.TEXT + 64;
    private static final long EINVAL = -Errno.EINVAL.number();
    private static final long EAGAIN = -Errno.EAGAIN.number();

    private final long out;
    private final long in;
    private final boolean isToFile;
    private final long place;
    private final long begin;
    private final long count;
    private long done;

    private SendFile(long out, long in, boolean isToFile, long place, long begin, long count) {
        this.out = out;
        this.in = in;
        this.isToFile = isToFile;
        this.place = place;
        this.begin = begin;
        this.count = count;
    }

    static long run(GuestCall c) {
        long in = c.takeDescriptor(c.intArg(1));
        if (in < 0) {
            return in;
        }
        long out = c.takeDescriptor(c.intArg(0));
        if (out < 0) {
            c.close(in);
            return out;
        }
        long result = run(c, out, in);
        if (result != GuestCall.ANSWERED) {
            c.close(in);
            c.close(out);
        }
        return result;
    }

    private static long run(GuestCall c, long out, long in) {
        FileKind to = FileKind.of(c, out, true);
        long outFlags = c.kernel().call(Nr.fcntl, out, F_GETFL);
        boolean may = FileKind.of(c, in, false) == FileKind.REGULAR
                && to != FileKind.LOCAL
                && to != FileKind.MEMORY
                && to != FileKind.CALLERS
                && (outFlags & O_APPEND) == 0
                && c.arg(3) >= 0;
        if (!may) {
            return EINVAL;
        }
        long place = c.arg(2);
        long begin;
        if (place == 0) {
            begin = c.kernel().call(Nr.lseek, in, 0, SEEK_CUR);
        } else {
            long read = c.read(place, POSITION, Long.BYTES);
            begin = read < 0 ? read : c.memory().getLong(POSITION);
            if (read == 0 && begin < 0) {
                return EINVAL;
            }
        }
        if (begin < 0) {
            return begin;
        }
        SendFile send = new SendFile(out, in, to == FileKind.REGULAR, place, begin, c.arg(3));
        long result = send.attempt(c);
        return result != WaitingCalls.NOT_YET ? result : (outFlags & O_NONBLOCK) != 0 ? EAGAIN : c.await(send);
    }

    @Override
    public long attempt(GuestCall c) {
        c.becomeCaller();
        long failed = 0;
        while (done < count) {
            int part = (int) Math.min(count - done, GuestCall.DATA_SIZE);
            long got = move(c, Nr.preadv2, in, part, begin + done, 0);
            if (got <= 0) {
                failed = got;
                break;
            }
            long put = move(c, Nr.pwritev2, out, (int) got, Transfer.AT_POSITION, isToFile ? 0 : Transfer.RWF_NOWAIT);
            done += Math.max(0, put);
            if (put < got) {
                failed = Math.min(0, put);
                break;
            }
        }
        if (done == 0 && failed < 0) {
            return failed == EAGAIN
                    ? WaitingCalls.NOT_YET
                    : failed == -Errno.EPIPE.number()
                            ? GuestCall.PROCEED // the kernel says it again, and sends the caller SIGPIPE
                            : failed == -Errno.EOPNOTSUPP.number() ? EINVAL : failed;
        }
        return told(c);
    }

    private static long move(GuestCall c, int call, long fd, int length, long position, int flags) {
        c.memory().putLong(OURS, c.memory().address(GuestCall.DATA));
        c.memory().putLong(OURS + 8, length);
        return c.kernel().call(call, fd, c.memory().address(OURS), 1, position, 0, flags);
    }

    private long told(GuestCall c) {
        if (place == 0) {
            c.kernel().call(Nr.lseek, in, begin + done, SEEK_SET);
            return done;
        }
        c.memory().putLong(POSITION, begin + done);
        long written = c.write(place, POSITION, Long.BYTES);
        return written < 0 ? written : done;
    }

    @Override
    public long descriptor() {
        return out;
    }

    @Override
    public int events() {
        return POLLOUT;
    }

    @Override
    public long deadline() {
        return Long.MAX_VALUE;
    }

    /** It waits only before its first byte. */
    @Override
    public boolean isBegun() {
        return false;
    }

    @Override
    public long interrupted() {
        return WaitingCalls.RESTART;
    }

    @Override
    public long timedOut() {
        return EAGAIN;
    }

    @Override
    public void close(KernelCalls kernel) {
        kernel.call(Nr.close, in);
        kernel.call(Nr.close, out);
    }
}
