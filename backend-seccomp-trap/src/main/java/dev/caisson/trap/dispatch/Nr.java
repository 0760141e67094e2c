package dev.caisson.trap.dispatch;

/** Numbers of the calls that handlers make (x86-64). Compared with the table by NrTest. */
public final class Nr {
    // spotless:off
    public static final int read = 0, write = 1, close = 3, fstat = 5, poll = 7, lseek = 8, socket = 41, recvmsg = 47, sendmsg = 46, getsockopt = 55, uname = 63, fcntl = 72,
            ftruncate = 77, fchdir = 81, fchmod = 91, umask = 95, setgroups = 116, setfsuid = 122, setfsgid = 123, capget = 125,
            capset = 126, fstatfs = 138, syncfs = 306, setxattr = 188, lsetxattr = 189, getxattr = 191,
            lgetxattr = 192, listxattr = 194, llistxattr = 195, removexattr = 197, lremovexattr = 198,
            getdents = 78, getdents64 = 217, inotify_add_watch = 254, openat = 257, mkdirat = 258, mknodat = 259,
            fchownat = 260, newfstatat = 262, unlinkat = 263, linkat = 265, symlinkat = 266, readlinkat = 267, fchmodat = 268, accept4 = 288, pipe2 = 293,
            epoll_pwait = 281, preadv2 = 327, pwritev2 = 328,
            unshare = 272, utimensat = 280, inotify_init1 = 294, setns = 308, renameat2 = 316, memfd_create = 319, statx = 332,
            pidfd_open = 434, openat2 = 437, pidfd_getfd = 438, faccessat2 = 439, mount_setattr = 442, fchmodat2 = 452, exit = 60,
            gettid = 186, getpid = 39, getcpu = 309, sched_setscheduler = 144, sched_setaffinity = 203, sched_getaffinity = 204;
    // spotless:on

    private Nr() {}
}
