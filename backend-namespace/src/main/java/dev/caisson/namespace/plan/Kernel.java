package dev.caisson.namespace.plan;

/** Constants of the x86-64 system call interface that plans use, in the kernel's spelling (include/uapi/linux). */
final class Kernel {
    private Kernel() {}

    // spotless:off
    static final int AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100, AT_RECURSIVE = 0x8000, AT_EMPTY_PATH = 0x1000, AT_EACCESS = 0x200;
    static final int O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREAT = 0x40, O_EXCL = 0x80, O_NOCTTY = 0x100, O_NONBLOCK = 0x800, O_DIRECTORY = 0x10000,
            O_NOFOLLOW = 0x20000, O_CLOEXEC = 0x80000, O_PATH = 0x200000;
    static final int RESOLVE_NO_XDEV = 1, RESOLVE_NO_MAGICLINKS = 2, RESOLVE_NO_SYMLINKS = 4, RESOLVE_BENEATH = 8, RESOLVE_IN_ROOT = 0x10;
    static final int S_IFIFO = 0x1000, S_IFCHR = 0x2000, S_IFDIR = 0x4000, S_IFBLK = 0x6000, S_IFREG = 0x8000, S_IFMT = 0xf000;
    static final int EPERM = 1, ENOENT = 2, EAGAIN = 11, EACCES = 13, EBUSY = 16, EEXIST = 17, ENOTDIR = 20, EINVAL = 22, ENOSYS = 38;
    static final int X_OK = 1;

    static final long CLONE_VM = 0x100, CLONE_PIDFD = 0x1000, CLONE_VFORK = 0x4000, CLONE_PARENT = 0x8000, CLONE_NEWTIME = 0x80, CLONE_NEWNS = 0x20000,
            CLONE_NEWCGROUP = 0x2000000, CLONE_NEWUTS = 0x4000000, CLONE_NEWIPC = 0x8000000, CLONE_NEWUSER = 0x10000000,
            CLONE_NEWPID = 0x20000000, CLONE_NEWNET = 0x40000000, CLONE_CLEAR_SIGHAND = 0x100000000L, CLONE_INTO_CGROUP = 0x200000000L;
    static final int CLONE_ARGS_SIZE = 88, SIGCHLD = 17, SIGKILL = 9;

    static final long MS_RDONLY = 1, MS_NOSUID = 2, MS_NODEV = 4, MS_NOEXEC = 8, MS_SYNCHRONOUS = 16, MS_REMOUNT = 32, MS_MANDLOCK = 64,
            MS_DIRSYNC = 128, MS_NOSYMFOLLOW = 256, MS_NOATIME = 1024, MS_NODIRATIME = 2048, MS_BIND = 4096, MS_MOVE = 8192, MS_REC = 16384,
            MS_SILENT = 32768, MS_UNBINDABLE = 1 << 17, MS_PRIVATE = 1 << 18, MS_SLAVE = 1 << 19, MS_SHARED = 1 << 20, MS_RELATIME = 1 << 21,
            MS_I_VERSION = 1 << 23, MS_STRICTATIME = 1 << 24, MS_LAZYTIME = 1 << 25;
    static final long MOUNT_ATTR_RDONLY = 1, MOUNT_ATTR_NOSUID = 2, MOUNT_ATTR_NODEV = 4, MOUNT_ATTR_NOEXEC = 8, MOUNT_ATTR__ATIME = 0x70,
            MOUNT_ATTR_RELATIME = 0, MOUNT_ATTR_NOATIME = 0x10, MOUNT_ATTR_STRICTATIME = 0x20, MOUNT_ATTR_NODIRATIME = 0x80,
            MOUNT_ATTR_IDMAP = 0x100000, MOUNT_ATTR_NOSYMFOLLOW = 0x200000;
    static final int MOUNT_ATTR_SIZE = 32;
    static final long OPEN_TREE_CLONE = 1, OPEN_TREE_CLOEXEC = O_CLOEXEC;
    static final long MOVE_MOUNT_F_EMPTY_PATH = 4, MOVE_MOUNT_T_EMPTY_PATH = 0x40;
    static final int MNT_DETACH = 2;

    static final int PR_SET_PDEATHSIG = 1, PR_SET_DUMPABLE = 4, PR_SET_KEEPCAPS = 8, PR_CAPBSET_DROP = 24, PR_SET_NO_NEW_PRIVS = 38,
            PR_CAP_AMBIENT = 47, PR_CAP_AMBIENT_RAISE = 2, PR_CAP_AMBIENT_CLEAR_ALL = 4;
    static final int KEYCTL_JOIN_SESSION_KEYRING = 1, KEYCTL_SETPERM = 5;
    static final int AF_UNIX = 1, AF_INET = 2, SOCK_DGRAM = 2, SOCK_SEQPACKET = 5, SOCK_CLOEXEC = O_CLOEXEC;
    static final int SIOCSIFFLAGS = 0x8914, IFF_UP = 1, IFF_RUNNING = 0x40;
    static final int TIOCSCTTY = 0x540E, TIOCSPTLCK = 0x40045431, TIOCGPTPEER = 0x5441, TIOCSWINSZ = 0x5414;
    static final int SECCOMP_SET_MODE_FILTER = 1;
    static final int IOPRIO_WHO_PROCESS = 1;
    static final int F_SETFD = 2, F_DUPFD_CLOEXEC = 1030, FD_CLOEXEC = 1;
    static final int STATFS_SIZE = 120, STATFS_FLAGS = 80, ST_NOEXEC = 8, POLLIN = 1;
    /** makedev(1, 3) as st_rdev has it: the null device. */
    static final long NULL_DEVICE = 0x103;
    static final int STAT_SIZE = 144, STAT_DEV = 0, STAT_INO = 8, STAT_MODE = 24, STAT_UID = 28, STAT_GID = 32, STAT_RDEV = 40;
    static final int STAT_CTIME = 104, STAT_CTIME_NSEC = 112;
    // spotless:on

    /** The kernel's encoding of a device number (new_encode_dev). */
    static long device(long major, long minor) {
        return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffL) << 12 | (major & ~0xfffL) << 32;
    }
}
