package dev.caisson.trap.vfs;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.proc.ProcFiles;
import dev.caisson.trap.proc.ProcPlaces;
import java.util.Map;

/** open(2), openat2(2): the file is opened here with the caller's rights, and its descriptor put into the caller's table. */
public final class OpenCalls {
    private static final int O_ACCMODE = 3;
    private static final int O_WRONLY = 1;
    private static final int O_CREAT = 0x40;
    private static final int O_NOCTTY = 0x100;
    private static final int O_TRUNC = 0x200;
    private static final int O_NONBLOCK = 0x800;
    private static final int FASYNC = 0x2000;
    private static final int O_LARGEFILE = 0x8000;
    private static final int O_TMPFILE_ONLY = 0x400000;
    /** What open(2) looks at; the rest it ignores (VALID_OPEN_FLAGS). */
    private static final int KNOWN = 0x7fffc3;

    private static final int RESOLVE_NO_MAGICLINKS = 2;
    private static final int F_SETFL = 4;
    private static final int SEEK_CUR = 1;
    private static final int STAT_MODE = 24;
    private static final int S_IFMT = 0xf000;
    private static final int S_IFIFO = 0x1000;
    private static final int S_IFDIR = 0x4000;
    private static final int S_IFREG = 0x8000;
    private static final long ENOENT = -Errno.ENOENT.number();
    /** Not an errno. */
    private static final long FIFO = Long.MIN_VALUE + 2;

    private static final int HOW_SIZE = 24;
    private static final int HOW = GuestCall.DATA;
    private static final int STAT = GuestCall.DATA + 64;

    private OpenCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> handlers) {
        handlers.put("open", c -> open(c, Names.NO_DIRECTORY, 0, c.intArg(1), c.intArg(2)));
        handlers.put("openat", c -> open(c, 0, 1, c.intArg(2), c.intArg(3)));
        handlers.put("creat", c -> open(c, Names.NO_DIRECTORY, 0, O_CREAT | O_WRONLY | O_TRUNC, c.intArg(1)));
        handlers.put("openat2", OpenCalls::openat2);
    }

    private static long open(GuestCall c, int directory, int path, int rawFlags, int rawMode) {
        int flags = rawFlags & KNOWN & ~FASYNC;
        if ((flags & Names.O_PATH) != 0) {
            // Cannot be put into another's table (EBADF), and is no access: the kernel makes it, in the container's own
            // mounts. The flag is
            // a register's, so that nothing else can come of it.
            return GuestCall.PROCEED;
        }
        int mode = (flags & (O_CREAT | O_TMPFILE_ONLY)) == 0 ? 0 : rawMode & 07777;
        return open(c, directory, path, flags, mode, 0);
    }

    private static long openat2(GuestCall c) {
        long size = c.arg(3);
        if (size < HOW_SIZE) {
            return -Errno.EINVAL.number();
        }
        if (size > GuestCall.PATH_MAX) {
            return -Errno.E2BIG.number();
        }
        long read = c.read(c.arg(2), HOW, (int) size);
        if (read < 0) {
            return read;
        }
        for (int i = HOW_SIZE; i < size; i++) {
            if (c.memory().getByte(HOW + i) != 0) {
                return -Errno.E2BIG.number();
            }
        }
        long flags = c.memory().getLong(HOW);
        long mode = c.memory().getLong(HOW + 8);
        long resolve = c.memory().getLong(HOW + 16);
        if ((flags & ~(long) (KNOWN & ~FASYNC)) != 0 || (mode & ~07777L) != 0) {
            return -Errno.EINVAL.number();
        }
        if ((flags & Names.O_PATH) != 0) {
            return -Errno.ENOSYS.number(); // see open; here the flag is in memory
        }
        return open(c, 0, 1, (int) flags, (int) mode, resolve);
    }

    private static long open(GuestCall c, int directory, int path, int flags, int mode, long resolve) {
        boolean nonBlocking = (flags & O_NONBLOCK) != 0;
        boolean noFollow = (flags & Names.O_NOFOLLOW) != 0;
        boolean reads = (flags & O_ACCMODE) == 0;
        Names.Below below = noFollow ? Names.Below.LINK : Names.Below.TARGET;
        boolean looks = reads && !nonBlocking && c.container().fifos().areThere();
        c.memory().putInt(STAT + STAT_MODE, 0);
        long fd = Names.named(c, directory, path, GuestCall.PATH, below, new Names.Work() {
            @Override
            public long on(long dir, long name, int empty) {
                // A fifo would hold up this thread. One that reads must not be opened at all before it can wait: a
                // writer
                // would take it for its reader.
                if (looks) {
                    long kind = kind(c, dir, name, empty | (noFollow ? Names.AT_SYMLINK_NOFOLLOW : 0));
                    if (kind == S_IFIFO) {
                        return FIFO;
                    }
                    if (kind == ENOENT && (flags & O_CREAT) == 0) {
                        return ENOENT; // of what compilers and linkers open, most is not there
                    }
                }
                if (empty != 0) {
                    long reopened = ProcFiles.reopen(c, dir, flags, O_NONBLOCK);
                    c.memory().putInt(STAT + STAT_MODE, 0); // the text of one that was written went through there
                    return reopened;
                }
                int umasked = mode == 0 ? 0 : mode & ~c.caller().umask();
                return notOfProc(c, openHere(c, dir, name, flags | O_NONBLOCK | O_NOCTTY, umasked, resolve), flags);
            }
        });
        if (fd == FIFO || (fd == -Errno.ENXIO.number() && !nonBlocking && (flags & O_ACCMODE) == O_WRONLY)) {
            c.container().fifos().seen();
            return c.later(FifoOpen.of(directory, path, flags, mode));
        }
        if (fd < 0) {
            return fd;
        }
        // Of what has a position nobody waits for the end, as of pipes and terminals.
        int kind = c.memory().getInt(STAT + STAT_MODE) & S_IFMT;
        boolean isFile = kind == S_IFREG || kind == S_IFDIR || c.kernel().call(Nr.lseek, fd, 0, SEEK_CUR) >= 0;
        if (!isFile && reads && !nonBlocking && !looks && isFifo(c, fd)) {
            return laterFifo(c, FifoOpen.of(directory, path, flags, mode, fd), fd);
        }
        if (!nonBlocking) {
            c.kernel().call(Nr.fcntl, fd, F_SETFL, flags & ~O_NONBLOCK);
        }
        boolean closeOnExec = (flags & Names.O_CLOEXEC) != 0;
        return isFile ? c.handOver(fd, closeOnExec) : c.answerDescriptor(fd, closeOnExec);
    }

    /**
     * What a link or another place of procfs led to is opened as by its name below /proc: our rights are not the caller's there. What the file is
     * is then at STAT, or nothing where that is not known.
     */
    private static long notOfProc(GuestCall c, long fd, int flags) {
        if (fd < 0
                || c.kernel().call(Nr.fstat, fd, c.memory().address(STAT)) != 0
                || c.memory().getLong(STAT) != c.container().procDevice()) {
            return fd;
        }
        String name = ProcPlaces.nameOf(c, fd);
        c.close(fd);
        long found =
                name == null ? ProcPlaces.NAMELESS : ProcFiles.open(c, name, Names.O_PATH | (flags & Names.O_NOFOLLOW));
        if (found < 0) {
            return found;
        }
        long opened = ProcFiles.reopen(c, found, flags, O_NONBLOCK);
        c.close(found);
        c.memory().putInt(STAT + STAT_MODE, 0);
        return opened;
    }

    /** The first fifo that the container shows: nobody made it while somebody looked. */
    private static long laterFifo(GuestCall c, Handler open, long fd) {
        c.container().fifos().seen();
        long result = c.later(open);
        if (result != GuestCall.ANSWERED) {
            c.close(fd);
        }
        return result;
    }

    private static boolean isFifo(GuestCall c, long fd) {
        return c.kernel().call(Nr.fstat, fd, c.memory().address(STAT)) == 0
                && (c.memory().getInt(STAT + STAT_MODE) & S_IFMT) == S_IFIFO;
    }

    /** The kind of a file (S_IFMT), or a negative errno. */
    private static long kind(GuestCall c, long dir, long name, int flags) {
        long result = c.kernel().call(Nr.newfstatat, dir, name, c.memory().address(STAT), flags);
        return result < 0 ? result : c.memory().getInt(STAT + STAT_MODE) & S_IFMT;
    }

    static long openHere(GuestCall c, long dir, long name, int flags, int mode, long resolve) {
        c.memory().putLong(HOW, (flags | Names.O_CLOEXEC) & ~(long) O_LARGEFILE);
        c.memory().putLong(HOW + 8, mode);
        c.memory().putLong(HOW + 16, resolve | RESOLVE_NO_MAGICLINKS);
        return c.kernel().call(Nr.openat2, dir, name, c.memory().address(HOW), HOW_SIZE);
    }
}
