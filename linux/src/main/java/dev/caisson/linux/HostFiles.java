package dev.caisson.linux;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * File operations by path or descriptor, without java.nio: names keep their bytes, expected outcomes are values instead of
 * exceptions, and a small kernel file costs three system calls. Path strings are taken as they are; nothing is normalised.
 */
public final class HostFiles {
    // spotless:off
    public static final int O_RDONLY    = 0;
    public static final int O_WRONLY    = 1;
    public static final int O_RDWR      = 2;
    public static final int O_CREAT     = 0x40;
    public static final int O_EXCL      = 0x80;
    public static final int O_NOCTTY    = 0x100;
    public static final int O_TRUNC     = 0x200;
    public static final int O_APPEND    = 0x400;
    public static final int O_NONBLOCK  = 0x800;
    public static final int O_DIRECTORY = 0x10000;
    public static final int O_NOFOLLOW  = 0x20000;
    public static final int O_CLOEXEC   = 0x80000;
    public static final int O_PATH      = 0x200000;
    // spotless:on

    /** What {@link #read} takes for a kernel file: mountinfo of a crowded node is the largest that is known. */
    public static final int KERNEL_FILE_LIMIT = 16 << 20;

    private static final int CHUNK = 16 << 10;
    /** openat2(2) gives EAGAIN while somebody renames or mounts around the path; bounded, for that may be an attacker. */
    private static final int OPENAT2_ATTEMPTS = 128;

    private HostFiles() {}

    /**
     * One entry of a directory.
     *
     * @param name the name without path
     * @param directory whether the file system says it is a directory; false where the file system does not tell types
     */
    public record Entry(String name, boolean directory) {}

    /**
     * Opens a file, close-on-exec.
     *
     * @param flags O_ constants; O_CLOEXEC is added
     * @param mode permission bits for a created file, masked by the umask
     */
    public static Fd open(String path, int flags, int mode) throws ErrnoException {
        return Fd.of(openRaw(path, flags, mode), "open", path);
    }

    /** Opens an existing file, close-on-exec; the error ENOENT is the value null. */
    public static @Nullable Fd openIfPresent(String path, int flags) throws ErrnoException {
        long result = openRaw(path, flags, 0);
        return Libc.errno(result) == Errno.ENOENT ? null : Fd.of(result, "open", path);
    }

    /** As {@link #openIfPresent(String, int)} for a name in an open directory, however long the way there is. */
    public static @Nullable Fd openIfPresent(Fd directory, String name, int flags) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long result = Libc.retrying(Sys.openat, directory.number(), scratch.string(name), flags | O_CLOEXEC, 0);
            return Libc.errno(result) == Errno.ENOENT ? null : Fd.of(result, "openat", name);
        }
    }

    private static long openRaw(String path, int flags, int mode) {
        try (Scratch scratch = new Scratch()) {
            return openRaw(scratch.string(path), flags, mode);
        }
    }

    // NATIVE: int openat(int dirfd, const char *path, int flags, mode_t mode), fcntl.h. The path lives for the call.
    // Any
    // thread; may block on a fifo. EINTR is retried.
    private static long openRaw(long path, int flags, int mode) {
        return Libc.retrying(Sys.openat, Abi.AT_FDCWD, path, flags | O_CLOEXEC, mode);
    }

    /**
     * Opens a path as a process would whose root is the given directory: absolute symbolic links and {@code ..} stay inside,
     * magic links are refused. The one safe way to reach a file of a container (openat2(2), Linux 5.6).
     *
     * @param root an open directory, O_PATH suffices
     * @param path absolute or relative, both from the root
     * @param flags O_ constants; O_CLOEXEC is added
     * @param mode permission bits; must be 0 without O_CREAT
     */
    public static Fd openInRoot(Fd root, String path, int flags, int mode) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long how = scratch.zeroed(Abi.OPEN_HOW_SIZE);
            scratch.putLong(how + Abi.OPEN_HOW_FLAGS, flags | O_CLOEXEC);
            scratch.putLong(how + Abi.OPEN_HOW_MODE, mode);
            scratch.putLong(how + Abi.OPEN_HOW_RESOLVE, Abi.RESOLVE_IN_ROOT | Abi.RESOLVE_NO_MAGICLINKS);
            long name = scratch.string(path);
            long result = 0;
            for (int attempt = 0; attempt < OPENAT2_ATTEMPTS; attempt++) {
                // NATIVE: long openat2(int dirfd, const char *path, struct open_how *how, size_t size),
                // linux/openat2.h,
                // since 5.6. Path and structure live for the call. Any thread.
                result = Libc.retrying(Sys.openat2, root.number(), name, how, Abi.OPEN_HOW_SIZE);
                if (Libc.errno(result) != Errno.EAGAIN) {
                    break;
                }
            }
            return Fd.of(result, "openat2", path + " in " + root.name());
        }
    }

    /**
     * Reads a whole file. Never waits for somebody to write into a fifo.
     *
     * @param limit the number of bytes above which reading stops with EFBIG, so that a file of unknown origin cannot fill the
     *     heap
     */
    public static byte[] read(String path, int limit) throws ErrnoException {
        byte[] content = readIfPresent(path, limit);
        if (content == null) {
            throw new ErrnoException(Errno.ENOENT, "open", path);
        }
        return content;
    }

    /** As {@link #read}, but the errors ENOENT and ENODEV (a cgroup file whose group went away while open) are null. */
    public static byte @Nullable [] readIfPresent(String path, int limit) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long opened = openRaw(scratch.string(path), O_RDONLY | O_NOCTTY | O_NONBLOCK, 0);
            if (Libc.errno(opened) == Errno.ENOENT) {
                return null;
            }
            try (Fd fd = Fd.of(opened, "open", path)) {
                long buffer = scratch.zeroed(CHUNK);
                byte[] content = new byte[0];
                while (true) {
                    // NATIVE: ssize_t read(int fd, void *buf, size_t count), unistd.h. The buffer lives for the call.
                    long got = Libc.retrying(Sys.read, fd.number(), buffer, CHUNK, 0);
                    if (Libc.errno(got) == Errno.ENODEV) {
                        return null;
                    }
                    Libc.check(got, "read", path);
                    if (got == 0) {
                        return content;
                    }
                    if (content.length + got > limit) {
                        throw new ErrnoException(Errno.EFBIG, "read", path);
                    }
                    byte[] part = scratch.getBytes(buffer, (int) got);
                    if (content.length == 0) {
                        content = part;
                    } else {
                        int old = content.length;
                        content = Arrays.copyOf(content, old + part.length);
                        System.arraycopy(part, 0, content, old, part.length);
                    }
                }
            }
        }
    }

    /** Reads a small text file of the kernel, or null where it does not exist. Bytes that are no UTF-8 are kept reversibly. */
    public static @Nullable String textIfPresent(String path) throws ErrnoException {
        byte[] content = readIfPresent(path, KERNEL_FILE_LIMIT);
        return content == null ? null : PathBytes.decode(content, 0, content.length);
    }

    /** Reads a small text file of the kernel. */
    public static String text(String path) throws ErrnoException {
        byte[] content = read(path, KERNEL_FILE_LIMIT);
        return PathBytes.decode(content, 0, content.length);
    }

    /** Writes a kernel file (procfs, cgroupfs) in one write(2); see {@link #tryWrite}. */
    public static void write(String path, String text) throws ErrnoException {
        Errno errno = tryWrite(path, text);
        if (!errno.ok()) {
            throw new ErrnoException(errno, "write", path);
        }
    }

    /**
     * Writes a kernel file (procfs, cgroupfs) that must exist, in one write(2), as those files take a request per call.
     *
     * @return SUCCESS, or the error of open(2) or write(2); EIO for a short write
     */
    public static Errno tryWrite(String path, String text) {
        byte[] content = text.getBytes(StandardCharsets.UTF_8);
        try (Scratch scratch = new Scratch()) {
            long opened = openRaw(scratch.string(path), O_WRONLY | O_NOCTTY, 0);
            if (opened < 0) {
                return Libc.errno(opened);
            }
            try (Fd fd = Fd.adopt((int) opened, path)) {
                long written = writeRaw(fd, scratch.bytes(content, 0, content.length), content.length);
                return written >= 0 && written != content.length ? Errno.EIO : Libc.errno(written);
            }
        }
    }

    /**
     * As {@link #tryWrite} for several requests to one file, which is opened once.
     *
     * @return how each went
     */
    public static List<Errno> tryWriteEach(String path, List<String> texts) {
        List<Errno> results = new ArrayList<>(texts.size());
        try (Scratch scratch = new Scratch()) {
            long opened = openRaw(scratch.string(path), O_WRONLY | O_NOCTTY, 0);
            if (opened < 0) {
                return Collections.nCopies(texts.size(), Libc.errno(opened));
            }
            try (Fd fd = Fd.adopt((int) opened, path)) {
                for (String text : texts) {
                    byte[] content = text.getBytes(StandardCharsets.UTF_8);
                    long written = writeRaw(fd, scratch.bytes(content, 0, content.length), content.length);
                    results.add(written >= 0 && written != content.length ? Errno.EIO : Libc.errno(written));
                }
            }
        }
        return results;
    }

    /** Writes all bytes to a descriptor, in as many calls as it takes. */
    public static void writeAll(Fd fd, byte[] content) throws ErrnoException {
        for (int done = 0; done < content.length; ) {
            int part = Math.min(content.length - done, 1 << 20);
            try (Scratch scratch = new Scratch()) {
                long written = writeRaw(fd, scratch.bytes(content, done, part), part);
                done += (int) Libc.check(written, "write", fd.name());
            }
        }
    }

    // NATIVE: ssize_t write(int fd, const void *buf, size_t count), unistd.h. The buffer lives for the call. EINTR is
    // retried: nothing has been written then.
    private static long writeRaw(Fd fd, long address, int length) {
        return Libc.retrying(Sys.write, fd.number(), address, length, 0);
    }

    /** Creates a directory. Returns SUCCESS or the error, EEXIST among them. */
    public static Errno tryMkdir(String path, int mode) {
        try (Scratch scratch = new Scratch()) {
            // NATIVE: int mkdirat(int dirfd, const char *path, mode_t mode), sys/stat.h.
            return Libc.errno(Libc.call(Sys.mkdirat, Abi.AT_FDCWD, scratch.string(path), mode));
        }
    }

    /**
     * Reads what a non-blocking descriptor has at the moment.
     *
     * @return nothing if it has nothing now, null at its end
     */
    public static byte @Nullable [] readAvailable(Fd fd, int most) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long buffer = scratch.zeroed(most);
            // NATIVE: ssize_t read(int fd, void *buffer, size_t length), unistd.h. The buffer lives for the call.
            long got = Libc.retrying(Sys.read, fd.number(), buffer, most, 0);
            if (Libc.errno(got) == Errno.EAGAIN) {
                return new byte[0];
            }
            int length = (int) Libc.check(got, "read", fd.name());
            return length == 0 ? null : scratch.getBytes(buffer, length);
        }
    }

    /** Removes an empty directory. Returns SUCCESS or the error, ENOENT and EBUSY among them. */
    public static Errno tryRmdir(String path) {
        try (Scratch scratch = new Scratch()) {
            // NATIVE: int unlinkat(int dirfd, const char *path, int flags), fcntl.h.
            return Libc.errno(Libc.call(Sys.unlinkat, Abi.AT_FDCWD, scratch.string(path), Abi.AT_REMOVEDIR));
        }
    }

    /** As {@link #tryRmdir(String)} for a name in an open directory, however long the way there is. */
    public static Errno tryRmdir(Fd directory, String name) {
        try (Scratch scratch = new Scratch()) {
            return Libc.errno(Libc.call(Sys.unlinkat, directory.number(), scratch.string(name), Abi.AT_REMOVEDIR));
        }
    }

    /** Removes a name that is no directory. Returns SUCCESS or the error, ENOENT among them. */
    public static Errno tryUnlink(String path) {
        try (Scratch scratch = new Scratch()) {
            return Libc.errno(Libc.call(Sys.unlinkat, Abi.AT_FDCWD, scratch.string(path), 0));
        }
    }

    /** Whether a path can be resolved, following symbolic links. */
    public static boolean exists(String path) {
        try (Scratch scratch = new Scratch()) {
            // NATIVE: int faccessat(int dirfd, const char *path, int mode), unistd.h; mode 0 is F_OK.
            return Libc.call(Sys.faccessat, Abi.AT_FDCWD, scratch.string(path), 0) == 0;
        }
    }

    /** Creates a fifo with the given permission bits, masked by the umask. */
    public static void mkfifo(String path, int mode) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            // NATIVE: int mknodat(int dirfd, const char *path, mode_t mode, dev_t dev), sys/stat.h.
            long result = Libc.call(Sys.mknodat, Abi.AT_FDCWD, scratch.string(path), Abi.S_IFIFO | mode, 0);
            Libc.check(result, "mkfifo", path);
        }
    }

    /** Changes the owner of a path; a symbolic link itself is changed, not its target. -1 keeps an id. */
    public static void chown(String path, int uid, int gid) throws ErrnoException {
        Errno errno = tryChown(path, uid, gid);
        if (!errno.ok()) {
            throw new ErrnoException(errno, "chown", path);
        }
    }

    /** As {@link #chown}, with the error as a value. */
    public static Errno tryChown(String path, int uid, int gid) {
        try (Scratch scratch = new Scratch()) {
            // NATIVE: int fchownat(int dirfd, const char *path, uid_t owner, gid_t group, int flags), unistd.h.
            return Libc.errno(
                    Libc.call(Sys.fchownat, Abi.AT_FDCWD, scratch.string(path), uid, gid, Abi.AT_SYMLINK_NOFOLLOW, 0));
        }
    }

    /** Changes the owner of an open file; -1 keeps an id. */
    public static void chown(Fd fd, int uid, int gid) throws ErrnoException {
        // NATIVE: int fchown(int fd, uid_t owner, gid_t group), unistd.h.
        Libc.check(Libc.call(Sys.fchown, fd.number(), uid, gid), "chown", fd.name());
    }

    /** Sets the file mode creation mask of the whole process and returns the old one. Belongs at the start of main. */
    public static int umask(int mask) {
        // NATIVE: mode_t umask(mode_t mask), sys/stat.h. Cannot fail. Process-wide: races with other threads'
        // creations.
        return (int) Libc.call(Sys.umask, mask);
    }

    /**
     * Takes an exclusive lock file without waiting, creating the file (mode 0600) if need be. The lock ends with the
     * descriptor, also when the process dies.
     *
     * @return the lock, or null while somebody else holds it
     */
    public static @Nullable Fd tryLock(String path) throws ErrnoException {
        Fd fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
        // NATIVE: int flock(int fd, int operation), sys/file.h. The lock belongs to the open file, so every copy of the
        // descriptor holds it: it is close-on-exec.
        Errno errno = Libc.errno(Libc.retrying(Sys.flock, fd.number(), Abi.LOCK_EX | Abi.LOCK_NB, 0, 0));
        if (errno.ok()) {
            return fd;
        }
        fd.close();
        if (errno == Errno.EAGAIN) {
            return null;
        }
        throw new ErrnoException(errno, "flock", path);
    }

    /**
     * As {@link #tryLock(String)}, but waits for it, for as long as it takes. The calling thread sleeps in the kernel; not for a virtual
     * thread, which would keep its carrier. A signal that the virtual machine handles does not end the wait.
     */
    public static Fd lock(String path) throws ErrnoException {
        Fd fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
        // NATIVE: as in tryLock.
        Errno errno = Libc.errno(Libc.retrying(Sys.flock, fd.number(), Abi.LOCK_EX, 0, 0));
        if (!errno.ok()) {
            fd.close();
            throw new ErrnoException(errno, "flock", path);
        }
        return fd;
    }

    /** Reads a symbolic link relative to a directory; an empty path reads the link that an O_PATH descriptor refers to. */
    public static String readlink(Fd directory, String path) throws ErrnoException {
        return readlink(directory.number(), path, path.isEmpty() ? directory.name() : path);
    }

    /** Reads a symbolic link by path, for example {@code /proc/self/ns/net}. */
    public static String readlink(String path) throws ErrnoException {
        return readlink(Abi.AT_FDCWD, path, path);
    }

    private static String readlink(int directory, String path, String subject) throws ErrnoException {
        int size = 4096;
        try (Scratch scratch = new Scratch()) {
            long buffer = scratch.zeroed(size);
            // NATIVE: ssize_t readlinkat(int dirfd, const char *path, char *buf, size_t size), unistd.h. No NUL is
            // written.
            long length = Libc.call(Sys.readlinkat, directory, scratch.string(path), buffer, size);
            Libc.check(length, "readlink", subject);
            return PathBytes.decode(scratch.getBytes(buffer, (int) length), 0, (int) length);
        }
    }

    /**
     * Lists a directory without {@code .} and {@code ..}.
     *
     * @return the entries in the kernel's order, or null where the directory does not exist (any more)
     */
    public static @Nullable List<Entry> listIfPresent(String path) throws ErrnoException {
        return listIfPresent(path, 0);
    }

    /** As {@link #listIfPresent(String)}, with O_ constants to open it. */
    public static @Nullable List<Entry> listIfPresent(String path, int flags) throws ErrnoException {
        try (Fd fd = openIfPresent(path, O_RDONLY | O_DIRECTORY | flags)) {
            if (fd == null) {
                return null;
            }
            List<Entry> entries = new ArrayList<>();
            try (Scratch scratch = new Scratch()) {
                long buffer = scratch.zeroed(CHUNK);
                while (true) {
                    // NATIVE: long getdents64(int fd, void *dirp, size_t count), man getdents. The buffer lives for the
                    // call; the kernel fills whole records only.
                    long got = Libc.call(Sys.getdents64, fd.number(), buffer, CHUNK);
                    if (Libc.errno(got) == Errno.ENOENT) {
                        return null;
                    }
                    Libc.check(got, "getdents64", path);
                    if (got == 0) {
                        return entries;
                    }
                    addEntries(scratch.getBytes(buffer, (int) got), entries);
                }
            }
        }
    }

    private static void addEntries(byte[] records, List<Entry> entries) {
        for (int at = 0; at < records.length; ) {
            int length = (records[at + Abi.DIRENT_RECLEN] & 0xff) | (records[at + Abi.DIRENT_RECLEN + 1] & 0xff) << 8;
            int start = at + Abi.DIRENT_NAME;
            int end = start;
            while (records[end] != 0) {
                end++;
            }
            boolean dots =
                    records[start] == '.' && (end - start == 1 || (end - start == 2 && records[start + 1] == '.'));
            if (!dots) {
                boolean directory = records[at + Abi.DIRENT_TYPE] == Abi.DT_DIR;
                entries.add(new Entry(PathBytes.decode(records, start, end), directory));
            }
            at += length;
        }
    }
}
