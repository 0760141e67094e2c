package dev.caisson.linux;

/**
 * Constants and structure layouts of x86-64 Linux that this package packs by hand. No logic. Compared with the C compiler's
 * view by AbiTest, which finds the C expression of each constant by its name or in a table of its own.
 */
final class Abi {
    // spotless:off
    static final int EINTR = 4;

    /** fcntl.h: resolve relative to the working directory. */
    static final int AT_FDCWD            = -100;
    static final int AT_REMOVEDIR        = 0x200;
    static final int AT_SYMLINK_NOFOLLOW = 0x100;
    static final int AT_EMPTY_PATH       = 0x1000;

    static final int LOCK_EX = 2;
    static final int LOCK_NB = 4;

    static final int S_IFIFO = 0x1000;
    static final int DT_DIR  = 4;

    static final int F_ADD_SEALS   = 1033;
    static final int F_SEAL_SEAL   = 0x01;
    static final int F_SEAL_SHRINK = 0x02;
    static final int F_SEAL_GROW   = 0x04;
    static final int F_SEAL_WRITE  = 0x08;
    /** linux/fcntl.h, since Linux 6.3. */
    static final int F_SEAL_EXEC   = 0x20;

    static final int MFD_CLOEXEC       = 0x01;
    static final int MFD_ALLOW_SEALING = 0x02;
    /** linux/memfd.h, since Linux 6.3. */
    static final int MFD_EXEC          = 0x10;

    static final int AF_UNIX      = 1;
    static final int SOCK_STREAM  = 1;
    static final int SOCK_DGRAM   = 2;
    static final int SOCK_CLOEXEC = 0x80000;
    static final int SOCK_NONBLOCK = 0x800;
    static final int SHUT_RDWR = 2;
    static final int SOL_SOCKET   = 1;
    static final int SO_RCVTIMEO  = 20;
    static final int SO_SNDTIMEO  = 21;
    static final int SCM_RIGHTS   = 1;
    static final int MSG_CMSG_CLOEXEC = 0x40000000;
    static final int MSG_DONTWAIT = 0x40;
    static final int MSG_NOSIGNAL = 0x4000;

    static final int EPOLL_CLOEXEC = 0x80000;
    static final int EPOLL_CTL_ADD = 1;
    static final int EPOLL_CTL_DEL = 2;
    static final int EPOLL_CTL_MOD = 3;
    static final int EFD_CLOEXEC   = 0x80000;
    static final int EFD_NONBLOCK  = 0x800;
    static final int IN_CLOEXEC    = 0x80000;
    static final int IN_NONBLOCK   = 0x800;

    static final int PRIO_PROCESS = 0;

    static final int BPF_MAP_CREATE         = 0;
    static final int BPF_MAP_TYPE_ARRAY     = 2;
    static final int BPF_F_MMAPABLE         = 1 << 10;
    static final int BPF_PROG_LOAD          = 5;
    static final int BPF_PROG_ATTACH        = 8;
    static final int BPF_PROG_DETACH        = 9;
    static final int BPF_PROG_GET_FD_BY_ID  = 13;
    static final int BPF_PROG_QUERY         = 16;
    static final int BPF_PROG_TYPE_CGROUP_SKB    = 8;
    static final int BPF_PROG_TYPE_CGROUP_DEVICE = 15;
    static final int BPF_PROG_TYPE_CGROUP_SOCK_ADDR = 18;
    static final int BPF_CGROUP_INET_EGRESS = 1;
    static final int BPF_CGROUP_DEVICE      = 6;
    static final int BPF_CGROUP_INET4_CONNECT = 10;
    static final int BPF_CGROUP_INET6_CONNECT = 11;
    static final int BPF_CGROUP_UDP4_SENDMSG = 14;
    static final int BPF_CGROUP_UDP6_SENDMSG = 15;
    static final int BPF_F_ALLOW_MULTI      = 2;
    static final int BPF_F_REPLACE          = 4;

    /** union bpf_attr, linux/bpf.h: the members of each command overlay each other. */
    static final int BPF_MAP_TYPE        = 0;
    static final int BPF_MAP_KEY_SIZE    = 4;
    static final int BPF_MAP_VALUE_SIZE  = 8;
    static final int BPF_MAP_ENTRIES     = 12;
    static final int BPF_MAP_FLAGS       = 16;
    static final int BPF_MAP_NAME        = 28;
    static final int BPF_LOAD_PROG_TYPE  = 0;
    static final int BPF_LOAD_INSN_CNT   = 4;
    static final int BPF_LOAD_INSNS      = 8;
    static final int BPF_LOAD_LICENSE    = 16;
    static final int BPF_LOAD_LOG_LEVEL  = 24;
    static final int BPF_LOAD_LOG_SIZE   = 28;
    static final int BPF_LOAD_LOG_BUF    = 32;
    static final int BPF_LOAD_PROG_NAME  = 48;
    static final int BPF_LOAD_ATTACH_TYPE = 68;
    static final int BPF_ATTACH_TARGET_FD      = 0;
    static final int BPF_ATTACH_BPF_FD         = 4;
    static final int BPF_ATTACH_TYPE           = 8;
    static final int BPF_ATTACH_FLAGS          = 12;
    static final int BPF_ATTACH_REPLACE_BPF_FD = 16;
    static final int BPF_QUERY_TARGET_FD  = 0;
    static final int BPF_QUERY_TYPE       = 4;
    static final int BPF_QUERY_PROG_IDS   = 16;
    static final int BPF_QUERY_PROG_CNT   = 24;
    static final int BPF_GET_PROG_ID      = 0;
    /** What this package passes as the size of the union: up to and including expected_attach_type. */
    static final int BPF_ATTR_SIZE        = 72;

    /** struct epoll_event is packed on x86-64. */
    static final int EPOLL_EVENT_SIZE   = 12;
    static final int EPOLL_EVENT_EVENTS = 0;
    static final int EPOLL_EVENT_DATA   = 4;

    static final int INOTIFY_EVENT_WD     = 0;
    static final int INOTIFY_EVENT_MASK   = 4;
    static final int INOTIFY_EVENT_COOKIE = 8;
    static final int INOTIFY_EVENT_LEN    = 12;
    static final int INOTIFY_EVENT_NAME   = 16;

    static final int DIRENT_INO    = 0;
    static final int DIRENT_RECLEN = 16;
    static final int DIRENT_TYPE   = 18;
    static final int DIRENT_NAME   = 19;

    static final int SOCKADDR_UN_PATH = 2;
    static final int SOCKADDR_UN_SIZE = 110;
    static final int MSGHDR_SIZE       = 56;
    static final int MSGHDR_IOV        = 16;
    static final int MSGHDR_IOVLEN     = 24;
    static final int MSGHDR_CONTROL    = 32;
    static final int MSGHDR_CONTROLLEN = 40;
    static final int IOVEC_SIZE = 16;
    static final int IOVEC_LEN  = 8;
    static final int CMSG_LEVEL = 8;
    static final int CMSG_TYPE  = 12;
    static final int CMSG_DATA  = 16;
    /** CMSG_LEN(sizeof(int)) and CMSG_SPACE(sizeof(int)). */
    static final int CMSG_LEN_INT   = 20;
    static final int CMSG_SPACE_INT = 24;
    static final int TIMEVAL_SIZE = 16;
    static final int TIMESPEC_SIZE = 16;
    static final int TIMEX_MODES = 0;
    static final int TIMEX_TIME  = 72;
    static final int TIMEX_SIZE  = 208;
    static final int ADJ_SETOFFSET = 0x100;
    static final int ADJ_NANO      = 0x2000;

    static final int RNDADDENTROPY = 0x40085203;
    static final int RNDRESEEDCRNG = 0x5207;

    static final int CLONE_NEWNET = 0x40000000;
    /** linux/if_tun.h. */
    static final int TUNSETIFF       = 0x400454ca;
    static final int TUNSETOFFLOAD   = 0x400454d0;
    static final int TUNSETVNETHDRSZ = 0x400454d8;
    static final int IFF_TAP      = 0x0002;
    static final int IFF_NO_PI    = 0x1000;
    static final int IFF_VNET_HDR = 0x4000;
    static final int TUN_F_CSUM   = 1;
    static final int IFREQ_SIZE  = 40;
    static final int IFREQ_FLAGS = 16;

    static final int OPEN_HOW_FLAGS   = 0;
    static final int OPEN_HOW_MODE    = 8;
    static final int OPEN_HOW_RESOLVE = 16;
    static final int OPEN_HOW_SIZE    = 24;
    static final int RESOLVE_NO_MAGICLINKS = 0x02;
    static final int RESOLVE_IN_ROOT       = 0x10;

    static final int STATFS_SIZE = 120;
    static final int STATFS_TYPE = 0;
    // spotless:on

    private Abi() {}
}
