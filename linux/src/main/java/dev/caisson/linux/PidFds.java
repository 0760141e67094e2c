package dev.caisson.linux;

import org.jspecify.annotations.Nullable;

/** Processes by descriptor: a pid may be reused, a pidfd always means the process that it was opened for. */
public final class PidFds {
    private PidFds() {}

    /**
     * Opens a descriptor for a process; it becomes readable when the process exits.
     *
     * @param pid a thread group leader in this process's pid namespace
     * @return close-on-exec, or null if there is no such process
     */
    public static @Nullable Fd open(int pid) throws ErrnoException {
        // NATIVE: int pidfd_open(pid_t pid, unsigned int flags), sys/pidfd.h, since 5.3.
        long result = Libc.call(Sys.pidfd_open, pid, 0);
        return Libc.errno(result) == Errno.ESRCH ? null : Fd.of(result, "pidfd_open", "process " + pid);
    }

    /**
     * Sends a signal.
     *
     * @param signal 0 to ask only whether it could be sent
     * @return SUCCESS, or ESRCH when the process has been reaped; a zombie still gives SUCCESS
     */
    public static Errno sendSignal(Fd pidfd, int signal) throws ErrnoException {
        // NATIVE: int pidfd_send_signal(int pidfd, int sig, siginfo_t *info, unsigned int flags), sys/pidfd.h, since
        // 5.1.
        long result = Libc.call(Sys.pidfd_send_signal, pidfd.number(), signal, 0, 0);
        Errno errno = Libc.errno(result);
        if (errno.ok() || errno == Errno.ESRCH) {
            return errno;
        }
        throw new ErrnoException(errno, "pidfd_send_signal " + signal, pidfd.name());
    }

    /**
     * Copies a descriptor out of another process. Needs PTRACE_MODE_ATTACH_REALCREDS over it: a non-dumpable process refuses
     * all but CAP_SYS_PTRACE.
     *
     * @param number the descriptor's number over there
     * @return close-on-exec, the same open file
     */
    public static Fd getFd(Fd pidfd, int number) throws ErrnoException {
        // NATIVE: int pidfd_getfd(int pidfd, int targetfd, unsigned int flags), sys/pidfd.h, since 5.6.
        String name = "descriptor " + number + " of " + pidfd.name();
        return Fd.of(Libc.call(Sys.pidfd_getfd, pidfd.number(), number, 0), "pidfd_getfd", name);
    }
}
