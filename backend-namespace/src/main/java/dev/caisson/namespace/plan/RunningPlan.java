package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import java.util.List;

/**
 * Plans that change a running container: its mounts and its device nodes. What is the host's is opened before the player enters the
 * container's mount namespace, what is the container's afterwards, below a root that is opened there; the two meet as descriptors. The
 * player stays outside of the container's pid namespace and ends when it is done.
 */
public final class RunningPlan {
    private final Spec spec;
    private final Steps s = new Steps();
    private final PlanBuilder p = s.p;
    private final boolean userNamespace;
    private final Arg.Slot pidfd = p.slot();
    private final Arg.Slot procfs = p.slot();
    private final Arg.Slot descriptors = p.slot();
    private final int initPid;

    /** @param initPid init's pid on the host; the caller keeps it from being reused */
    private RunningPlan(int initPid, Spec spec) {
        this.spec = spec;
        this.initPid = initPid;
        this.userNamespace = spec.linux().hasNamespace(NamespaceType.USER);
        p.call("become non-dumpable", Sys.PRCTL, c(PR_SET_DUMPABLE), c(0), c(0), c(0), c(0));
        p.attempt(Sys.UMASK, c(0));
        p.callInto(pidfd, "open init process " + initPid, Sys.PIDFD_OPEN, c(initPid), c(0));
        p.callInto(
                procfs, "open /proc", Sys.OPENAT, c(AT_FDCWD), p.string("/proc"), c(O_PATH | O_DIRECTORY | O_CLOEXEC));
        p.callInto(
                descriptors,
                "open /proc/self/fd",
                Sys.OPENAT,
                procfs,
                p.string("self/fd"),
                c(O_PATH | O_DIRECTORY | O_CLOEXEC));
    }

    /**
     * Adds a mount.
     *
     * @param in of the container, whose bind or tmpfs this is
     */
    public static LaunchPlan addMount(int initPid, PlanInput in, Mount mount) {
        Spec.Builder b = in.spec().toBuilder();
        b.mounts = List.of(mount);
        RunningPlan plan = new RunningPlan(initPid, b.build());
        MountSteps mounts = new MountSteps(plan.s, in.withSpec(plan.spec));
        mounts.openIdmapped(
                new IdMapSteps(plan.s, plan.spec.linux()),
                plan.procfs,
                plan.userNamespace ? plan.openUserNamespace(mount) : null);
        mounts.openSources();
        plan.enter();
        mounts.all();
        return plan.end();
    }

    /** Takes away what is mounted at a path, which leads through no symlink: those are the container's to change. */
    public static LaunchPlan removeMount(int initPid, Spec spec, String destination) {
        RunningPlan plan = new RunningPlan(initPid, spec);
        Arg.Slot target = plan.p.slot();
        String what = "unmount " + destination;
        plan.enter();
        plan.s.openInRoot(target, what, destination, O_PATH, RESOLVE_NO_SYMLINKS);
        plan.s.unmount(what, target, plan.descriptors);
        return plan.end();
    }

    /** Makes a device's node; its rule is another matter. */
    public static LaunchPlan addDevice(int initPid, Spec spec, Linux.Device device, boolean inUserNamespace) {
        RunningPlan plan = new RunningPlan(initPid, spec);
        boolean show = plan.userNamespace || inUserNamespace;
        DeviceSteps devices = new DeviceSteps(plan.s, spec, show);
        if (show) {
            Arg.Slot node = devices.openNode(device);
            plan.enter();
            devices.showNode(device, node);
        } else {
            plan.enter();
            devices.add(device);
        }
        return plan.end();
    }

    /** Takes a device's node away. */
    public static LaunchPlan removeDevice(int initPid, Spec spec, Linux.Device device, boolean inUserNamespace) {
        RunningPlan plan = new RunningPlan(initPid, spec);
        plan.enter();
        new DeviceSteps(plan.s, spec, false).remove(device, plan.userNamespace || inUserNamespace, plan.descriptors);
        return plan.end();
    }

    private Arg.Slot openUserNamespace(Mount mount) {
        Arg.Slot user = p.slot();
        p.callInto(
                user,
                "open user namespace for mount on " + mount.destination(),
                Sys.OPENAT,
                procfs,
                p.string(initPid + "/ns/user"),
                c(O_RDONLY | O_CLOEXEC));
        return user;
    }

    private void enter() {
        p.call(
                "enter namespaces of init process " + initPid,
                Sys.SETNS,
                pidfd,
                c(CLONE_NEWNS | (userNamespace ? CLONE_NEWUSER : 0)));
        if (userNamespace) {
            s.becomeRootOfUserNamespace();
        }
        s.openRoot();
    }

    private LaunchPlan end() {
        s.exit(0);
        return p.build();
    }
}
