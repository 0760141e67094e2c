package dev.caisson.kvm.virtio.fs;

/** Numbers of the protocol (include/uapi/linux/fuse.h, version 7.37). */
final class FuseAbi {
    // spotless:off
    static final int MAJOR = 7;
    static final int MINOR = 37;
    /** What a driver must speak at least: Linux 5.10. */
    static final int OLDEST_MINOR = 32;

    static final int IN_HEADER  = 40;
    static final int OUT_HEADER = 16;
    static final int ATTRIBUTES = 88;
    static final int ENTRY      = 128;
    static final int DIRENT     = 24;
    static final long ROOT_ID   = 1;
    /** The node of the host's changes, and the first of the nodes of things that there are not ({@link ChangeRelay}). */
    static final long CHANGES_ID = 1L << 62;

    static final int LOOKUP       = 1;
    static final int FORGET       = 2;
    static final int GETATTR      = 3;
    static final int SETATTR      = 4;
    static final int READLINK     = 5;
    static final int SYMLINK      = 6;
    static final int MKNOD        = 8;
    static final int MKDIR        = 9;
    static final int UNLINK       = 10;
    static final int RMDIR        = 11;
    static final int RENAME       = 12;
    static final int LINK         = 13;
    static final int OPEN         = 14;
    static final int READ         = 15;
    static final int WRITE        = 16;
    static final int STATFS       = 17;
    static final int RELEASE      = 18;
    static final int FSYNC        = 20;
    static final int SETXATTR     = 21;
    static final int GETXATTR     = 22;
    static final int LISTXATTR    = 23;
    static final int REMOVEXATTR  = 24;
    static final int FLUSH        = 25;
    static final int INIT         = 26;
    static final int OPENDIR      = 27;
    static final int READDIR      = 28;
    static final int RELEASEDIR   = 29;
    static final int FSYNCDIR     = 30;
    static final int GETLK        = 31;
    static final int SETLK        = 32;
    static final int SETLKW       = 33;
    static final int CREATE       = 35;
    static final int DESTROY      = 38;
    static final int BATCH_FORGET = 42;
    static final int FALLOCATE    = 43;
    static final int RENAME2      = 45;
    static final int LSEEK        = 46;
    static final int COPY_FILE_RANGE = 47;
    static final int SYNCFS       = 50;

    static final int INIT_ASYNC_READ     = 1;
    static final int INIT_POSIX_LOCKS    = 1 << 1;
    static final int INIT_ATOMIC_O_TRUNC = 1 << 3;
    static final int INIT_BIG_WRITES     = 1 << 5;
    static final int INIT_FLOCK_LOCKS    = 1 << 10;
    /** What is cached of a file goes when its size or its modification time is another one. */
    static final int INIT_AUTO_INVAL_DATA = 1 << 12;
    static final int INIT_ASYNC_DIO      = 1 << 15;
    static final int INIT_PARALLEL_DIROPS = 1 << 18;
    static final int INIT_POSIX_ACL      = 1 << 20;
    static final int INIT_MAX_PAGES      = 1 << 22;
    static final int INIT_SUBMOUNTS      = 1 << 27;
    static final int INIT_HANDLE_KILLPRIV_V2 = 1 << 28;

    static final int GETATTR_FH          = 1;
    static final int SETATTR_MODE        = 1;
    static final int SETATTR_UID         = 1 << 1;
    static final int SETATTR_GID         = 1 << 2;
    static final int SETATTR_SIZE        = 1 << 3;
    static final int SETATTR_ATIME       = 1 << 4;
    static final int SETATTR_MTIME       = 1 << 5;
    static final int SETATTR_FH          = 1 << 6;
    static final int SETATTR_ATIME_NOW   = 1 << 7;
    static final int SETATTR_MTIME_NOW   = 1 << 8;
    static final int SETATTR_KILL_SUIDGID = 1 << 11;
    static final int OPEN_KILL_SUIDGID   = 1;
    /** Of an answer to OPEN and CREATE. */
    static final int OPEN_DIRECT_IO      = 1;
    static final int OPEN_KEEP_CACHE     = 1 << 1;
    static final int WRITE_CACHE         = 1;
    static final int WRITE_KILL_SUIDGID  = 1 << 2;
    static final int LK_FLOCK            = 1;
    static final int FSYNC_DATA          = 1;
    /** Of an attribute's flags: the guest gives the directory a mount, and so a device number, of its own. */
    static final int ATTR_SUBMOUNT       = 1;
    // spotless:on

    private FuseAbi() {}
}
