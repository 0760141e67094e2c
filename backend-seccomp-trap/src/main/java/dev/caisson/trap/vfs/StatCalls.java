package dev.caisson.trap.vfs;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.Caller;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.proc.ProcFiles;
import dev.caisson.trap.vfs.Names.Below;
import java.util.Map;

/** Calls that look at names: stat, access, readlink, statfs, getdents, getcwd. */
public final class StatCalls {
    private static final int STAT_SIZE = 144;
    private static final int STATX_SIZE = 256;
    private static final int STATFS_SIZE = 120;
    private static final int AT_NO_AUTOMOUNT = 0x800;
    private static final int AT_EACCESS = 0x200;
    private static final int AT_STATX_SYNC = 0x6000;
    private static final int OUT = GuestCall.DATA;
    private static final long EINVAL = -Errno.EINVAL.number();
    private static final long EBADF = -Errno.EBADF.number();
    private static final long ENOENT = -Errno.ENOENT.number();

    private StatCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> handlers) {
        handlers.put("stat", c -> stat(c, Names.NO_DIRECTORY, 0, 1, 0));
        handlers.put("lstat", c -> stat(c, Names.NO_DIRECTORY, 0, 1, Names.AT_SYMLINK_NOFOLLOW));
        handlers.put("newfstatat", c -> stat(c, 0, 1, 2, c.intArg(3)));
        handlers.put("fstat", c -> statDescriptor(c, 0, 1));
        handlers.put("statx", StatCalls::statx);
        handlers.put("access", c -> access(c, Names.NO_DIRECTORY, 0, c.intArg(1), 0));
        handlers.put("faccessat", c -> access(c, 0, 1, c.intArg(2), 0));
        handlers.put("faccessat2", c -> access(c, 0, 1, c.intArg(2), c.intArg(3)));
        handlers.put("readlink", c -> readlink(c, Names.NO_DIRECTORY, 0, 1, 2));
        handlers.put("readlinkat", c -> readlink(c, 0, 1, 2, 3));
        handlers.put("statfs", StatCalls::statfs);
        handlers.put("fstatfs", c -> onDescriptor(c, 0, (fd, empty, flags) -> fstatfs(c, fd)));
        handlers.put("getdents", c -> getdents(c, Nr.getdents));
        handlers.put("getdents64", c -> getdents(c, Nr.getdents64));
        handlers.put("getcwd", StatCalls::getcwd);
    }

    private static Below below(int flags) {
        return (flags & Names.AT_SYMLINK_NOFOLLOW) != 0 ? Below.LINK : Below.TARGET;
    }

    /** Works on what a descriptor of the caller's is open on. */
    static long onDescriptor(GuestCall c, int index, Names.Work work) {
        long fd = Names.descriptor(c, c.intArg(index));
        return fd < 0 ? fd : onOpened(c, fd, work);
    }

    private static long onOpened(GuestCall c, long fd, Names.Work work) {
        c.memory().putByte(GuestCall.PATH, 0);
        try {
            return work.on(fd, c.memory().address(GuestCall.PATH), Names.AT_EMPTY_PATH);
        } finally {
            c.close(fd);
        }
    }

    /** Whether the call is on the descriptor itself: AT_EMPTY_PATH and an empty path, or (6.11) none. */
    private static boolean isEmpty(GuestCall c, int path, int flags) {
        if ((flags & Names.AT_EMPTY_PATH) == 0) {
            return false;
        }
        return c.arg(path) == 0
                || (c.read(c.arg(path), GuestCall.PATH, 1) == 0 && c.memory().getByte(GuestCall.PATH) == 0);
    }

    private static long named(GuestCall c, int directory, int path, int flags, Names.Work work) {
        if (isEmpty(c, path, flags)) {
            long fd = Names.directory(c, directory);
            return fd < 0 ? fd : onOpened(c, fd, work);
        }
        return Names.named(c, directory, path, GuestCall.PATH, below(flags), false, work);
    }

    /** As {@link #named}, of work that the kernel can be left to do. */
    private static long looked(GuestCall c, int directory, int path, int flags, Names.Work work) {
        return Names.named(c, directory, path, GuestCall.PATH, below(flags), isLeft(c, 0), work);
    }

    private static long stat(GuestCall c, int directory, int path, int out, int flags) {
        if ((flags & ~(Names.AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | Names.AT_EMPTY_PATH | AT_STATX_SYNC)) != 0) {
            return EINVAL;
        }
        if (isEmpty(c, path, flags)) {
            return isLeft(c) ? GuestCall.PROCEED : statDescriptor(c, directory, out);
        }
        int rest = flags & ~Names.AT_EMPTY_PATH;
        return looked(c, directory, path, rest, new Names.Work() {
            @Override
            public long on(long dir, long name, int empty) {
                long result =
                        c.kernel().call(Nr.newfstatat, dir, name, c.memory().address(OUT), rest | empty);
                return result < 0 ? result : isLeft(c, empty) ? GuestCall.PROCEED : c.write(c.arg(out), OUT, STAT_SIZE);
            }
        });
    }

    /**
     * Whether the kernel is left to say what a descriptor is open on, as fstat(2) is: half of what compilers and interpreters ask for is this. If it finds another
     * path there than was seen here, that names something in the container's own mounts. A trace is to show the result.
     */
    private static boolean isLeft(GuestCall c) {
        return !c.container().isStrict() && !c.isTraced();
    }

    /**
     * The same of a name that was found here: whether the kernel is left to find it once more, and to write what it is, which takes it half as long as
     * writing to the caller's memory from here.
     *
     * @param empty not 0 when what was found is no name of the kernel's
     */
    private static boolean isLeft(GuestCall c, int empty) {
        return empty == 0 && isLeft(c) && !c.isExamined();
    }

    /** By its link in procfs, which leads to the very file. */
    private static long statDescriptor(GuestCall c, int index, int out) {
        int fd = c.intArg(index);
        if (fd < 0 && fd != GuestCall.AT_FDCWD) {
            return EBADF;
        }
        c.putPath(GuestCall.TEXT, c.tid() + (fd == GuestCall.AT_FDCWD ? "/cwd" : "/fd/" + fd));
        long result = stat(c, c.hostProc(), c.memory().address(GuestCall.TEXT), 0, out);
        return result == ENOENT ? EBADF : result;
    }

    private static long stat(GuestCall c, long dir, long name, int flags, int out) {
        long result = c.kernel().call(Nr.newfstatat, dir, name, c.memory().address(OUT), flags);
        return result < 0 ? result : c.write(c.arg(out), OUT, STAT_SIZE);
    }

    private static long statx(GuestCall c) {
        int flags = c.intArg(2);
        if ((flags & ~(Names.AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | Names.AT_EMPTY_PATH | AT_STATX_SYNC)) != 0) {
            return EINVAL;
        }
        if (isLeft(c) && isEmpty(c, 1, flags)) {
            return GuestCall.PROCEED;
        }
        int rest = flags & ~Names.AT_EMPTY_PATH;
        Names.Work work = new Names.Work() {
            @Override
            public long on(long dir, long name, int empty) {
                long result = c.kernel()
                        .call(
                                Nr.statx,
                                dir,
                                name,
                                rest | empty,
                                c.intArg(3) & 0xffff_ffffL,
                                c.memory().address(OUT));
                return result < 0 ? result : isLeft(c, empty) ? GuestCall.PROCEED : c.write(c.arg(4), OUT, STATX_SIZE);
            }
        };
        return isLeft(c) ? looked(c, 0, 1, flags, work) : named(c, 0, 1, flags, work);
    }

    private static long access(GuestCall c, int directory, int path, int mode, int flags) {
        if ((flags & ~(Names.AT_SYMLINK_NOFOLLOW | Names.AT_EMPTY_PATH | AT_EACCESS)) != 0 || (mode & ~7) != 0) {
            return EINVAL;
        }
        int rest = flags & Names.AT_SYMLINK_NOFOLLOW;
        Caller caller = c.caller();
        boolean asReal = (flags & AT_EACCESS) == 0 && caller.uid() != caller.fsUid();
        return named(c, directory, path, flags, new Names.Work() {
            @Override
            public long on(long dir, long name, int empty) {
                if (asReal) {
                    c.becomeReal();
                }
                return c.kernel().call(Nr.faccessat2, dir, name, mode, rest | empty | AT_EACCESS);
            }
        });
    }

    private static long readlink(GuestCall c, int directory, int path, int out, int size) {
        int room = Math.min(c.intArg(size), GuestCall.PATH_MAX);
        if (room <= 0) {
            return EINVAL;
        }
        Names.Work work = new Names.Work() {
            @Override
            public long on(long dir, long name, int empty) {
                long length = ProcFiles.readLink(c, dir, empty != 0, OUT);
                if (length == 0) {
                    length =
                            c.kernel().call(Nr.readlinkat, dir, name, c.memory().address(OUT), room);
                }
                if (length < 0) {
                    return length;
                }
                if (isLeft(c, empty)) {
                    return GuestCall.PROCEED;
                }
                length = Math.min(length, room);
                long written = c.write(c.arg(out), OUT, (int) length);
                return written < 0 ? written : length;
            }
        };
        if (directory != Names.NO_DIRECTORY && isEmpty(c, path, Names.AT_EMPTY_PATH)) {
            return onDescriptor(c, directory, work);
        }
        return Names.named(c, directory, path, GuestCall.PATH, Below.LINK, work);
    }

    private static long statfs(GuestCall c) {
        return Names.named(c, Names.NO_DIRECTORY, 0, GuestCall.PATH, Below.TARGET, (dir, name, empty) -> {
            if (empty != 0) {
                return fstatfs(c, dir);
            }
            long fd = c.kernel().call(Nr.openat, dir, name, Names.O_PATH | Names.O_CLOEXEC);
            if (fd < 0) {
                return fd;
            }
            try {
                return fstatfs(c, fd);
            } finally {
                c.close(fd);
            }
        });
    }

    private static long fstatfs(GuestCall c, long fd) {
        long result = c.kernel().call(Nr.fstatfs, fd, c.memory().address(OUT));
        return result < 0 ? result : c.write(c.arg(1), OUT, STATFS_SIZE);
    }

    private static long getdents(GuestCall c, int call) {
        // Never more than fits here: callers take what they get.
        int room = (int) Math.min(c.arg(2) & 0xffff_ffffL, GuestCall.DATA_SIZE);
        long fd = c.takeDescriptor(c.intArg(0));
        if (fd < 0) {
            return fd;
        }
        try {
            if (isLeft(c) && !ProcFiles.mayBeIn(c, fd)) {
                return GuestCall.PROCEED; // its very entries
            }
            c.becomeCaller();
            long length = c.kernel().call(call, fd, c.memory().address(OUT), room);
            if (length >= 0) {
                length = ProcFiles.list(c, fd, call == Nr.getdents64, length, OUT, room);
            }
            if (length <= 0) {
                return length;
            }
            long written = c.write(c.arg(1), OUT, (int) length);
            return written < 0 ? written : length;
        } finally {
            c.close(fd);
        }
    }

    private static long getcwd(GuestCall c) {
        c.putPath(GuestCall.TEXT, c.tid() + "/cwd");
        long length = c.kernel()
                .call(
                        Nr.readlinkat,
                        c.hostProc(),
                        c.memory().address(GuestCall.TEXT),
                        c.memory().address(OUT),
                        GuestCall.PATH_MAX);
        if (length < 0) {
            return length;
        }
        if (c.path(OUT, (int) length).endsWith(" (deleted)")) {
            return -Errno.ENOENT.number();
        }
        c.memory().putByte(OUT + (int) length, 0);
        if (Long.compareUnsigned(c.arg(1), length + 1) < 0) {
            return -Errno.ERANGE.number();
        }
        long written = c.write(c.arg(0), OUT, (int) length + 1);
        return written < 0 ? written : length + 1;
    }
}
