package dev.caisson.namespace;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.ParentGroups;
import dev.caisson.namespace.systemd.ContainerUnit;
import dev.caisson.namespace.systemd.SystemdException;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** The end of a container's groups, and of all processes in them. */
final class GroupRemoval {
    private static final Duration REMOVE_TIME = Duration.ofSeconds(3);
    private static final int REMOVE_ROUNDS = 3;

    private GroupRemoval() {}

    /** What is gone already is left. */
    static void remove(String id, Cgroup cgroup, @Nullable ContainerUnit unit, @Nullable ParentGroups parents)
            throws ContainerFault {
        SystemdException unstopped = null;
        ErrnoException blocked = null;
        for (int round = 0; round < REMOVE_ROUNDS; round++) {
            kill(cgroup);
            if (unit != null && round == 0) {
                try {
                    unit.stop();
                } catch (SystemdException e) {
                    unstopped = e; // the group goes nevertheless
                }
            }
            try {
                cgroup.remove(REMOVE_TIME, parents);
                blocked = null;
                break;
            } catch (ErrnoException e) {
                blocked = e; // what was forked while its parent was being killed is killed next time
            }
        }
        Exception failure = blocked != null ? blocked : unstopped;
        if (failure != null) {
            throw new ContainerFault(
                    Kind.FAILED, "remove cgroup of container " + id + ": " + failure.getMessage(), failure);
        }
    }

    private static void kill(Cgroup cgroup) {
        try {
            if (cgroup.pids().length > 0) {
                cgroup.killAll();
            }
        } catch (ErrnoException | CgroupException e) {
            // Not there, or half there: removing says what blocks, if anything does.
        }
    }
}
