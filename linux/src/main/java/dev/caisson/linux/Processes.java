package dev.caisson.linux;

import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Processes by number: identities, signals, priorities, and what procfs tells about them. */
public final class Processes {
    public static final int SIGKILL = 9;

    private Processes() {}

    /** This process in its own pid namespace. */
    public static int pid() {
        return (int) Libc.call(Sys.getpid);
    }

    /** The parent; 0 if it lives outside of this pid namespace. */
    public static int parentPid() {
        return (int) Libc.call(Sys.getppid);
    }

    /** The real user id. */
    public static int uid() {
        return (int) Libc.call(Sys.getuid);
    }

    /** The effective group id. */
    public static int effectiveGid() {
        // NATIVE: gid_t getegid(void), unistd.h. Never fails.
        return (int) Libc.call(Sys.getegid);
    }

    /** The effective user id. */
    public static int effectiveUid() {
        return (int) Libc.call(Sys.geteuid);
    }

    /**
     * Lets another thread have this processor, if one waits for it: who was woken by a message often does, behind its sender, while
     * other processors are idle (sched_yield(2)).
     */
    public static void yieldProcessor() {
        // NATIVE: int sched_yield(void), sched.h.
        var _ = Libc.call(Sys.sched_yield);
    }

    /**
     * Sends a signal. The pid may have been reused: hold a pidfd where that matters.
     *
     * @param pid a process, never 0 or negative: those would address groups
     * @return SUCCESS or ESRCH
     * @throws ErrnoException for anything else, EPERM for example
     */
    public static Errno kill(int pid, int signal) throws ErrnoException {
        if (pid <= 0) {
            throw new IllegalArgumentException("not a process id: " + pid);
        }
        // NATIVE: int kill(pid_t pid, int sig), signal.h.
        Errno errno = Libc.errno(Libc.call(Sys.kill, pid, signal));
        if (errno.ok() || errno == Errno.ESRCH) {
            return errno;
        }
        throw new ErrnoException(errno, "kill " + signal, "process " + pid);
    }

    /**
     * Sets the nice value of one thread, which its later children inherit.
     *
     * @param tid a thread id, 0 for the caller
     * @param nice -20 (favoured) to 19
     */
    public static void setPriority(int tid, int nice) throws ErrnoException {
        // NATIVE: int setpriority(int which, id_t who, int prio), sys/resource.h.
        Libc.check(Libc.call(Sys.setpriority, Abi.PRIO_PROCESS, tid, nice), "setpriority " + nice, "thread " + tid);
    }

    /**
     * Sets how willingly the OOM killer takes a process.
     *
     * @param adjustment -1000 (never) to 1000; lowering it needs CAP_SYS_RESOURCE
     * @return SUCCESS, ENOENT when the process is gone, or EACCES when the value may not be lowered
     */
    public static Errno setOomScoreAdj(int pid, int adjustment) {
        return HostFiles.tryWrite("/proc/" + pid + "/oom_score_adj", Integer.toString(adjustment));
    }

    /**
     * When a process started: with the pid, its identity for as long as the machine is up (field 22 of /proc/PID/stat).
     *
     * @return clock ticks since boot, empty if there is no such process
     */
    public static OptionalLong startTime(int pid) throws ErrnoException {
        String stat = procText(pid, "stat");
        if (stat == null) {
            return OptionalLong.empty();
        }
        return OptionalLong.of(startTime(stat));
    }

    /**
     * What all threads of a process have used of processors since it began, those that have ended too (fields 14 and 15 of /proc/PID/stat).
     *
     * @return clock ticks, a hundred a second (USER_HZ); empty if there is no such process
     */
    public static OptionalLong processorTicks(int pid) throws ErrnoException {
        String stat = procText(pid, "stat");
        return stat == null ? OptionalLong.empty() : OptionalLong.of(field(stat, 14) + field(stat, 15));
    }

    /** Whether the process that had this pid and this {@link #startTime} still runs: is neither gone nor a zombie. */
    public static boolean isRunning(int pid, long startTime) throws ErrnoException {
        String stat = pid <= 0 ? null : procText(pid, "stat");
        if (stat == null || startTime(stat) != startTime) {
            return false;
        }
        char state = stat.charAt(stat.lastIndexOf(')') + 2);
        return state != 'Z' && state != 'X';
    }

    /**
     * For a message, as {@code 4711 sleep in state S} (proc_pid_stat(5)): D waits for a device or a frozen group, T is stopped. The pid alone
     * when there is no such process.
     */
    public static String describe(int pid) throws ErrnoException {
        String stat = procText(pid, "stat");
        int open = stat == null ? -1 : stat.indexOf('(');
        int close = stat == null ? -1 : stat.lastIndexOf(')');
        if (stat == null || open < 0 || close < open || close + 2 >= stat.length()) {
            return Integer.toString(pid);
        }
        StringBuilder text = new StringBuilder().append(pid).append(' ');
        for (char c : stat.substring(open + 1, close).toCharArray()) {
            text.append(c >= 0x20 && c < 0x7f ? c : '?'); // the process's own choice
        }
        return text.append(" in state ").append(stat.charAt(close + 2)).toString();
    }

    static long startTime(String stat) {
        return field(stat, 22);
    }

    /** Takes a number out of the text of a stat file, from field 4 on; field 2, the name, may hold spaces and parentheses of its own. */
    static long field(String stat, int number) {
        int at = stat.lastIndexOf(')');
        // After the name come a blank and field 3.
        for (int field = 2; field < number; field++) {
            at = stat.indexOf(' ', at + 1);
            if (at < 0) {
                throw new IllegalArgumentException(
                        "stat file with fewer than " + number + " fields: '" + stat.strip() + "'");
            }
        }
        int end = stat.indexOf(' ', at + 1);
        return Long.parseLong(
                stat.substring(at + 1, end < 0 ? stat.length() : end).strip());
    }

    /** The text of /proc/PID/cgroup as cgroups(7) describes it, or null if there is no such process. */
    public static @Nullable String cgroups(int pid) throws ErrnoException {
        return procText(pid, "cgroup");
    }

    private static @Nullable String procText(int pid, String file) throws ErrnoException {
        try {
            return HostFiles.textIfPresent("/proc/" + pid + "/" + file);
        } catch (ErrnoException e) {
            // The process went away between open and read.
            if (e.errno() == Errno.ESRCH) {
                return null;
            }
            throw e;
        }
    }
}
