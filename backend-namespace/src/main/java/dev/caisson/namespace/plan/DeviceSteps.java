package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.DeviceType;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Mount;
import dev.caisson.oci.Spec;
import java.util.ArrayList;
import java.util.List;

/**
 * Device nodes and the usual links in /dev. Every call is relative to a directory descriptor that was opened below the root, so
 * a /dev that is a symlink to somewhere else changes nothing on the host (CVE-2026-41579).
 */
final class DeviceSteps {
    private static final int MODE_ALL = 0666;

    private final Steps s;
    private final PlanBuilder p;
    private final Spec spec;
    private final boolean bindNodes;
    /** Used again for each device: a configuration may have thousands. */
    private final Arg.Slot directory;

    private final Arg.Slot made;
    private final Arg.Slot value;
    private final Arg.Slot tree;
    private final Arg.Slot target;

    DeviceSteps(Steps s, Spec spec, boolean inUserNamespace) {
        this.s = s;
        this.p = s.p;
        this.spec = spec;
        this.directory = p.slot();
        this.made = p.slot();
        this.value = p.slot();
        this.tree = p.slot();
        this.target = p.slot();
        this.bindNodes = inUserNamespace; // mknod is refused there
    }

    private static Linux.Device character(String path, long major, long minor) {
        return new Linux.Device(DeviceType.CHAR, path, major, minor, MODE_ALL, 0L, 0L);
    }

    /** The devices that the runtime-spec promises, then the configured ones, which replace them where they have the same path. */
    private List<Linux.Device> devices() {
        List<Linux.Device> all = new ArrayList<>(List.of(
                character("/dev/null", 1, 3),
                character("/dev/zero", 1, 5),
                character("/dev/full", 1, 7),
                character("/dev/random", 1, 8),
                character("/dev/urandom", 1, 9),
                character("/dev/tty", 5, 0)));
        for (Linux.Device d : spec.linux().devices()) {
            all.removeIf(x -> x.path().equals(d.path()));
            all.add(d);
        }
        return all;
    }

    /** Where the container has its devices, if it has any of its own. */
    List<String> paths() {
        return ownsDev() ? devices().stream().map(Linux.Device::path).toList() : List.of();
    }

    /** Whether /dev is the container's own and not a bind of somebody else's. */
    private boolean ownsDev() {
        for (Mount m : spec.mounts()) {
            if (m.destination().equals("/dev") && m.isBind()) {
                return false;
            }
        }
        return true;
    }

    void all() {
        if (!ownsDev()) {
            return;
        }
        Arg.Slot dev = p.slot();
        s.openTarget(dev, "/dev", true);
        for (Linux.Device d : devices()) {
            device(d, dev);
        }
        p.attempt(Sys.UNLINKAT, dev, p.string("ptmx"), c(0));
        p.attempt(Sys.SYMLINKAT, p.string("pts/ptmx"), dev, p.string("ptmx"));
        p.attempt(Sys.SYMLINKAT, p.string("/proc/self/fd"), dev, p.string("fd"));
        p.attempt(Sys.SYMLINKAT, p.string("/proc/self/fd/0"), dev, p.string("stdin"));
        p.attempt(Sys.SYMLINKAT, p.string("/proc/self/fd/1"), dev, p.string("stdout"));
        p.attempt(Sys.SYMLINKAT, p.string("/proc/self/fd/2"), dev, p.string("stderr"));
        p.attempt(Sys.CLOSE, dev);
    }

    /** One device of a container that runs; below a root that was opened in it. */
    void add(Linux.Device d) {
        Arg.Slot dev = p.slot();
        s.openTarget(dev, "/dev", true);
        device(d, dev);
    }

    /** The host's node, for a container where a node of its own could not be opened (mknod(2) in a user namespace, SB_I_NODEV). */
    Arg.Slot openNode(Linux.Device d) {
        String what = "open host's device " + d.path();
        Arg.Slot node = p.slot();
        p.callInto(node, what, Sys.OPEN_TREE, c(AT_FDCWD), p.string(d.path()), c(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
        requireSame(what + ": it is another one", d, node, "", AT_EMPTY_PATH);
        s.protectInode(what, node);
        return node;
    }

    /** Shows it under its own name. */
    void showNode(Linux.Device d, Arg.Slot node) {
        s.openTarget(target, d.path(), false);
        s.moveMount("bind device " + d.path(), node, target);
    }

    /** Takes a node away; an absent one is gone already, and another one stays with an error. */
    void remove(Linux.Device d, boolean shown, Arg.Slot descriptors) {
        String what = "remove device " + d.path();
        int slash = d.path().lastIndexOf('/');
        String name = d.path().substring(slash + 1);
        PlanBuilder.Label gone = new PlanBuilder.Label();
        PlanBuilder.Label there = new PlanBuilder.Label();
        s.tryOpenInRoot(target, d.path(), O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
        p.jumpIfEqual(target, c(-ENOENT), gone);
        s.jumpIfDone(target, there);
        p.fail(what, target);
        p.place(there);
        requireSame(what + ": a different file is there", d, target, "", AT_EMPTY_PATH);
        if (shown) {
            s.unmount(what, target, descriptors);
        }
        p.attempt(Sys.CLOSE, target);
        s.openInRoot(
                directory,
                what,
                slash == 0 ? "/" : d.path().substring(0, slash),
                O_PATH | O_DIRECTORY,
                RESOLVE_NO_SYMLINKS);
        p.call(what, Sys.UNLINKAT, directory, p.string(name), c(0));
        p.place(gone);
    }

    private void device(Linux.Device d, Arg.Slot dev) {
        int slash = d.path().lastIndexOf('/');
        String name = d.path().substring(slash + 1);
        String parent = d.path().substring(0, Math.max(slash, 0));
        Arg.Slot dir = dev;
        if (!parent.equals("/dev")) {
            dir = directory;
            s.openTarget(dir, parent.isEmpty() ? "/" : parent, true);
        }
        if (bindNodes && d.type() != DeviceType.FIFO) {
            bindNode(d);
        } else {
            makeNode(d, dir, name);
        }
        if (!parent.equals("/dev")) {
            p.attempt(Sys.CLOSE, dir);
        }
    }

    private void makeNode(Linux.Device d, Arg.Slot dir, String name) {
        String what = "create device " + d.path();
        int type = type(d);
        long number = number(d);
        int mode = d.fileMode() == null ? MODE_ALL : d.fileMode() & 07777;
        PlanBuilder.Label own = new PlanBuilder.Label();
        PlanBuilder.Label done = new PlanBuilder.Label();
        // umask is 0 while a plan builds, so the mode is exact.
        p.attemptInto(made, Sys.MKNODAT, dir, p.string(name), c(type | mode), c(number));
        s.jumpIfDone(made, own);
        PlanBuilder.Label exists = new PlanBuilder.Label();
        p.jumpIfEqual(made, c(-EEXIST), exists);
        p.fail(what, made);
        p.place(exists);
        requireSame(what + ": a different file is there", d, dir, name, AT_SYMLINK_NOFOLLOW);
        p.jump(done);
        p.place(own);
        long uid = d.uid() == null ? 0 : d.uid();
        long gid = d.gid() == null ? 0 : d.gid();
        if (uid != 0 || gid != 0) {
            p.call(
                    "chown device " + d.path(),
                    Sys.FCHOWNAT,
                    dir,
                    p.string(name),
                    c(uid),
                    c(gid),
                    c(AT_SYMLINK_NOFOLLOW));
        }
        p.place(done);
    }

    private static int type(Linux.Device d) {
        return switch (d.type()) {
            case CHAR, UNBUFFERED -> S_IFCHR;
            case BLOCK -> S_IFBLK;
            case FIFO -> S_IFIFO;
        };
    }

    private static long number(Linux.Device d) {
        return Kernel.device(d.major() == null ? 0 : d.major(), d.minor() == null ? 0 : d.minor());
    }

    /** A node that is there already must be the same one. */
    private void requireSame(String what, Linux.Device d, Arg.Slot dir, String name, int flags) {
        int type = type(d);
        long number = number(d);
        Arg.Data stat = p.room(STAT_SIZE);
        PlanBuilder.Label sameType = new PlanBuilder.Label();
        PlanBuilder.Label same = new PlanBuilder.Label();
        p.call(what, Sys.NEWFSTATAT, dir, p.string(name), stat, c(flags));
        p.load(value, stat.plus(STAT_MODE), 4);
        p.and(value, value, c(S_IFMT));
        p.jumpIfEqual(value, c(type), sameType);
        p.fail(what, c(-EEXIST));
        p.place(sameType);
        if (type != S_IFIFO) {
            p.load(value, stat.plus(STAT_RDEV), 8);
            p.jumpIfEqual(value, c(number), same);
            p.fail(what, c(-EEXIST));
        }
        p.place(same);
    }

    private void bindNode(Linux.Device d) {
        String what = "bind device " + d.path();
        p.callInto(tree, what, Sys.OPEN_TREE, c(AT_FDCWD), p.string(d.path()), c(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
        s.protectInode(what, tree);
        s.openTarget(target, d.path(), false);
        s.moveMount(what, tree, target);
        p.attempt(Sys.CLOSE, tree);
        p.attempt(Sys.CLOSE, target);
    }
}
