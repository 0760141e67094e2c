package dev.caisson.trap.vfs;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.vfs.Names.Below;
import java.util.Map;

/** Owners, modes, times, and extended attributes in the user namespace of xattr(7). */
public final class AttributeCalls {
    private static final int NONE = Names.NO_DIRECTORY;
    private static final int IN = GuestCall.DATA;
    private static final int TIMES_SIZE = 32;
    private static final int XATTR_NAME_MAX = 256;
    private static final int XATTR_SIZE_MAX = 65536;
    private static final int NAME = GuestCall.PATH2;
    private static final long EINVAL = -Errno.EINVAL.number();
    private static final long ENOSYS = -Errno.ENOSYS.number();

    private static final int F_GETFL = 3;
    private static final int O_PATH = 0x200000;

    private AttributeCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> h) {
        h.put("chmod", c -> chmod(c, NONE, 0, c.intArg(1), 0));
        h.put("fchmodat", c -> chmod(c, 0, 1, c.intArg(2), 0));
        h.put("fchmodat2", c -> chmod(c, 0, 1, c.intArg(2), c.intArg(3)));
        h.put(
                "fchmod",
                c -> StatCalls.onDescriptor(c, 0, (fd, empty, flags) -> {
                    c.becomeCaller();
                    return chmod(c, fd, empty, c.intArg(1) & 07777, flags);
                }));
        h.put("chown", c -> chown(c, NONE, 0, 1, 0));
        h.put("lchown", c -> chown(c, NONE, 0, 1, Names.AT_SYMLINK_NOFOLLOW));
        h.put("fchownat", c -> chown(c, 0, 1, 2, c.intArg(4)));
        h.put(
                "fchown",
                c -> StatCalls.onDescriptor(c, 0, (fd, empty, flags) -> {
                    c.becomeCaller();
                    return c.kernel().call(Nr.fchownat, fd, empty, c.arg(1), c.arg(2), flags);
                }));
        h.put("utime", c -> utimes(c, NONE, 0, 1, 8));
        h.put("utimes", c -> utimes(c, NONE, 0, 1, 16));
        h.put("futimesat", c -> utimes(c, 0, 1, 2, 16));
        h.put("utimensat", AttributeCalls::utimensat);
        for (String prefix : new String[] {"", "l", "f"}) {
            h.put(prefix + "setxattr", c -> setxattr(c, prefix));
            h.put(prefix + "getxattr", c -> getxattr(c, prefix));
            h.put(prefix + "listxattr", c -> listxattr(c, prefix));
            h.put(prefix + "removexattr", c -> removexattr(c, prefix));
        }
    }

    private static Below below(int flags) {
        return (flags & Names.AT_SYMLINK_NOFOLLOW) != 0 ? Below.LINK : Below.TARGET;
    }

    private static long onName(GuestCall c, int directory, int path, int flags, Names.Work work) {
        if ((flags & Names.AT_EMPTY_PATH) != 0
                && c.read(c.arg(path), GuestCall.PATH, 1) == 0
                && c.memory().getByte(GuestCall.PATH) == 0) {
            return StatCalls.onDescriptor(c, directory, (fd, empty, f) -> {
                c.becomeCaller();
                return work.on(fd, empty, f);
            });
        }
        return Names.named(c, directory, path, GuestCall.PATH, below(flags), work);
    }

    private static long chmod(GuestCall c, int directory, int path, int mode, int flags) {
        if ((flags & ~(Names.AT_SYMLINK_NOFOLLOW | Names.AT_EMPTY_PATH)) != 0) {
            return EINVAL;
        }
        int rest = flags & Names.AT_SYMLINK_NOFOLLOW;
        return onName(
                c,
                directory,
                path,
                flags,
                (dir, name, empty) -> (rest | empty) == 0
                        ? c.kernel().call(Nr.fchmodat, dir, name, mode & 07777)
                        : chmod(c, dir, name, mode & 07777, rest | empty));
    }

    private static long chmod(GuestCall c, long dir, long name, int mode, int flags) {
        long done = c.kernel().call(Nr.fchmodat2, dir, name, mode, flags);
        if (done != ENOSYS || flags != Names.AT_EMPTY_PATH) {
            return done;
        }
        // Before Linux 6.6. The descriptor is one without access, on which fchmod(2) does nothing.
        c.putPath(GuestCall.TEXT, "self/fd/" + dir);
        return c.kernel().call(Nr.fchmodat, c.hostProc(), c.memory().address(GuestCall.TEXT), mode);
    }

    private static long chown(GuestCall c, int directory, int path, int ids, int flags) {
        if ((flags & ~(Names.AT_SYMLINK_NOFOLLOW | Names.AT_EMPTY_PATH)) != 0) {
            return EINVAL;
        }
        int rest = flags & Names.AT_SYMLINK_NOFOLLOW;
        return onName(
                c,
                directory,
                path,
                flags,
                (dir, name, empty) ->
                        c.kernel().call(Nr.fchownat, dir, name, c.arg(ids), c.arg(ids + 1), rest | empty));
    }

    /** utimbuf of two seconds, or two timevals, as the two timespecs of utimensat(2). */
    private static long utimes(GuestCall c, int directory, int path, int times, int size) {
        long pointer = 0;
        if (c.arg(times) != 0) {
            long read = c.read(c.arg(times), IN, 2 * size);
            if (read < 0) {
                return read;
            }
            long[] spec = new long[4];
            for (int i = 0; i < 2; i++) {
                spec[2 * i] = c.memory().getLong(IN + i * size);
                long micros = size == 16 ? c.memory().getLong(IN + i * size + 8) : 0;
                if (micros < 0 || micros >= 1_000_000) {
                    return EINVAL;
                }
                spec[2 * i + 1] = micros * 1000;
            }
            for (int i = 0; i < 4; i++) {
                c.memory().putLong(IN + 8 * i, spec[i]);
            }
            pointer = c.memory().address(IN);
        }
        long p = pointer;
        return onName(c, directory, path, 0, (dir, name, empty) -> c.kernel().call(Nr.utimensat, dir, name, p, empty));
    }

    private static long utimensat(GuestCall c) {
        int flags = c.intArg(3);
        if ((flags & ~(Names.AT_SYMLINK_NOFOLLOW | Names.AT_EMPTY_PATH)) != 0) {
            return EINVAL;
        }
        long pointer = 0;
        if (c.arg(2) != 0) {
            long read = c.read(c.arg(2), IN, TIMES_SIZE);
            if (read < 0) {
                return read;
            }
            pointer = c.memory().address(IN);
        }
        long p = pointer;
        int rest = flags & Names.AT_SYMLINK_NOFOLLOW;
        Names.Work work = (dir, name, empty) -> c.kernel().call(Nr.utimensat, dir, name, p, rest | empty);
        if (c.arg(1) == 0) {
            return StatCalls.onDescriptor(c, 0, (fd, empty, f) -> {
                c.becomeCaller();
                return work.on(fd, empty, f);
            });
        }
        return onName(c, 0, 1, flags, work);
    }

    // ---- extended attributes ----

    /** The calls have no directory argument: this thread's working directory, which nobody else uses, stands for it. */
    @FunctionalInterface
    private interface XattrWork {
        long on(int follow, int noFollow, long path);
    }

    private static long xattr(GuestCall c, String prefix, XattrWork work) {
        if (prefix.equals("f")) {
            return ofDescriptor(c, work);
        }
        boolean follow = prefix.isEmpty();
        return Names.named(c, NONE, 0, GuestCall.PATH, follow ? Below.TARGET : Below.LINK, (dir, name, empty) -> {
            if (empty != 0) {
                return -Errno.EOPNOTSUPP.number();
            }
            if (dir >= 0) {
                c.kernel().call(Nr.fchdir, dir);
            }
            long result = work.on(follow ? 1 : 0, follow ? 0 : 1, name);
            if (dir >= 0) {
                c.kernel().call(Nr.fchdir, c.hostProc()); // nobody could unmount where it is
            }
            return result;
        });
    }

    private static long ofDescriptor(GuestCall c, XattrWork work) {
        long fd = c.takeDescriptor(c.intArg(0));
        if (fd < 0) {
            return fd;
        }
        try {
            // Who has the place of a file only (open(2), O_PATH) has no attributes by it.
            long opened = c.kernel().call(Nr.fcntl, fd, F_GETFL);
            if (opened < 0 || (opened & O_PATH) != 0) {
                return -Errno.EBADF.number();
            }
            c.becomeCaller();
            // By its name in procfs, so that the caller's rights count.
            c.putPath(GuestCall.PATH, "self/fd/" + fd);
            c.kernel().call(Nr.fchdir, c.hostProc());
            return work.on(1, 0, c.memory().address(GuestCall.PATH));
        } finally {
            c.close(fd);
        }
    }

    /** Reads an attribute's name; 0, or a negative errno. Trusted, security and system ones are not the guest's. */
    private static long readName(GuestCall c) {
        int length = c.readPath(c.arg(1), NAME);
        if (length < 0) {
            return length == -Errno.ENAMETOOLONG.number() ? -Errno.ERANGE.number() : length;
        }
        if (length == 0 || length >= XATTR_NAME_MAX) {
            return -Errno.ERANGE.number();
        }
        return c.path(NAME, length).startsWith("user.") ? 0 : -Errno.EOPNOTSUPP.number();
    }

    private static long setxattr(GuestCall c, String prefix) {
        long size = c.arg(3);
        if (size < 0 || size > XATTR_SIZE_MAX) {
            return -Errno.E2BIG.number();
        }
        long named = readName(c);
        long read = named < 0 ? named : c.read(c.arg(2), IN, (int) size);
        return read < 0
                ? read
                : xattr(
                        c,
                        prefix,
                        (follow, no, path) -> c.kernel()
                                .call(
                                        follow != 0 ? Nr.setxattr : Nr.lsetxattr,
                                        path,
                                        c.memory().address(NAME),
                                        c.memory().address(IN),
                                        size,
                                        c.intArg(4)));
    }

    private static long getxattr(GuestCall c, String prefix) {
        long room = Math.min(c.arg(3) < 0 ? XATTR_SIZE_MAX : c.arg(3), XATTR_SIZE_MAX);
        long named = readName(c);
        if (named < 0) {
            return named;
        }
        return xattr(
                c,
                prefix,
                (follow, no, path) -> out(
                        c,
                        room,
                        c.kernel()
                                .call(
                                        follow != 0 ? Nr.getxattr : Nr.lgetxattr,
                                        path,
                                        c.memory().address(NAME),
                                        c.memory().address(IN),
                                        room),
                        c.arg(2)));
    }

    private static long listxattr(GuestCall c, String prefix) {
        long room = Math.min(c.arg(2) < 0 ? XATTR_SIZE_MAX : c.arg(2), XATTR_SIZE_MAX);
        return xattr(c, prefix, (follow, no, path) -> {
            long all = c.kernel()
                    .call(
                            follow != 0 ? Nr.listxattr : Nr.llistxattr,
                            path,
                            c.memory().address(IN),
                            XATTR_SIZE_MAX);
            if (all <= 0) {
                return all;
            }
            StringBuilder kept = new StringBuilder();
            for (String name : c.path(IN, (int) all).split("\0", -1)) {
                if (name.startsWith("user.")) {
                    kept.append(name).append('\0');
                }
            }
            if (room != 0 && kept.length() > room) {
                return -Errno.ERANGE.number();
            }
            c.memory().putBytes(IN, kept.toString().getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
            return out(c, room, kept.length(), c.arg(1));
        });
    }

    private static long out(GuestCall c, long room, long length, long to) {
        if (length <= 0 || room == 0) {
            return length;
        }
        long written = c.write(to, IN, (int) length);
        return written < 0 ? written : length;
    }

    private static long removexattr(GuestCall c, String prefix) {
        long named = readName(c);
        return named < 0
                ? named
                : xattr(
                        c,
                        prefix,
                        (follow, no, path) -> c.kernel()
                                .call(
                                        follow != 0 ? Nr.removexattr : Nr.lremovexattr,
                                        path,
                                        c.memory().address(NAME)));
    }
}
