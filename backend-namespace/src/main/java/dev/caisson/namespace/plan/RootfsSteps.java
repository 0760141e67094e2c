package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.backend.RootfsMount;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Mount;
import java.util.List;

/** The container's root: mounted out of the host's sight, entered, and read-only in the end where it is to be. */
final class RootfsSteps {
    private final Steps s;
    private final PlanBuilder p;
    private final PlanInput in;

    RootfsSteps(Steps s, PlanInput in) {
        this.s = s;
        this.p = s.p;
        this.in = in;
    }

    /** Cuts the way by which mounts would reach the host, makes the rootfs a mount, and opens it as the root of all that follows. */
    void mount() {
        boolean isPrivate = in.spec().linux().rootfsPropagation() != null
                && in.spec().linux().rootfsPropagation().wire().endsWith("private");
        p.call(
                "make / " + (isPrivate ? "private" : "slave"),
                Sys.MOUNT,
                Arg.ZERO,
                p.string("/"),
                Arg.ZERO,
                c((isPrivate ? MS_PRIVATE : MS_SLAVE) | MS_REC),
                Arg.ZERO);
        if (in.rootfsMounts().isEmpty()) {
            p.call(
                    "bind rootfs " + in.rootfs(),
                    Sys.MOUNT,
                    p.string(in.rootfs()),
                    p.string(in.rootfs()),
                    Arg.ZERO,
                    c(MS_BIND | MS_REC),
                    Arg.ZERO);
        }
        for (RootfsMount m : in.rootfsMounts()) {
            rootfsMount(m);
        }
        p.callInto(
                s.root,
                "open rootfs " + in.rootfs(),
                Sys.OPENAT,
                c(AT_FDCWD),
                p.string(in.rootfs()),
                c(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    }

    /**
     * For a child that has a copy of the mounts: the root in them is its working directory. What was copied into a user
     * namespace's mount namespace is locked in place (mount_namespaces(7)) and cannot become /, so it is bound once more.
     */
    void reopen() {
        p.callInto(
                s.root,
                "clone rootfs in own mount namespace",
                Sys.OPEN_TREE,
                c(AT_FDCWD),
                p.string("."),
                c(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE));
        p.call(
                "bind rootfs in own mount namespace",
                Sys.MOVE_MOUNT,
                s.root,
                p.string(""),
                c(AT_FDCWD),
                p.string("."),
                c(MOVE_MOUNT_F_EMPTY_PATH));
    }

    private void rootfsMount(RootfsMount m) {
        MountOptions o = MountOptions.parse(m.options());
        String at = m.target().isEmpty() ? in.rootfs() : in.rootfs() + "/" + Steps.relative(m.target());
        String what = "mount rootfs " + m.source() + " (" + m.type() + ") on " + at;
        boolean bind = o.bind() || m.type().equals("bind");
        OverlayLayers layers = m.type().equals("overlay") ? OverlayLayers.compact(o.data()) : null;
        String data = layers == null ? o.data() : layers.data();
        if (layers != null && layers.directory() != null) {
            p.call(what + ": enter " + layers.directory(), Sys.CHDIR, p.string(layers.directory()));
        }
        long flags = bind ? MS_BIND | (o.recursiveBind() ? MS_REC : 0) : o.flags();
        p.call(
                what,
                Sys.MOUNT,
                p.string(m.source()),
                p.string(at),
                bind ? Arg.ZERO : p.string(m.type()),
                c(flags),
                bind || data.isEmpty() ? Arg.ZERO : p.string(data));
        if (layers != null && layers.directory() != null) {
            p.call(what, Sys.CHDIR, p.string("/"));
        }
        if (bind && o.attrSet() != 0) {
            p.call(
                    what,
                    Sys.MOUNT_SETATTR,
                    c(AT_FDCWD),
                    p.string(at),
                    c(0),
                    p.struct(8, o.attrSet(), 8, o.attrClear(), 8, 0, 8, 0),
                    c(MOUNT_ATTR_SIZE));
        }
        for (long propagation : o.propagation()) {
            p.call(what, Sys.MOUNT, Arg.ZERO, p.string(at), Arg.ZERO, c(propagation), Arg.ZERO);
        }
    }

    /** Makes the rootfs the root, and the host's file systems go away. */
    void pivot() {
        p.call("enter rootfs", Sys.FCHDIR, s.root);
        if (in.noPivotRoot()) {
            // The old tree stays below; at least these instances of the host's go (a chroot can be left).
            p.attempt(Sys.UMOUNT2, p.string("/proc"), c(MNT_DETACH));
            p.attempt(Sys.UMOUNT2, p.string("/sys"), c(MNT_DETACH));
            p.call("move rootfs to /", Sys.MOUNT, p.string("."), p.string("/"), Arg.ZERO, c(MS_MOVE), Arg.ZERO);
            p.call("chroot to rootfs", Sys.CHROOT, p.string("."));
        } else {
            p.call("pivot_root to " + in.rootfs(), Sys.PIVOT_ROOT, p.string("."), p.string("."));
            // "." is the old root now, stacked on the new one.
            p.call("detach host's root", Sys.UMOUNT2, p.string("."), c(MNT_DETACH));
        }
        p.call("chdir to /", Sys.CHDIR, p.string("/"));
        if (in.spec().linux().rootfsPropagation() != null) {
            String word = in.spec().linux().rootfsPropagation().wire();
            long flag = MountOptions.parse(List.of(word)).propagation().getFirst();
            p.call("make rootfs " + word, Sys.MOUNT, Arg.ZERO, p.string("/"), Arg.ZERO, c(flag), Arg.ZERO);
        }
    }

    /** /dev and / read-only if they are to be, once everything in them is made. */
    void makeReadonly() {
        for (Mount m : in.spec().mounts()) {
            if (m.destination().equals("/dev") && !m.isBind() && m.options().contains("ro")) {
                p.call(
                        "make /dev read-only",
                        Sys.MOUNT_SETATTR,
                        c(AT_FDCWD),
                        p.string("/dev"),
                        c(0),
                        p.struct(8, MOUNT_ATTR_RDONLY, 8, 0, 8, 0, 8, 0),
                        c(MOUNT_ATTR_SIZE));
            }
        }
        if (in.spec().root() != null && in.spec().root().readonly()) {
            p.call(
                    "make rootfs read-only",
                    Sys.MOUNT_SETATTR,
                    c(AT_FDCWD),
                    p.string("/"),
                    c(0),
                    p.struct(8, MOUNT_ATTR_RDONLY, 8, 0, 8, 0, 8, 0),
                    c(MOUNT_ATTR_SIZE));
        }
    }
}
