package dev.caisson.trap.vfs;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.vfs.Names.Below;
import java.util.Map;

/** Calls that make, change and remove names. */
public final class NameCalls {
    private static final int SEEK_END = 2;
    private static final int AT_REMOVEDIR = 0x200;
    private static final int AT_SYMLINK_FOLLOW = 0x400;
    private static final int S_IFMT = 0xf000;
    private static final int S_IFIFO = 0x1000;
    private static final int O_WRONLY = 1;
    private static final int O_NONBLOCK = 0x800;
    private static final int NONE = Names.NO_DIRECTORY;

    private NameCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> h) {
        h.put("mkdir", c -> mkdir(c, NONE, 0, c.intArg(1)));
        h.put("mkdirat", c -> mkdir(c, 0, 1, c.intArg(2)));
        h.put("mknod", c -> mknod(c, NONE, 0, c.intArg(1)));
        h.put("mknodat", c -> mknod(c, 0, 1, c.intArg(2)));
        h.put("rmdir", c -> unlink(c, NONE, 0, AT_REMOVEDIR));
        h.put("unlink", c -> unlink(c, NONE, 0, 0));
        h.put("unlinkat", c -> unlink(c, 0, 1, c.intArg(2)));
        h.put("rename", changing(c -> rename(c, NONE, 0, NONE, 1, 0)));
        h.put("renameat", changing(c -> rename(c, 0, 1, 2, 3, 0)));
        h.put("renameat2", changing(c -> rename(c, 0, 1, 2, 3, c.intArg(4))));
        h.put("link", changing(c -> link(c, NONE, 0, NONE, 1, 0)));
        h.put("linkat", changing(c -> link(c, 0, 1, 2, 3, c.intArg(4))));
        h.put("symlink", changing(c -> symlink(c, 0, NONE, 1)));
        h.put("symlinkat", changing(c -> symlink(c, 0, 1, 2)));
        h.put("truncate", NameCalls::truncate);
        h.put("sync", c -> 0);
        h.put("syncfs", c -> StatCalls.onDescriptor(c, 0, (fd, empty, flags) -> 0));
        h.put("chroot", c -> -Errno.EPERM.number());
    }

    /** After these a name may lead somewhere else. */
    private static Handler changing(Handler handler) {
        return c -> {
            try {
                return handler.handle(c);
            } finally {
                c.container().changes().change();
            }
        };
    }

    private static long mkdir(GuestCall c, int directory, int path, int mode) {
        return Names.named(c, directory, path, GuestCall.PATH, Below.REFUSED, new Names.Work() {
            @Override
            public long on(long dir, long name, int empty) {
                return c.kernel()
                        .call(Nr.mkdirat, dir, name, mode & 01777 & ~c.caller().umask());
            }
        });
    }

    private static long mknod(GuestCall c, int directory, int path, int mode) {
        int type = mode & S_IFMT;
        if (type == 0x2000 || type == 0x6000) {
            return -Errno.EPERM.number();
        }
        if (type == S_IFIFO) {
            c.container().fifos().seen();
        }
        return Names.named(
                c,
                directory,
                path,
                GuestCall.PATH,
                Below.REFUSED,
                (dir, name, empty) -> c.kernel()
                        .call(Nr.mknodat, dir, name, mode & 0xffff & ~c.caller().umask(), 0));
    }

    private static long unlink(GuestCall c, int directory, int path, int flags) {
        return Names.named(c, directory, path, GuestCall.PATH, Below.REFUSED, new Names.Work() {
            @Override
            public long on(long dir, long name, int empty) {
                return c.kernel().call(Nr.unlinkat, dir, name, flags);
            }
        });
    }

    private static long rename(GuestCall c, int fromDir, int from, int toDir, int to, int flags) {
        return Names.named(
                c,
                fromDir,
                from,
                GuestCall.PATH,
                Below.REFUSED,
                (dir, name, empty) -> Names.named(
                        c,
                        toDir,
                        to,
                        GuestCall.PATH2,
                        Below.REFUSED,
                        (dir2, name2, empty2) -> c.kernel().call(Nr.renameat2, dir, name, dir2, name2, flags)));
    }

    private static long link(GuestCall c, int fromDir, int from, int toDir, int to, int flags) {
        if ((flags & ~(AT_SYMLINK_FOLLOW | Names.AT_EMPTY_PATH)) != 0) {
            return -Errno.EINVAL.number();
        }
        // AT_EMPTY_PATH would need a right that no guest has outside of its user namespace.
        if ((flags & AT_SYMLINK_FOLLOW) == 0) {
            return Names.named(
                    c,
                    fromDir,
                    from,
                    GuestCall.PATH,
                    Below.REFUSED,
                    (dir, name, empty) -> Names.named(
                            c,
                            toDir,
                            to,
                            GuestCall.PATH2,
                            Below.REFUSED,
                            (dir2, name2, empty2) -> c.kernel().call(Nr.linkat, dir, name, dir2, name2, 0)));
        }
        // /proc/self/fd/N names a file without a name (open(2), O_TMPFILE): a descriptor of ours stands for it.
        return Names.named(c, fromDir, from, GuestCall.PATH, Below.TARGET, (dir, name, empty) -> {
            long source = dir;
            long sourceName = name;
            if (empty != 0) {
                c.putPath(GuestCall.DATA, "self/fd/" + dir);
                source = c.hostProc();
                sourceName = c.memory().address(GuestCall.DATA);
            }
            long s = source;
            long n = sourceName;
            return Names.named(
                    c,
                    toDir,
                    to,
                    GuestCall.PATH2,
                    Below.REFUSED,
                    (dir2, name2, empty2) -> c.kernel().call(Nr.linkat, s, n, dir2, name2, AT_SYMLINK_FOLLOW));
        });
    }

    private static long symlink(GuestCall c, int target, int directory, int path) {
        int length = c.readPath(c.arg(target), GuestCall.PATH2);
        if (length <= 0) {
            return length == 0 ? -Errno.ENOENT.number() : length;
        }
        return Names.named(
                c,
                directory,
                path,
                GuestCall.PATH,
                Below.REFUSED,
                (dir, name, empty) -> c.kernel().call(Nr.symlinkat, c.memory().address(GuestCall.PATH2), dir, name));
    }

    private static long truncate(GuestCall c) {
        if (c.arg(1) < 0) {
            return -Errno.EINVAL.number();
        }
        return Names.named(c, NONE, 0, GuestCall.PATH, Below.REFUSED, (dir, name, empty) -> {
            long fd = c.kernel().call(Nr.openat, dir, name, O_WRONLY | O_NONBLOCK | Names.O_CLOEXEC);
            if (fd < 0) {
                return fd;
            }
            try {
                // Of each tier: the calls that set limits are native in most.
                c.container().fileSizes().enters(c.kernel(), c.hostProc(), c.tid());
                long size = c.kernel().call(Nr.lseek, fd, 0, SEEK_END);
                return c.arg(1) > size && c.arg(1) > c.container().fileSizes().of(c)
                        ? -Errno.EFBIG.number()
                        : c.kernel().call(Nr.ftruncate, fd, c.arg(1));
            } finally {
                c.close(fd);
            }
        });
    }
}
