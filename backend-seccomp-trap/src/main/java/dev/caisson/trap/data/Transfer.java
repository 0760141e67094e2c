package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.FileSizes;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.dispatch.WaitingCalls;
import dev.caisson.trap.limits.SandboxMemory;

/**
 * One read or write on its way, a part of {@link GuestCall#DATA_SIZE} after the other. It never waits itself: what would is done with RWF_NOWAIT
 * (preadv2(2)) and tried again when the descriptor is ready.
 */
final class Transfer extends PieceWork {
    /** Of preadv2(2). */
    static final int RWF_NOWAIT = 8;

    /** As a position: that of the open file. */
    static final long AT_POSITION = -1;

    private static final int F_GETFL = 3;
    private static final int O_NONBLOCK = 0x800;
    private static final int O_APPEND = 0x400;
    private static final int STAT_SIZE = 48;
    private static final int O_DIRECT = 0x4000;
    private static final int SO_TYPE = 3;
    private static final int SOCK_STREAM = 1;
    private static final int SO_RCVTIMEO = 20;
    private static final int SO_SNDTIMEO = 21;
    private static final int SEEK_CUR = 1;
    private static final int DATA = GuestCall.DATA;
    /** struct iovec of ours. */
    private static final int OURS = GuestCall.TEXT;

    private static final long NOT_YET = WaitingCalls.NOT_YET;
    private static final long EAGAIN = -Errno.EAGAIN.number();
    private static final long EOPNOTSUPP = -Errno.EOPNOTSUPP.number();
    private static final long EFAULT = -Errno.EFAULT.number();

    private final FileKind kind;
    private final int flags;
    private long position;
    private boolean isStream = true;

    /**
     * @param fd a descriptor of ours, which this owns
     * @param position of the file, or {@link #AT_POSITION}
     * @param flags RWF flags of the caller's
     */
    Transfer(long fd, FileKind kind, boolean writes, Pieces pieces, long position, int flags) {
        super(fd, writes, pieces);
        this.kind = kind;
        this.position = position;
        this.flags = flags;
    }

    /** Does it, or sees to it that it is done later. */
    long run(GuestCall c) {
        boolean isSocket = kind == FileKind.INTERNET || kind == FileKind.LOCAL;
        if (isSocket && isOutwards) {
            isStream = FileKind.option(c, fd, SO_TYPE) == SOCK_STREAM;
            if (!isStream && pieces.total() > GuestCall.DATA_SIZE) {
                close(c.kernel());
                return -Errno.EMSGSIZE.number();
            }
        }
        long result = attempt(c);
        if (result == NOT_YET) {
            long fileFlags = c.kernel().call(Nr.fcntl, fd, F_GETFL);
            if ((fileFlags & O_NONBLOCK) != 0 || (flags & RWF_NOWAIT) != 0) {
                result = isBegun() ? pieces.done() : EAGAIN;
            } else {
                if (isSocket) {
                    deadline = FileKind.deadline(c, fd, isOutwards ? SO_SNDTIMEO : SO_RCVTIMEO);
                }
                return c.await(this);
            }
        }
        close(c.kernel());
        return result;
    }

    @Override
    public long attempt(GuestCall c) {
        if (isOutwards) {
            c.becomeCaller(); // a file that another user than its owner isOutwards loses its set-id bits
        }
        do {
            int part = (int) Math.min(pieces.left(), GuestCall.DATA_SIZE);
            long moved = isOutwards ? write(c, part) : read(c, part);
            if (moved == EAGAIN && kind != FileKind.REGULAR) {
                return !isOutwards && isBegun() ? pieces.done() : NOT_YET;
            }
            if (moved < 0) {
                return isBegun() ? pieces.done() : moved;
            }
            if (moved < part && isLast(moved)) {
                return pieces.done();
            }
        } while (pieces.left() > 0 && (isOutwards ? isStream : isWhole()));
        return pieces.done();
    }

    /**
     * Whether less than a part is all there is. Of an endless device it is not: one that is read without waiting stops after a page when others want the
     * processor (Linux 6.18, read_iter_zero()).
     */
    private boolean isLast(long moved) {
        return isOutwards ? kind == FileKind.REGULAR : kind != FileKind.ENDLESS || moved == 0;
    }

    /** Whether a read goes on after a full part: what comes of a pipe, a socket or a device at once may be one message. */
    private boolean isWhole() {
        return kind == FileKind.REGULAR || kind == FileKind.ENDLESS;
    }

    private long read(GuestCall c, int part) {
        boolean isFile = kind == FileKind.REGULAR;
        if (!isFile && pieces.wouldLose(c, fd)) {
            return EFAULT;
        }
        ours(c, part);
        long got = move(c, Nr.preadv2);
        if (got < 0) {
            return failed(c, got);
        }
        long given = got == 0 ? 0 : pieces.scatter(c, DATA, (int) got);
        if (given < got && isFile && position == AT_POSITION) {
            c.kernel().call(Nr.lseek, fd, Math.max(given, 0) - got, SEEK_CUR);
        }
        return moved(given);
    }

    private long write(GuestCall c, int part) {
        long room = kind == FileKind.REGULAR ? room(c) : Long.MAX_VALUE;
        if (room <= 0 && part > 0) {
            return isBegun()
                    ? -Errno.EFBIG.number()
                    : GuestCall.PROCEED; // the kernel says so, and sends the caller SIGXFSZ
        }
        long taken = part == 0 ? 0 : pieces.gather(c, DATA, (int) Math.min(part, room));
        if (taken < 0) {
            return taken;
        }
        if (kind == FileKind.STREAM && !c.container().memory().mayHold(SandboxMemory.units(taken))) {
            return isBegun() ? EAGAIN : GuestCall.PROCEED; // what is in a pipe is charged to who writes it
        }
        ours(c, (int) taken);
        long put = move(c, Nr.pwritev2);
        if (put == -Errno.EPIPE.number() && !isBegun()) {
            return GuestCall.PROCEED; // the kernel says it again, and sends the caller SIGPIPE
        }
        return put < 0 ? failed(c, put) : moved(put);
    }

    /** How much the caller may still write there (RLIMIT_FSIZE). */
    private long room(GuestCall c) {
        long most = c.container().fileSizes().of(c);
        if (most == FileSizes.UNLIMITED) {
            return most;
        }
        boolean appends = (c.kernel().call(Nr.fcntl, fd, F_GETFL) & O_APPEND) != 0;
        c.kernel().call(Nr.fstat, fd, c.memory().address(OURS));
        long at = appends
                ? c.memory().getLong(OURS + STAT_SIZE)
                : position == AT_POSITION ? c.kernel().call(Nr.lseek, fd, 0, SEEK_CUR) : position;
        return most - at;
    }

    private long move(GuestCall c, int call) {
        long result = c.kernel().call(call, anew.or(fd), c.memory().address(OURS), 1, position, 0, moveFlags());
        if (result == EOPNOTSUPP && kind == FileKind.STREAM && (flags & RWF_NOWAIT) == 0) {
            int length = (int) c.memory().getLong(OURS + 8);
            if (anew.open(c, fd, isOutwards) == 0) {
                ours(c, length); // the room was needed for its name
                return c.kernel().call(call, anew.or(fd), c.memory().address(OURS), 1, position, 0, moveFlags());
            }
        }
        return result;
    }

    private int moveFlags() {
        return kind == FileKind.REGULAR || anew.isThere() ? flags : flags | RWF_NOWAIT;
    }

    private void ours(GuestCall c, int length) {
        c.memory().putLong(OURS, c.memory().address(DATA));
        c.memory().putLong(OURS + 8, length);
    }

    private long moved(long bytes) {
        if (bytes > 0) {
            pieces.advance(bytes);
            if (position != AT_POSITION) {
                position += bytes;
            }
        }
        return bytes;
    }

    /** Terminals cannot do without waiting, nor pipes that cannot be opened anew, and direct I/O needs memory that is aligned as the caller's. */
    private long failed(GuestCall c, long error) {
        boolean isOthers = error == EOPNOTSUPP && kind != FileKind.REGULAR && (flags & RWF_NOWAIT) == 0;
        boolean isDirect = error == -Errno.EINVAL.number()
                && kind == FileKind.REGULAR
                && (c.kernel().call(Nr.fcntl, fd, F_GETFL) & O_DIRECT) != 0;
        return isOthers || isDirect ? GuestCall.PROCEED : error;
    }
}
