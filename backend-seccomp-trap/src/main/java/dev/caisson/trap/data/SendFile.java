package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.trap.dispatch.FileSizes;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.dispatch.WaitingCalls;
import dev.caisson.trap.limits.SandboxMemory;

/**
 * sendfile(2) by reading and writing, where the kernel's own way, which splices pages of files into pipes and sockets, is not open to guests. As on Linux
 * fewer bytes than asked for may be sent.
 */
final class SendFile implements WaitingCalls.SingleWork {
    private static final int F_GETFL = 3;
    private static final int O_APPEND = 0x400;
    private static final int O_NONBLOCK = 0x800;
    private static final int SEEK_SET = 0;
    private static final int SEEK_CUR = 1;
    private static final int POLLOUT = 4;
    private static final int OURS = GuestCall.TEXT;
    private static final int POSITION = GuestCall.TEXT + 64;
    private static final long EINVAL = -Errno.EINVAL.number();
    private static final long EPIPE = -Errno.EPIPE.number();
    private static final long EAGAIN = -Errno.EAGAIN.number();

    private final long out;
    private final long in;
    private final FileKind to;
    private final long place;
    private final long begin;
    private final long count;
    private final OpenedAnew anew = new OpenedAnew();
    private long done;

    private SendFile(long out, long in, FileKind to, long place, long begin, long count) {
        this.out = out;
        this.in = in;
        this.to = to;
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
        FileKind to = FileKind.of(c, out, true);
        long outFlags = c.kernel().call(Nr.fcntl, out, F_GETFL);
        long begin = begin(c, in, to, outFlags);
        if (begin < 0) {
            c.close(in);
            c.close(out);
            return begin;
        }
        SendFile send = new SendFile(out, in, to, c.arg(2), begin, c.arg(3));
        long result = send.attempt(c);
        if (result == WaitingCalls.NOT_YET && (outFlags & O_NONBLOCK) == 0) {
            return c.await(send);
        }
        send.close(c.kernel());
        return result == WaitingCalls.NOT_YET ? EAGAIN : result;
    }

    /** From where in the file on, or a negative errno. */
    private static long begin(GuestCall c, long in, FileKind to, long outFlags) {
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
        if (place == 0) {
            return c.kernel().call(Nr.lseek, in, 0, SEEK_CUR);
        }
        long read = c.read(place, POSITION, Long.BYTES);
        long begin = read < 0 ? read : c.memory().getLong(POSITION);
        return read == 0 && begin < 0 ? EINVAL : begin;
    }

    @Override
    public long attempt(GuestCall c) {
        c.becomeCaller();
        long failed = 0;
        while (done < count) {
            int part = (int) Math.min(count - done, GuestCall.DATA_SIZE);
            if (to == FileKind.REGULAR) {
                part = (int) Math.min(part, room(c));
                if (part <= 0) {
                    failed = -Errno.EFBIG.number();
                    break;
                }
            }
            long got = move(c, Nr.preadv2, in, part, begin + done, 0);
            if (got <= 0) {
                failed = got;
                break;
            }
            long put = put(c, (int) got);
            if (put == -Errno.EOPNOTSUPP.number() && to == FileKind.STREAM) {
                long opened = anew.open(c, out, true);
                put = opened == 0 ? put(c, (int) got) : opened == EPIPE ? EPIPE : EINVAL;
            }
            done += Math.max(0, put);
            if (put < got) {
                failed = Math.min(0, put);
                break;
            }
        }
        return done == 0 && failed < 0 ? failed(failed) : told(c);
    }

    private long failed(long error) {
        if (error == EAGAIN) {
            return WaitingCalls.NOT_YET;
        }
        if (error == EPIPE && to == FileKind.INTERNET) {
            // The kernel says it again, and sends the caller SIGPIPE. Not for a pipe, which could have got a reader
            // again by then.
            return GuestCall.PROCEED;
        }
        return error == -Errno.EOPNOTSUPP.number() ? EINVAL : error;
    }

    /** How much the caller may still write there (RLIMIT_FSIZE). */
    private long room(GuestCall c) {
        long most = c.container().fileSizes().of(c);
        return most == FileSizes.UNLIMITED
                ? most
                : Math.max(0, most - c.kernel().call(Nr.lseek, out, 0, SEEK_CUR));
    }

    private long put(GuestCall c, int length) {
        if (to == FileKind.STREAM && !c.container().memory().mayHold(SandboxMemory.units(length))) {
            return EINVAL; // as in Transfer; programs write then
        }
        int flags = to == FileKind.REGULAR || anew.isThere() ? 0 : Transfer.RWF_NOWAIT;
        return move(c, Nr.pwritev2, anew.or(out), length, Transfer.AT_POSITION, flags);
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

    @Override
    public long unplaced(GuestCall c) {
        return -Errno.ENOMEM.number();
    }

    /** It waits only before its first byte. */
    @Override
    public boolean isBegun() {
        return false;
    }

    @Override
    public long interrupted(GuestCall c) {
        return WaitingCalls.RESTART;
    }

    @Override
    public long timedOut(GuestCall c) {
        return EAGAIN;
    }

    @Override
    public void close(KernelCalls kernel) {
        anew.close(kernel);
        kernel.call(Nr.close, in);
        kernel.call(Nr.close, out);
    }
}
