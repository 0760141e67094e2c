package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Mount;
import java.util.List;

/**
 * A mount of type cgroup: the container sees its own groups and nothing above them. On a unified host that is a bind of its
 * directory; on v1 and hybrid hosts a tmpfs with one bind per hierarchy and symlinks for co-mounted controllers.
 */
final class CgroupMountSteps {
    private final Steps s;
    private final PlanBuilder p;
    private final PlanInput in;

    CgroupMountSteps(Steps s, PlanInput in) {
        this.s = s;
        this.p = s.p;
        this.in = in;
    }

    void mount(Mount m, MountOptions o) {
        List<HostFacts.CgroupMount> mounts = in.host().cgroupMounts();
        boolean unifiedOnly = mounts.size() == 1 && mounts.getFirst().unified();
        Arg.Slot target = p.slot();
        Arg.Slot inside = p.slot();
        s.openTarget(target, m.destination(), true);
        if (unifiedOnly) {
            bind(mounts.getFirst().ownDirectory(), target, o, m);
            return;
        }
        String what = "mount cgroups on " + m.destination();
        s.mountTmpfs(what, target, MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755");
        s.openInRoot(inside, what, m.destination(), O_PATH | O_DIRECTORY, 0);
        for (HostFacts.CgroupMount cg : mounts) {
            p.call(what, Sys.MKDIRAT, inside, p.string(cg.name()), c(0755));
            p.callInto(
                    target,
                    what,
                    Sys.OPENAT,
                    inside,
                    p.string(cg.name()),
                    c(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
            bind(cg.ownDirectory(), target, o, m);
            for (String controller : cg.controllers()) {
                if (!controller.equals(cg.name())) {
                    p.attempt(Sys.SYMLINKAT, p.string(cg.name()), inside, p.string(controller));
                }
            }
        }
        if ((o.flags() & MS_RDONLY) != 0) {
            p.call(what, Sys.FCHDIR, inside);
            p.call(
                    what,
                    Sys.MOUNT,
                    Arg.ZERO,
                    p.string("."),
                    Arg.ZERO,
                    c(MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC),
                    Arg.ZERO);
        }
        p.attempt(Sys.CLOSE, inside);
    }

    private void bind(String directory, Arg.Slot target, MountOptions o, Mount m) {
        String what = "mount cgroup " + directory + " on " + m.destination();
        Arg.Slot tree = p.slot();
        p.callInto(tree, what, Sys.OPEN_TREE, c(AT_FDCWD), p.string(directory), c(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
        s.setAttr(
                what,
                tree,
                false,
                o.attrSet() | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                o.attrClear() & MOUNT_ATTR__ATIME,
                0);
        s.moveMount(what, tree, target);
        p.attempt(Sys.CLOSE, tree);
        p.attempt(Sys.CLOSE, target);
    }
}
