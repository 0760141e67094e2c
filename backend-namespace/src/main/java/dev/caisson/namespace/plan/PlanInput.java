package dev.caisson.namespace.plan;

import dev.caisson.backend.Handover;
import dev.caisson.backend.RootfsMount;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Spec;
import dev.caisson.oci.StateJson;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Everything that the plan for a container's init is made from.
 *
 * @param rootfs absolute path of the root file system
 * @param rootfsMounts what has to be mounted there first
 * @param ioUid owner for streams that are pipes, as the host counts users; -1 for the process's own user
 * @param ioGid as ioUid
 * @param cgroups how to get into the container's cgroups
 * @param seccomp null for none
 * @param states the states that container-namespace hooks get on standard input
 * @param handover what init gets from its launcher
 * @param atOnce null when init waits for start once it is ready
 */
public record PlanInput(
        String id,
        Spec spec,
        String bundle,
        String rootfs,
        List<RootfsMount> rootfsMounts,
        boolean noPivotRoot,
        boolean noNewKeyring,
        int ioUid,
        int ioGid,
        HostFacts host,
        CgroupJoin cgroups,
        @Nullable SeccompFilter seccomp,
        HookStates states,
        Handover handover,
        @Nullable AtOnce atOnce) {
    public PlanInput {
        rootfsMounts = List.copyOf(rootfsMounts);
    }

    /**
     * State documents of the runtime-spec; the pid in them is the one that init has in its own pid namespace.
     *
     * @param creating for createContainer hooks
     * @param created for startContainer hooks
     */
    public record HookStates(StateJson.AroundPid creating, StateJson.AroundPid created) {
        private static final StateJson.AroundPid NO_STATE = new StateJson.AroundPid("{\"pid\":", "}");
        public static final HookStates NONE = new HookStates(NO_STATE, NO_STATE);
    }

    /** The same for another configuration. */
    PlanInput withSpec(Spec other) {
        return new PlanInput(
                id,
                other,
                bundle,
                rootfs,
                rootfsMounts,
                noPivotRoot,
                noNewKeyring,
                ioUid,
                ioGid,
                host,
                cgroups,
                seccomp,
                states,
                handover,
                atOnce);
    }

    /**
     * Of an init that nobody starts: it runs its program as soon as the daemon says so at the gate, which may have been long before init comes
     * there.
     *
     * @param home what an environment without HOME gets as long as the user database is the same; otherwise init says {@link Notes#READY} and
     *     waits once more. null when nothing is known
     */
    public record AtOnce(@Nullable KnownHome home) {}

    /** How a process comes into its groups. */
    public enum Entry {
        /** By itself; they are there. */
        AT_ONCE,
        /** By itself; they are being made, and the launcher waits at its gate before it opens them. */
        LATE,
        /**
         * By itself; they are being made one after the other. The launcher waits at its gate for the version 2 group, if there is one, and
         * init waits there once more before it opens the others, so that it is born and mounts while they are made. Only where {@link
         * InitPlan#canOpenGroups init can open them}.
         */
        STAGED,
        /**
         * By the daemon, as with systemd, which starts units around processes that are there, and moves others into them; init or the
         * exec's process waits at its gate for it.
         */
        BY_DAEMON
    }

    /**
     * @param taskFiles v1 {@code tasks} files that the process itself writes 0 to: a task that moves itself is the one case in which
     *     the kernel takes no lock on all processes of the machine, whose grace period costs up to 20 ms (kernel/cgroup,
     *     cgroup_procs_write_start)
     * @param unifiedDirectory a cgroup v2 directory to be born in, null where v2 has no part
     * @param unifiedFallback where else, when the kernel refuses processes there because init has divided the group
     * @param given whether the v2 group belongs to the root of the container's user namespace
     * @param entry who moves the process, and when
     */
    public record CgroupJoin(
            List<String> taskFiles,
            @Nullable String unifiedDirectory,
            @Nullable String unifiedFallback,
            boolean given,
            Entry entry) {
        public CgroupJoin {
            taskFiles = List.copyOf(taskFiles);
        }

        /** Of processes that join by themselves groups that are there. */
        public CgroupJoin(
                List<String> taskFiles,
                @Nullable String unifiedDirectory,
                @Nullable String unifiedFallback,
                boolean given) {
            this(taskFiles, unifiedDirectory, unifiedFallback, given, Entry.AT_ONCE);
        }

        public static final CgroupJoin NONE = new CgroupJoin(List.of(), null, null, false);
        public static final CgroupJoin BY_DAEMON = new CgroupJoin(List.of(), null, null, false, Entry.BY_DAEMON);
    }

    /**
     * @param program struct sock_filter[]
     * @param flags of seccomp(2)
     * @param listener whether the filter notifies
     * @param refused calls of the plan's behind the filter that it does not simply allow; where write(2) is one, the listener's number is told
     *     just before there is a listener
     */
    public record SeccompFilter(byte[] program, long flags, boolean listener, Set<Sys> refused) {
        /** What may follow a filter besides execve(2) itself: looking at why that failed. */
        public static final List<Sys> CALLS_BEHIND =
                List.of(Sys.EXECVE, Sys.OPENAT, Sys.FSTATFS, Sys.PPOLL, Sys.READ, Sys.CLOSE);

        public SeccompFilter {
            refused = Set.copyOf(refused);
        }
    }
}
