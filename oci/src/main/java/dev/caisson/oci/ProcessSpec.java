package dev.caisson.oci;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What to execute: a container's init, or an additional process that joins it (runtime-spec {@code process}).
 *
 * @param terminal whether the process gets a pseudo-terminal
 * @param consoleSize initial size of that terminal
 * @param user identity of the process
 * @param args argument vector; {@code args[0]} is looked up in the {@code PATH} of {@code env}
 * @param env {@code NAME=value} entries
 * @param cwd absolute working directory inside the container; empty if absent
 * @param capabilities capability sets; absent = all sets empty
 * @param rlimits resource limits
 * @param noNewPrivileges PR_SET_NO_NEW_PRIVS; absent = off for an init, the container's own value for an additional process
 * @param apparmorProfile AppArmor profile to change to on execve(2)
 * @param selinuxLabel SELinux label to change to on execve(2)
 * @param oomScoreAdj value for {@code /proc/PID/oom_score_adj}; absent = left alone
 * @param scheduler sched_setattr(2) attributes
 * @param ioPriority ioprio_set(2) value
 * @param execCpuAffinity CPU affinity of additional processes
 */
public record ProcessSpec(
        boolean terminal,
        @Nullable ConsoleSize consoleSize,
        User user,
        List<String> args,
        List<String> env,
        String cwd,
        @Nullable Capabilities capabilities,
        List<Rlimit> rlimits,
        @Nullable Boolean noNewPrivileges,
        @Nullable String apparmorProfile,
        @Nullable String selinuxLabel,
        @Nullable Integer oomScoreAdj,
        @Nullable Scheduler scheduler,
        @Nullable IoPriority ioPriority,
        @Nullable ExecCpuAffinity execCpuAffinity) {
    public ProcessSpec {
        args = List.copyOf(args);
        env = List.copyOf(env);
        rlimits = List.copyOf(rlimits);
    }

    /**
     * Size of a terminal in characters.
     *
     * @param height rows, unsigned 32 bit
     * @param width columns, unsigned 32 bit
     */
    public record ConsoleSize(long height, long width) {}

    /**
     * Identity of a process.
     *
     * @param uid user id, unsigned 32 bit
     * @param gid group id, unsigned 32 bit
     * @param umask file mode creation mask; absent = the runtime's default, 0022
     * @param additionalGids supplementary groups
     */
    public record User(long uid, long gid, @Nullable Integer umask, List<Long> additionalGids) {
        /** Root without supplementary groups. */
        public static final User ROOT = new User(0, 0, null, List.of());

        public User {
            additionalGids = List.copyOf(additionalGids);
        }
    }

    /**
     * The five capability sets of a thread (capabilities(7)), as {@code CAP_*} names. Names are kept as written: one that the kernel or
     * this program does not know is a warning, not an error.
     */
    public record Capabilities(
            List<String> bounding,
            List<String> effective,
            List<String> inheritable,
            List<String> permitted,
            List<String> ambient) {
        /** All five sets empty. */
        public static final Capabilities NONE = new Capabilities(List.of(), List.of(), List.of(), List.of(), List.of());

        public Capabilities {
            bounding = List.copyOf(bounding);
            effective = List.copyOf(effective);
            inheritable = List.copyOf(inheritable);
            permitted = List.copyOf(permitted);
            ambient = List.copyOf(ambient);
        }
    }

    /**
     * A resource limit (prlimit(2)).
     *
     * @param type which resource
     * @param soft current limit as unsigned 64-bit pattern; -1 is RLIM_INFINITY
     * @param hard ceiling as unsigned 64-bit pattern; -1 is RLIM_INFINITY
     */
    public record Rlimit(RlimitType type, long soft, long hard) {}

    /**
     * Scheduling attributes (sched_setattr(2)).
     *
     * @param policy scheduling policy
     * @param nice nice value of the time-sharing policies, -20 to 19
     * @param priority static priority of SCHED_FIFO and SCHED_RR, 1 to 99
     * @param flags SCHED_FLAG_* values
     * @param runtime SCHED_DEADLINE runtime in nanoseconds, unsigned
     * @param deadline SCHED_DEADLINE relative deadline in nanoseconds, unsigned
     * @param period SCHED_DEADLINE period in nanoseconds, unsigned; 0 = the deadline
     */
    public record Scheduler(
            SchedulerPolicy policy,
            int nice,
            int priority,
            List<SchedulerFlag> flags,
            long runtime,
            long deadline,
            long period) {
        public Scheduler {
            flags = List.copyOf(flags);
        }
    }

    /**
     * IO priority (ioprio_set(2)).
     *
     * @param ioClass scheduling class
     * @param priority 0 (highest) to 7
     */
    public record IoPriority(IoPriorityClass ioClass, int priority) {}

    /**
     * CPU affinity of processes that join a container, as CPU lists such as {@code 0-3,7}.
     *
     * @param initialCpus affinity while the runtime prepares the process, before it enters the container's cgroup
     * @param finalCpus affinity afterwards (the JSON property {@code final})
     */
    public record ExecCpuAffinity(
            @Nullable String initialCpus, @Nullable String finalCpus) {}

    /** A builder holding the values of this process. */
    public Builder toBuilder() {
        Builder b = new Builder();
        b.terminal = terminal;
        b.consoleSize = consoleSize;
        b.user = user;
        b.args = args;
        b.env = env;
        b.cwd = cwd;
        b.capabilities = capabilities;
        b.rlimits = rlimits;
        b.noNewPrivileges = noNewPrivileges;
        b.apparmorProfile = apparmorProfile;
        b.selinuxLabel = selinuxLabel;
        b.oomScoreAdj = oomScoreAdj;
        b.scheduler = scheduler;
        b.ioPriority = ioPriority;
        b.execCpuAffinity = execCpuAffinity;
        return b;
    }

    /** Collects the fields of a {@link ProcessSpec}. Not thread-safe. */
    public static final class Builder {
        public boolean terminal;
        public @Nullable ConsoleSize consoleSize;
        public User user = User.ROOT;
        public List<String> args = List.of();
        public List<String> env = List.of();
        public String cwd = "";
        public @Nullable Capabilities capabilities;
        public List<Rlimit> rlimits = List.of();
        public @Nullable Boolean noNewPrivileges;
        public @Nullable String apparmorProfile;
        public @Nullable String selinuxLabel;
        public @Nullable Integer oomScoreAdj;
        public @Nullable Scheduler scheduler;
        public @Nullable IoPriority ioPriority;
        public @Nullable ExecCpuAffinity execCpuAffinity;

        /** The process with the current values. */
        public ProcessSpec build() {
            return new ProcessSpec(
                    terminal,
                    consoleSize,
                    user,
                    args,
                    env,
                    cwd,
                    capabilities,
                    rlimits,
                    noNewPrivileges,
                    apparmorProfile,
                    selinuxLabel,
                    oomScoreAdj,
                    scheduler,
                    ioPriority,
                    execCpuAffinity);
        }
    }
}
