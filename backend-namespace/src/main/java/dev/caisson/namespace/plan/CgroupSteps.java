package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.util.ArrayList;
import java.util.List;

/** How processes get into the container's cgroups, but for the version 2 group, which one is mostly born in (CLONE_INTO_CGROUP). */
final class CgroupSteps {
    private final Steps s;
    private final PlanBuilder p;
    private final PlanInput.CgroupJoin cgroups;

    CgroupSteps(Steps s, PlanInput.CgroupJoin cgroups) {
        this.s = s;
        this.p = s.p;
        this.cgroups = cgroups;
    }

    /** Opens the tasks files while their paths are what they are on the host. */
    List<Arg.Slot> open() {
        List<Arg.Slot> fds = new ArrayList<>();
        for (String file : cgroups.taskFiles()) {
            Arg.Slot fd = p.slot();
            p.callInto(fd, "open " + file, Sys.OPENAT, c(AT_FDCWD), p.string(file), c(O_WRONLY | O_CLOEXEC));
            fds.add(fd);
        }
        return fds;
    }

    /** Moves the process that plays this into the cgroups. */
    void enter(List<Arg.Slot> fds) {
        for (int i = 0; i < fds.size(); i++) {
            p.call("join cgroup " + cgroups.taskFiles().get(i), Sys.WRITE, fds.get(i), p.string("0"), c(1));
        }
    }

    /**
     * For a launcher that is about to enter a user namespace whose root was given the group: moves itself, and the process that it makes
     * is born where it is. Inside, it has no right to a group of another user any more (CLONE_INTO_CGROUP: EACCES). Not done always,
     * since the kernel takes a lock on all processes of the machine for it.
     */
    void moveToUnified() {
        String unified = cgroups.unifiedDirectory();
        if (unified == null) {
            return;
        }
        Arg.Data zero = p.string("0");
        Arg.Slot procs = p.slot();
        Arg.Slot moved = p.slot();
        PlanBuilder.Label done = new PlanBuilder.Label();
        PlanBuilder.Label divided = new PlanBuilder.Label();
        String fallback = cgroups.unifiedFallback();
        openProcs(procs, unified);
        if (fallback == null) {
            p.call("join cgroup " + unified, Sys.WRITE, procs, zero, c(1));
        } else {
            p.attemptInto(moved, Sys.WRITE, procs, zero, c(1));
            s.jumpIfDone(moved, done);
            p.jumpIfEqual(moved, c(-EBUSY), divided);
            p.fail("join cgroup " + unified, moved);
            p.place(divided);
            p.attempt(Sys.CLOSE, procs);
            openProcs(procs, fallback);
            p.call("join cgroup " + fallback, Sys.WRITE, procs, zero, c(1));
        }
        p.place(done);
        p.attempt(Sys.CLOSE, procs);
    }

    private void openProcs(Arg.Slot fd, String group) {
        String file = group + "/cgroup.procs";
        p.callInto(fd, "open " + file, Sys.OPENAT, c(AT_FDCWD), p.string(file), c(O_WRONLY | O_CLOEXEC));
    }
}
