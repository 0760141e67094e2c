package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * System calls on files that are known by descriptor, and on names in directories that are: never on a path that somebody else has made. All
 * descriptors are close-on-exec. One object per thread.
 */
final class FileCalls implements AutoCloseable {
    // spotless:off
    static final int O_ACCMODE   = 3;
    static final int O_RDONLY    = 0;
    static final int O_WRONLY    = 1;
    static final int O_RDWR      = 2;
    static final int O_CREAT     = 0x40;
    static final int O_EXCL      = 0x80;
    static final int O_NOCTTY    = 0x100;
    static final int O_TRUNC     = 0x200;
    static final int O_APPEND    = 0x400;
    static final int O_NONBLOCK  = 0x800;
    static final int O_DSYNC     = 0x1000;
    static final int O_DIRECTORY = 0x10000;
    static final int O_NOFOLLOW  = 0x20000;
    static final int O_SYNC      = 0x101000;
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_PATH    = 0x200000;

    private static final int AT_FDCWD            = -100;
    private static final int AT_SYMLINK_FOLLOW   = 0x400;
    private static final int AT_EMPTY_PATH       = 0x1000;
    private static final int STATX_BASIC_STATS   = 0x7ff;

    private static final int SYS_LSEEK      = 8;
    private static final int SYS_FSYNC      = 74;
    private static final int SYS_FDATASYNC  = 75;
    private static final int SYS_FTRUNCATE  = 77;
    private static final int SYS_FSTATFS    = 138;
    private static final int SYS_SETXATTR   = 188;
    private static final int SYS_GETXATTR   = 191;
    private static final int SYS_LISTXATTR  = 194;
    private static final int SYS_REMOVEXATTR = 197;
    private static final int SYS_GETDENTS64 = 217;
    private static final int SYS_OPENAT     = 257;
    private static final int SYS_MKDIRAT    = 258;
    private static final int SYS_MKNODAT    = 259;
    private static final int SYS_FCHOWNAT   = 260;
    private static final int SYS_UNLINKAT   = 263;
    private static final int SYS_LINKAT     = 265;
    private static final int SYS_SYMLINKAT  = 266;
    private static final int SYS_READLINKAT = 267;
    private static final int SYS_FCHMODAT   = 268;
    private static final int SYS_UTIMENSAT  = 280;
    private static final int SYS_FALLOCATE  = 285;
    private static final int SYS_PREADV2    = 327;
    private static final int SYS_PWRITEV2   = 328;
    private static final int SYS_SYNCFS     = 306;
    private static final int SYS_RENAMEAT2  = 316;
    private static final int SYS_COPY_FILE_RANGE = 326;
    private static final int SYS_STATX      = 332;
    private static final int SYS_READ       = 0;
    private static final int SYS_FANOTIFY_INIT = 300;
    private static final int SYS_FANOTIFY_MARK = 301;
    private static final int SYS_NAME_TO_HANDLE_AT = 303;
    private static final int SYS_FCNTL      = 72;
    private static final int SYS_FLOCK      = 73;
    private static final int RWF_APPEND     = 0x10;
    private static final int F_OFD_GETLK    = 36;
    private static final int F_OFD_SETLK    = 37;
    /** CLASS_NOTIF, CLOEXEC, NONBLOCK, REPORT_FID, REPORT_DIR_FID, REPORT_NAME, REPORT_TARGET_FID. */
    private static final int WATCH          = 0x1 | 0x2 | 0x200 | 0x400 | 0x800 | 0x1000;
    private static final int FAN_MARK_ADD    = 1;
    private static final int FAN_MARK_REMOVE = 2;
    private static final int FAN_EVENT_ON_CHILD = 0x08000000;
    private static final int MAX_HANDLE_SZ  = 128;
    private static final int HANDLE_HEAD    = 8;
    /** Of struct statfs. */
    private static final int F_FSID         = 56;
    // spotless:on

    /** What a value of an attribute, a list of attributes and a piece of a directory have as room. */
    static final int DATA = 64 << 10;

    private static final int STRING = 4096;
    private static final int STATX = 256;
    /** Of struct statfs. */
    private static final int STATFS = 120;

    private static final int LINKED = 2 * STRING;
    private static final int RESULT = 3 * STRING;
    private static final int DATA_AT = 4 * STRING;

    private final KernelCalls calls = new KernelCalls();
    private final NativeMemory memory = new NativeMemory(DATA_AT + DATA);

    private long string(int at, byte[] bytes) {
        if (bytes.length >= STRING) {
            throw new IllegalArgumentException("a string of " + bytes.length + " bytes");
        }
        memory.putBytes(at, bytes);
        memory.putByte(at + bytes.length, 0);
        return memory.address(at);
    }

    /** The file itself, by its descriptor: opening it opens the inode again, whatever its names are. */
    private long itself(int fd) {
        return string(0, ("/proc/self/fd/" + fd).getBytes(StandardCharsets.US_ASCII));
    }

    private static Fd owned(long result) throws FuseError {
        return Fd.adopt((int) FuseError.check(result), "a shared file");
    }

    // ---- opening ----

    /** What a name in a directory stands for, a symbolic link itself; to be known, not to be read. */
    Fd find(int directory, byte[] name) throws FuseError {
        return owned(calls.call(SYS_OPENAT, directory, string(0, name), O_PATH | O_NOFOLLOW | O_CLOEXEC, 0));
    }

    /** An inode once more, in another way. */
    Fd reopen(int fd, int flags) throws FuseError {
        return owned(calls.call(SYS_OPENAT, AT_FDCWD, itself(fd), flags | O_CLOEXEC, 0));
    }

    /** An O_PATH descriptor of what another descriptor has open. */
    Fd reference(int fd) throws FuseError {
        return reopen(fd, O_PATH);
    }

    /** A new regular file; the name must stand for nothing. */
    Fd create(int directory, byte[] name, int flags, int mode) throws FuseError {
        return owned(calls.call(
                SYS_OPENAT,
                directory,
                string(0, name),
                flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC,
                mode));
    }

    // ---- names ----

    void makeDirectory(int directory, byte[] name, int mode) throws FuseError {
        FuseError.check(calls.call(SYS_MKDIRAT, directory, string(0, name), mode));
    }

    void makeNode(int directory, byte[] name, int mode) throws FuseError {
        FuseError.check(calls.call(SYS_MKNODAT, directory, string(0, name), mode, 0));
    }

    void makeLink(int directory, byte[] name, byte[] target) throws FuseError {
        FuseError.check(calls.call(SYS_SYMLINKAT, string(LINKED, target), directory, string(0, name)));
    }

    /** Another name for an inode. */
    void link(int fd, int directory, byte[] name) throws FuseError {
        long from = itself(fd);
        FuseError.check(calls.call(SYS_LINKAT, AT_FDCWD, from, directory, string(STRING, name), AT_SYMLINK_FOLLOW));
    }

    void unlink(int directory, byte[] name, int flags) throws FuseError {
        FuseError.check(calls.call(SYS_UNLINKAT, directory, string(0, name), flags));
    }

    void rename(int from, byte[] name, int to, byte[] newName, int flags) throws FuseError {
        FuseError.check(calls.call(SYS_RENAMEAT2, from, string(0, name), to, string(STRING, newName), flags));
    }

    byte[] readLink(int fd) throws FuseError {
        memory.putByte(0, 0);
        long length =
                FuseError.check(calls.call(SYS_READLINKAT, fd, memory.address(), memory.address(DATA_AT), STRING));
        return memory.getBytes(DATA_AT, (int) length);
    }

    // ---- attributes ----

    FileStatus status(int fd) throws FuseError {
        memory.putByte(0, 0);
        FuseError.check(
                calls.call(SYS_STATX, fd, memory.address(), AT_EMPTY_PATH, STATX_BASIC_STATS, memory.address(RESULT)));
        return FileStatus.of(memory.getBytes(RESULT, STATX));
    }

    /** Of one that is of no use without: it is closed when that fails. */
    FileStatus statusOrClose(Fd fd) throws FuseError {
        try {
            return status(fd.number());
        } catch (FuseError e) {
            fd.close();
            throw e;
        }
    }

    byte[] fileSystem(int fd) throws FuseError {
        FuseError.check(calls.call(SYS_FSTATFS, fd, memory.address(RESULT)));
        return memory.getBytes(RESULT, STATFS);
    }

    void changeMode(int fd, int mode) throws FuseError {
        FuseError.check(calls.call(SYS_FCHMODAT, AT_FDCWD, itself(fd), mode));
    }

    /** -1 keeps an id. */
    void changeOwner(int fd, int uid, int gid) throws FuseError {
        memory.putByte(0, 0);
        FuseError.check(calls.call(SYS_FCHOWNAT, fd, memory.address(), uid, gid, AT_EMPTY_PATH));
    }

    /** Nanoseconds may be UTIME_NOW or UTIME_OMIT. */
    void changeTimes(int fd, long access, long accessNanos, long modified, long modifiedNanos) throws FuseError {
        memory.putLong(RESULT, access);
        memory.putLong(RESULT + 8, accessNanos);
        memory.putLong(RESULT + 16, modified);
        memory.putLong(RESULT + 24, modifiedNanos);
        FuseError.check(calls.call(SYS_UTIMENSAT, AT_FDCWD, itself(fd), memory.address(RESULT), 0));
    }

    void truncate(int fd, long size) throws FuseError {
        FuseError.check(calls.call(SYS_FTRUNCATE, fd, size));
    }

    byte[] attribute(int fd, byte[] name) throws FuseError {
        long got = FuseError.check(
                calls.call(SYS_GETXATTR, itself(fd), string(STRING, name), memory.address(DATA_AT), DATA));
        return memory.getBytes(DATA_AT, (int) got);
    }

    byte[] attributes(int fd) throws FuseError {
        long got = FuseError.check(calls.call(SYS_LISTXATTR, itself(fd), memory.address(DATA_AT), DATA));
        return memory.getBytes(DATA_AT, (int) got);
    }

    void setAttribute(int fd, byte[] name, byte[] value, int flags) throws FuseError {
        memory.putBytes(DATA_AT, value);
        FuseError.check(calls.call(
                SYS_SETXATTR, itself(fd), string(STRING, name), memory.address(DATA_AT), value.length, flags));
    }

    void removeAttribute(int fd, byte[] name) throws FuseError {
        FuseError.check(calls.call(SYS_REMOVEXATTR, itself(fd), string(STRING, name)));
    }

    // ---- contents ----

    /** Returns how much was read, or a negative errno. */
    long read(int fd, NativeMemory vector, int pieces, long offset) {
        return calls.call(SYS_PREADV2, fd, vector.address(), pieces, offset, 0, 0);
    }

    /** Returns how much was written, or a negative errno. */
    long write(int fd, NativeMemory vector, int pieces, long offset, boolean append) {
        return calls.call(SYS_PWRITEV2, fd, vector.address(), pieces, offset, 0, append ? RWF_APPEND : 0);
    }

    void sync(int fd, boolean dataOnly) throws FuseError {
        FuseError.check(calls.call(dataOnly ? SYS_FDATASYNC : SYS_FSYNC, fd));
    }

    void syncFileSystem(int fd) throws FuseError {
        FuseError.check(calls.call(SYS_SYNCFS, fd));
    }

    void allocate(int fd, int mode, long offset, long length) throws FuseError {
        FuseError.check(calls.call(SYS_FALLOCATE, fd, mode, offset, length));
    }

    long seek(int fd, long offset, int whence) throws FuseError {
        return FuseError.check(calls.call(SYS_LSEEK, fd, offset, whence));
    }

    long copy(int from, long fromOffset, int to, long toOffset, long length) throws FuseError {
        memory.putLong(RESULT, fromOffset);
        memory.putLong(RESULT + 8, toOffset);
        return FuseError.check(calls.call(
                SYS_COPY_FILE_RANGE, from, memory.address(RESULT), to, memory.address(RESULT + 8), length, 0));
    }

    /** The next entries of a directory, as getdents64(2) gives them; empty at its end. */
    byte[] entries(int fd, int room) throws FuseError {
        long got = FuseError.check(calls.call(SYS_GETDENTS64, fd, memory.address(DATA_AT), Math.min(DATA, room)));
        return memory.getBytes(DATA_AT, (int) got);
    }

    // ---- what others do to them ----

    /** A group that is told of changes (fanotify_init(2)); it needs no privilege. */
    Fd watchGroup() throws FuseError {
        return owned(calls.call(SYS_FANOTIFY_INIT, WATCH, 0));
    }

    /** Has a group told of what happens to an inode, and to a directory's entries; or not any more. */
    void mark(int group, int fd, boolean directory, boolean on) throws FuseError {
        long mask = HostChange.MODIFY | HostChange.ATTRIB | HostChange.CLOSE_WRITE;
        if (directory) {
            mask |= HostChange.CREATE | HostChange.DELETE | HostChange.RENAME | HostChange.ONDIR | FAN_EVENT_ON_CHILD;
        }
        FuseError.check(
                calls.call(SYS_FANOTIFY_MARK, group, on ? FAN_MARK_ADD : FAN_MARK_REMOVE, mask, AT_FDCWD, itself(fd)));
    }

    /** What a group was told, without waiting; empty when there is nothing. */
    byte[] events(int group, int room) throws ErrnoException {
        long got = calls.call(SYS_READ, group, memory.address(DATA_AT), Math.min(DATA, room));
        if (got < 0 && Errno.of((int) -got) != Errno.EAGAIN) {
            throw new ErrnoException(Errno.of((int) -got), "read", "the changes of shared files");
        }
        return got < 0 ? new byte[0] : memory.getBytes(DATA_AT, (int) got);
    }

    /** How a group calls an inode. */
    FileHandle handle(int fd) throws FuseError {
        FuseError.check(calls.call(SYS_FSTATFS, fd, memory.address(RESULT)));
        long system = memory.getLong(RESULT + F_FSID);
        // struct file_handle: what there is room for and what there is, the type, the handle.
        memory.putInt(RESULT, MAX_HANDLE_SZ);
        memory.putInt(RESULT + 4, 0);
        memory.putByte(0, 0);
        FuseError.check(calls.call(
                SYS_NAME_TO_HANDLE_AT,
                fd,
                memory.address(),
                memory.address(RESULT),
                memory.address(RESULT + HANDLE_HEAD + MAX_HANDLE_SZ),
                AT_EMPTY_PATH));
        byte[] handle = memory.getBytes(RESULT, HANDLE_HEAD + memory.getInt(RESULT));
        return new FileHandle(ByteBuffer.allocate(Long.BYTES + handle.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(system)
                .put(handle)
                .flip());
    }

    // ---- locks ----

    /** Puts {@code struct flock}: type 0, whence 2, start 8, length 16, pid 24. */
    private long range(int type, long start, long length) {
        memory.putLong(RESULT, 0);
        memory.putShort(RESULT, type);
        memory.putLong(RESULT + 8, start);
        memory.putLong(RESULT + 16, length);
        memory.putLong(RESULT + 24, 0);
        return memory.address(RESULT);
    }

    /**
     * Locks or unlocks a range for an open file (F_OFD_SETLK), without waiting.
     *
     * @param length 0 for up to the end
     */
    void lock(int fd, int type, long start, long length) throws FuseError {
        FuseError.check(calls.call(SYS_FCNTL, fd, F_OFD_SETLK, range(type, start, length)));
    }

    /** What is in the way of a lock: type, start and length (0: up to the end). */
    long[] testLock(int fd, int type, long start, long length) throws FuseError {
        FuseError.check(calls.call(SYS_FCNTL, fd, F_OFD_GETLK, range(type, start, length)));
        return new long[] {memory.getShort(RESULT), memory.getLong(RESULT + 8), memory.getLong(RESULT + 16)};
    }

    /** flock(2). */
    void lockWhole(int fd, int operation) throws FuseError {
        FuseError.check(calls.call(SYS_FLOCK, fd, operation));
    }

    @Override
    public void close() {
        memory.close();
        calls.close();
    }
}
