package dev.caisson.namespace;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.oci.Linux;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Intel RDT over a container's life: {@link Resctrl} on this host's tree, if the configuration asks for it. */
final class ContainerRdt {
    /** Processes that fork while they are moved are found by the next look; what forks faster than that is left. */
    private static final int MOVE_ROUNDS = 16;

    private final String id;
    private final Linux.@Nullable IntelRdt wanted;

    ContainerRdt(String id, Linux.@Nullable IntelRdt wanted) {
        this.id = id;
        this.wanted = wanted;
    }

    boolean isAsked() {
        return wanted != null;
    }

    /** Refuses what this host does not have. */
    void check() throws ContainerFault {
        var _ = resctrl();
    }

    private @Nullable Resctrl resctrl() throws ContainerFault {
        if (wanted == null) {
            return null;
        }
        try {
            return Resctrl.of(wanted, id, HostFiles.text("/proc/self/mountinfo"), Resctrl.KERNEL);
        } catch (ResctrlException e) {
            throw new ContainerFault(Kind.UNSUPPORTED, "config.json: " + e.getMessage(), e);
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, String.valueOf(e.getMessage()), e);
        }
    }

    private interface Action {
        void on(Resctrl resctrl) throws ResctrlException, ErrnoException, ContainerFault;
    }

    private void act(String what, Action action) throws ContainerFault {
        Resctrl resctrl = resctrl();
        if (resctrl == null) {
            return;
        }
        try {
            action.on(resctrl);
        } catch (ResctrlException | ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, what + " of container " + id + ": " + e.getMessage(), e);
        }
    }

    /** Before the container's processes are there. */
    void make() throws ContainerFault {
        act("set up Intel RDT", Resctrl::make);
    }

    /** Moves a process that others have started. */
    void join(int pid) throws ContainerFault {
        act("join Intel RDT", r -> r.join(pid));
    }

    /** The files of resctrl are written to by a process of the container as those of version 1 groups are. */
    PlanInput.CgroupJoin with(PlanInput.CgroupJoin join) throws ContainerFault {
        Resctrl resctrl = join.entry() == PlanInput.Entry.BY_DAEMON ? null : resctrl();
        if (resctrl == null) {
            return join;
        }
        List<String> files = new ArrayList<>(join.taskFiles());
        files.addAll(resctrl.taskFiles());
        return new PlanInput.CgroupJoin(
                files, join.unifiedDirectory(), join.unifiedFallback(), join.given(), join.entry());
    }

    /** Behind the container's processes: its class is no group of theirs that has to be empty. */
    void remove() throws ContainerFault {
        if (wanted != null && Resctrl.isMounted()) {
            act("remove Intel RDT", Resctrl::remove);
        }
    }

    interface Processes {
        List<Integer> pids() throws ContainerFault;
    }

    /**
     * Makes a running container's class what is wanted. A container that had none gets one of its own, with all of its processes.
     *
     * @param before what it has had so far
     */
    void update(Linux.@Nullable IntelRdt before, Processes processes) throws ContainerFault {
        act("update Intel RDT", r -> {
            if (before != null) {
                r.update();
                return;
            }
            r.make();
            try {
                move(r, processes);
            } catch (ErrnoException | ContainerFault e) {
                r.remove();
                throw e;
            }
        });
    }

    private static void move(Resctrl resctrl, Processes processes) throws ErrnoException, ContainerFault {
        Set<Integer> moved = new HashSet<>();
        for (int round = 0; round < MOVE_ROUNDS; round++) {
            boolean more = false;
            for (int pid : processes.pids()) {
                if (moved.add(pid)) {
                    more = true;
                    resctrl.joinIfThere(pid);
                }
            }
            if (!more) {
                return;
            }
        }
    }
}
