package dev.caisson.trap;

import dev.caisson.linux.bpf.SeccompAction;
import dev.caisson.linux.bpf.SeccompCompiler;
import dev.caisson.linux.bpf.SeccompProfile;
import java.util.List;

/**
 * What a sandbox process itself may ask of the host once it serves: whoever takes it over by what a guest says has these calls and no
 * other. Anything else is EPERM, which a handler passes on to the guest. Loaded by {@code sandbox.Confinement}; measured by
 * {@code TrapSandboxTest}, which reads it back from the kernel.
 */
final class SandboxFilter {
    /** Handlers', by name and by descriptor, as the caller and in its namespaces. */
    private static final List<String> HANDLERS = List.of(
            "read",
            "write",
            "close",
            "fstat",
            "poll",
            "lseek",
            "socket",
            "fcntl",
            "ftruncate",
            "fchdir",
            "fchmod",
            "umask",
            "setgroups",
            "setfsuid",
            "setfsgid",
            "capget",
            "capset",
            "fstatfs",
            "syncfs",
            "setxattr",
            "lsetxattr",
            "getxattr",
            "lgetxattr",
            "listxattr",
            "llistxattr",
            "removexattr",
            "lremovexattr",
            "getdents",
            "getdents64",
            "inotify_add_watch",
            "openat",
            "mkdirat",
            "mknodat",
            "fchownat",
            "newfstatat",
            "unlinkat",
            "linkat",
            "symlinkat",
            "readlinkat",
            "fchmodat",
            "utimensat",
            "inotify_init1",
            "renameat2",
            "memfd_create",
            "statx",
            "openat2",
            "faccessat2",
            "mount_setattr",
            "fchmodat2",
            "uname",
            "sysinfo");

    /** Handlers' of the strict tier, which move a guest's data for it. */
    private static final List<String> DATA =
            List.of("preadv2", "pwritev2", "recvmsg", "sendmsg", "accept4", "getsockopt", "pipe2", "epoll_pwait");

    /** Of threads that go where a container is, and of the notifications they answer there. */
    private static final List<String> ENTRY =
            List.of("pidfd_open", "pidfd_getfd", "unshare", "setns", "ioctl", "process_vm_readv", "process_vm_writev");

    /** The virtual machine's. */
    private static final List<String> MACHINE = List.of(
            "futex",
            "clock_gettime", // where the kernel does not tell the time by vdso(7): emulated and some virtual machines
            "pread64",
            "stat",
            "brk",
            "mremap",
            "mmap",
            "munmap",
            "mprotect",
            "madvise",
            "clone3",
            "set_robust_list",
            "rseq",
            "rt_sigprocmask",
            "rt_sigaction",
            "rt_sigreturn",
            "restart_syscall",
            "sched_yield",
            "sched_getaffinity",
            "gettid",
            "getpid",
            "tgkill",
            "prctl",
            "clock_nanosleep",
            "exit",
            "exit_group");

    /** Of threads that stay on a caller's processor. */
    private static final List<String> PLACE = List.of("getcpu", "sched_setaffinity");

    /** Between ordinary scheduling and SCHED_IDLE; no other policy, for CAP_SYS_NICE would allow those that nobody else can interrupt. */
    private static final String POLICY = "sched_setscheduler";

    private static final int POLICY_ARGUMENT = 1;
    private static final int SCHED_OTHER = 0;
    private static final int SCHED_IDLE = 5;

    private SandboxFilter() {}

    /** How many calls it lets through. */
    static int count() {
        return HANDLERS.size() + DATA.size() + ENTRY.size() + PLACE.size() + 1 + MACHINE.size();
    }

    /** Two of the same argument are alternatives. */
    private static SeccompProfile.Condition isPolicy(int policy) {
        return new SeccompProfile.Condition(POLICY_ARGUMENT, SeccompProfile.Comparison.EQ, policy, 0);
    }

    /** The program as a word of a command line. */
    static String encoded() {
        List<SeccompProfile.Rule> rules = List.of(
                new SeccompProfile.Rule(HANDLERS, SeccompAction.ALLOW, null, List.of()),
                new SeccompProfile.Rule(DATA, SeccompAction.ALLOW, null, List.of()),
                new SeccompProfile.Rule(ENTRY, SeccompAction.ALLOW, null, List.of()),
                new SeccompProfile.Rule(PLACE, SeccompAction.ALLOW, null, List.of()),
                new SeccompProfile.Rule(
                        List.of(POLICY),
                        SeccompAction.ALLOW,
                        null,
                        List.of(isPolicy(SCHED_OTHER), isPolicy(SCHED_IDLE))),
                new SeccompProfile.Rule(MACHINE, SeccompAction.ALLOW, null, List.of()));
        return SeccompCompiler.ownFilter(rules);
    }
}
