package dev.caisson.linux;

/** System call numbers of x86-64 (asm/unistd_64.h), by number. Compared with the C compiler's view by AbiTest. */
final class Sys {
    // spotless:off
    static final int read              =   0;
    static final int write             =   1;
    static final int close             =   3;
    static final int sched_yield       =  24;
    static final int getpid            =  39;
    static final int socket            =  41;
    static final int connect           =  42;
    static final int recvfrom          =  45;
    static final int sendto            =  44;
    static final int sendmsg           =  46;
    static final int recvmsg           =  47;
    static final int shutdown          =  48;
    static final int bind              =  49;
    static final int listen            =  50;
    static final int setsockopt        =  54;
    static final int kill              =  62;
    static final int fcntl             =  72;
    static final int flock             =  73;
    static final int ftruncate         =  77;
    static final int ioctl             =  16;
    static final int fchown            =  93;
    static final int umask             =  95;
    static final int getuid            = 102;
    static final int geteuid           = 107;
    static final int getegid           = 108;
    static final int getppid           = 110;
    static final int statfs            = 137;
    static final int setpriority       = 141;
    static final int mount             = 165;
    static final int umount2           = 166;
    static final int getdents64        = 217;
    static final int clock_settime     = 227;
    static final int clock_adjtime     = 305;
    static final int epoll_ctl         = 233;
    static final int inotify_add_watch = 254;
    static final int inotify_rm_watch  = 255;
    static final int openat            = 257;
    static final int mkdirat           = 258;
    static final int mknodat           = 259;
    static final int fchownat          = 260;
    static final int unlinkat          = 263;
    static final int readlinkat        = 267;
    static final int faccessat         = 269;
    static final int epoll_pwait       = 281;
    static final int accept4           = 288;
    static final int eventfd2          = 290;
    static final int epoll_create1     = 291;
    static final int inotify_init1     = 294;
    static final int setns             = 308;
    static final int sched_setattr     = 314;
    static final int sched_getattr     = 315;
    static final int memfd_create      = 319;
    static final int bpf               = 321;
    static final int pidfd_send_signal = 424;
    static final int pidfd_open        = 434;
    static final int openat2           = 437;
    static final int pidfd_getfd       = 438;
    static final int landlock_create_ruleset = 444;
    // spotless:on

    private Sys() {}
}
