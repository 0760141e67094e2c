package dev.caisson.kvm.plan;

import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompCompiler;
import dev.caisson.linux.bpf.SeccompProfile;
import dev.caisson.linux.bpf.SeccompProfile.Comparison;
import dev.caisson.linux.bpf.SeccompProfile.Condition;
import java.util.List;

/**
 * What a machine's process may ask of the host once its guest runs: whoever takes it over by what a guest says has these calls and no other. Anything
 * else is EPERM. Loaded by the process itself when all is set up, for all its threads. Pure.
 */
public final class MachineFilter {
    /** Files by name and descriptor: what virtio-fs, disks and the virtual machine of Java do. */
    private static final List<String> FILES = List.of(
            "read",
            "write",
            "readv",
            "writev",
            "pread64",
            "pwrite64",
            "preadv2",
            "pwritev2",
            "close",
            "lseek",
            "fcntl",
            "flock",
            "openat",
            "open",
            "fstat",
            "stat",
            "lstat",
            "newfstatat",
            "statx",
            "statfs",
            "fstatfs",
            "access",
            "faccessat",
            "getdents64",
            "readlink",
            "readlinkat",
            "mkdirat",
            "mknodat",
            "linkat",
            "symlinkat",
            "unlink",
            "unlinkat",
            "renameat2",
            "fchmodat",
            "fchownat",
            "utimensat",
            "ftruncate",
            "fallocate",
            "copy_file_range",
            "fsync",
            "fdatasync",
            "syncfs",
            "setxattr",
            "getxattr",
            "listxattr",
            "removexattr",
            "umask",
            "fanotify_mark",
            "name_to_handle_at");

    /** Who acts on files: the guest's users. */
    private static final List<String> IDENTITY = List.of("setfsuid", "setfsgid", "capget", "capset");

    /** Unix sockets that were made before, connections to others, and what is waited for. */
    private static final List<String> SOCKETS = List.of(
            "connect",
            "accept4",
            "accept",
            "sendmsg",
            "recvmsg",
            "sendto",
            "recvfrom",
            "shutdown",
            "bind",
            "listen",
            "getsockopt",
            "setsockopt",
            "getsockname",
            "getpeername",
            "poll",
            "ppoll",
            "epoll_create1",
            "epoll_ctl",
            "epoll_wait",
            "epoll_pwait",
            "eventfd2",
            "pipe2");

    /** The virtual machine of Java's, and signals to its own threads. */
    private static final List<String> MACHINE = List.of(
            "ioctl",
            "futex",
            "clock_gettime",
            "clock_nanosleep",
            "gettimeofday",
            "brk",
            "mremap",
            "mmap",
            "munmap",
            "mprotect",
            "madvise",
            "set_robust_list",
            "rseq",
            "rt_sigprocmask",
            "rt_sigaction",
            "rt_sigreturn",
            "sigaltstack",
            "restart_syscall",
            "sched_yield",
            "sched_getaffinity",
            "gettid",
            "getpid",
            "getuid",
            "geteuid",
            "getgid",
            "getegid",
            "tgkill",
            "prctl",
            "getrandom",
            "sysinfo",
            "uname",
            "getrusage",
            "exit",
            "exit_group");

    private static final long AF_UNIX = 1;
    /** CLONE_FS: a thread's own umask. */
    private static final long CLONE_FS = 0x200;
    /** CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM: what glibc makes threads with; of a new process or namespace it has nothing. */
    private static final long THREAD = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;

    private static final int ENOSYS = 38;

    private MachineFilter() {}

    /** The program, an array of {@code struct sock_filter} in Base64: a word of a command line. */
    public static String encoded() {
        List<SeccompProfile.Rule> rules = List.of(
                allow(FILES),
                allow(IDENTITY),
                allow(SOCKETS),
                allow(MACHINE),
                allow("socket", new Condition(0, Comparison.EQ, AF_UNIX, 0)),
                allow("unshare", new Condition(0, Comparison.EQ, CLONE_FS, 0)),
                allow("clone", new Condition(0, Comparison.MASKED_EQ, THREAD, THREAD)),
                // Its flags are in memory, where no filter looks; glibc then takes the other one.
                new SeccompProfile.Rule(List.of("clone3"), SeccompAction.ERRNO, ENOSYS, List.of()));
        return SeccompCompiler.ownFilter(rules);
    }

    private static SeccompProfile.Rule allow(List<String> names) {
        return new SeccompProfile.Rule(names, SeccompAction.ALLOW, null, List.of());
    }

    private static SeccompProfile.Rule allow(String name, Condition condition) {
        return new SeccompProfile.Rule(List.of(name), SeccompAction.ALLOW, null, List.of(condition));
    }
}
