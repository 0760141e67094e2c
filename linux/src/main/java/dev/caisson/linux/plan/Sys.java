package dev.caisson.linux.plan;

/** System calls that plans use, with their x86-64 numbers (arch/x86/entry/syscalls/syscall_64.tbl). */
public enum Sys {
    // spotless:off
    READ(0), WRITE(1), OPEN(2), CLOSE(3), IOCTL(16), DUP2(33), PAUSE(34), GETPID(39), SENDTO(44), RECVFROM(45), SOCKET(41), CLONE(56), EXECVE(59),
    EXIT(60), WAIT4(61), KILL(62), FCNTL(72), FCHDIR(81), CHDIR(80), UMASK(95), GETPPID(110), SETSID(112),
    SETGROUPS(116), SETRESUID(117), SETRESGID(119), CAPSET(126), PERSONALITY(135), PRCTL(157),
    PIVOT_ROOT(155), CHROOT(161), MOUNT(165), UMOUNT2(166), SETHOSTNAME(170), SETDOMAINNAME(171),
    SET_MEMPOLICY(238), KEYCTL(250), IOPRIO_SET(251), OPENAT(257), MKDIRAT(258), MKNODAT(259),
    FCHOWNAT(260), NEWFSTATAT(262), UNLINKAT(263), SYMLINKAT(266), FCHMODAT(268), PPOLL(271), UNSHARE(272),
    DUP3(292), PIPE2(293), PRLIMIT64(302), FINIT_MODULE(313), SETNS(308), SCHED_SETATTR(314), SCHED_SETAFFINITY(203),
    SECCOMP(317), MEMFD_CREATE(319), EXECVEAT(322), OPEN_TREE(428), MOVE_MOUNT(429), FSOPEN(430), FSCONFIG(431),
    FSMOUNT(432), PIDFD_OPEN(434), CLONE3(435), CLOSE_RANGE(436), OPENAT2(437), PIDFD_GETFD(438),
    FACCESSAT2(439), MOUNT_SETATTR(442), FCHOWN(93), FCHMOD(91), LSEEK(8), GETDENTS64(217), FTRUNCATE(77), STATFS(137),
    FSTATFS(138), LANDLOCK_CREATE_RULESET(444), LANDLOCK_ADD_RULE(445), LANDLOCK_RESTRICT_SELF(446), PIDFD_SEND_SIGNAL(424), SETPGID(109), GETCWD(79), RT_SIGPROCMASK(14);
    // spotless:on

    private final int number;

    Sys(int number) {
        this.number = number;
    }

    /** The call's number on x86-64. */
    public int number() {
        return number;
    }

    /** The call's name as the kernel spells it. */
    public String kernelName() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
