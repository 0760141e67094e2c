package dev.caisson.trap.vfs;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.mounts.Mounts;
import dev.caisson.trap.proc.ProcFiles;
import dev.caisson.trap.proc.ProcPlaces;
import org.jspecify.annotations.Nullable;

/**
 * From a directory descriptor and a path of the guest's to something that a call of ours can work on. The walk itself is the kernel's, in the
 * container's mounts. Only a path that leads below /proc is walked here, since nothing is there for the kernel to find.
 */
final class Names {
    static final int AT_SYMLINK_NOFOLLOW = 0x100;
    static final int AT_EMPTY_PATH = 0x1000;
    static final int O_PATH = 0x200000;
    static final int O_CLOEXEC = 0x80000;
    static final int O_NOFOLLOW = 0x20000;
    /** As the index of a directory argument: the call has none, and starts at the working directory. */
    static final int NO_DIRECTORY = -1;

    private static final long ENOENT = -Errno.ENOENT.number();
    private static final int RESOLVE_NO_SYMLINKS = 4;

    private Names() {}

    /**
     * Work on a name. What most calls come to is an anonymous class: without the second compiler, which sandbox processes do without, a lambda that
     * captures something is made by way of a method handle, for ten times as much.
     */
    @FunctionalInterface
    interface Work {
        /**
         * @param directory a descriptor of ours, or AT_FDCWD with an absolute path
         * @param path address of the path, which is empty when the descriptor is the thing itself
         * @param flags AT_EMPTY_PATH then, else 0
         */
        long on(long directory, long path, int flags);
    }

    /** Whether a path leads below /proc, and what is to be done then. */
    enum Below {
        /** The work can be done on a descriptor of the link or file itself. */
        LINK,
        /** The work follows a link. */
        TARGET,
        /** The work changes names: not there. */
        REFUSED
    }

    /**
     * Reads a path, finds where it starts, and does the work with the caller's rights.
     *
     * @param directoryIndex which argument is the directory, or {@link #NO_DIRECTORY}
     */
    static long named(GuestCall c, int directoryIndex, int pathIndex, int slot, Below below, Work work) {
        return named(c, directoryIndex, pathIndex, slot, below, false, work);
    }

    /**
     * As the other one.
     *
     * @param mayBeLeft whether the kernel is left to do the work where it is known to find the name, or where {@code work} says so
     */
    static long named(
            GuestCall c, int directoryIndex, int pathIndex, int slot, Below below, boolean mayBeLeft, Work work) {
        int length = c.readPath(c.arg(pathIndex), slot);
        if (length < 0) {
            return length;
        }
        if (length == 0) {
            return ENOENT;
        }
        String path = c.path(slot, length);
        if (c.isExamined() && !PolicyNames.may(c, directoryIndex, path, slot, below != Below.TARGET)) {
            return -Errno.EACCES.number();
        }
        if (ProcFiles.isBelow(path)) {
            return below(c, path, slot, below, work);
        }
        boolean absolute = path.charAt(0) == '/';
        if (absolute && mayBeLeft && c.isKnown(path, below == Below.TARGET)) {
            return GuestCall.PROCEED;
        }
        int changes = c.changes();
        long directory = absolute ? GuestCall.AT_FDCWD : directory(c, directoryIndex);
        if (!absolute && directory < 0) {
            return directory;
        }
        try {
            if (!absolute && ProcFiles.mayBeIn(c, directory)) {
                String start = linkText(c, directory);
                if (start != null && !ProcFiles.isBelow(start + "/")) {
                    start = ProcPlaces.nameOf(c, directory);
                }
                if (start != null) {
                    return below(c, start + "/" + path, slot, below, work);
                }
            }
            c.becomeCaller();
            long result = work.on(directory, c.memory().address(slot), 0);
            boolean isPlain = result == GuestCall.PROCEED;
            if (result == ENOENT) {
                if (isProcElsewhere(c) || hasSymlinks(c, directory, slot)) {
                    String found =
                            ProcWalk.find(c, absolute ? "/" : linkText(c, directory), path, below == Below.TARGET);
                    if (found != null) {
                        return below(c, found, slot, below, work);
                    }
                } else {
                    isPlain = true;
                }
            }
            if (isPlain && absolute && mayBeLeft) {
                c.know(path, below == Below.TARGET, changes);
            }
            return result;
        } finally {
            if (!absolute) {
                c.close(directory);
            }
        }
    }

    private static boolean isProcElsewhere(GuestCall c) {
        Mounts mounts = c.container().mounts();
        return mounts != null && mounts.isProcElsewhere();
    }

    private static long below(GuestCall c, String path, int slot, Below below, Work work) {
        if (below == Below.REFUSED) {
            return -Errno.EPERM.number();
        }
        long fd = ProcFiles.open(c, path, O_PATH | (below == Below.LINK ? O_NOFOLLOW : 0));
        if (fd < 0) {
            return fd;
        }
        c.memory().putByte(slot, 0);
        try {
            return work.on(fd, c.memory().address(slot), AT_EMPTY_PATH);
        } finally {
            c.close(fd);
        }
    }

    /** A descriptor of where relative paths start. */
    static long directory(GuestCall c, int index) {
        int fd = index == NO_DIRECTORY ? GuestCall.AT_FDCWD : c.intArg(index);
        return fd == GuestCall.AT_FDCWD ? c.workingDirectory() : c.takeDescriptor(fd);
    }

    /** A descriptor of ours for the file that one of the caller's is open on; no access comes with it. */
    static long descriptor(GuestCall c, int fd) {
        if (fd < 0) {
            return -Errno.EBADF.number();
        }
        long opened = c.openOfCaller("fd/" + fd, O_PATH);
        return opened == ENOENT ? -Errno.EBADF.number() : opened;
    }

    /** The path of an open directory, as the container sees it; null if it has none. */
    static @Nullable String linkText(GuestCall c, long fd) {
        c.putPath(GuestCall.TEXT, "self/fd/" + fd);
        long length = c.kernel()
                .call(
                        Nr.readlinkat,
                        c.hostProc(),
                        c.memory().address(GuestCall.TEXT),
                        c.memory().address(GuestCall.TEXT),
                        GuestCall.PATH_MAX);
        return length <= 0 || c.memory().getByte(GuestCall.TEXT) != '/' ? null : c.path(GuestCall.TEXT, (int) length);
    }

    /** Most names that are not there have no symlink on their way, and so lead nowhere else: one call tells. */
    private static boolean hasSymlinks(GuestCall c, long directory, int slot) {
        int how = GuestCall.TEXT;
        c.memory().putLong(how, O_PATH | O_CLOEXEC);
        c.memory().putLong(how + 8, 0);
        c.memory().putLong(how + 16, RESOLVE_NO_SYMLINKS);
        long fd = c.kernel()
                .call(
                        Nr.openat2,
                        directory,
                        c.memory().address(slot),
                        c.memory().address(how),
                        24);
        c.close(fd);
        return fd == -Errno.ELOOP.number();
    }
}
