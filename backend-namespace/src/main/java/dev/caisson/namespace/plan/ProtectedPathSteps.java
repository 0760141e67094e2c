package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Linux;

/** Paths of the container that it may not write to, or not see. */
final class ProtectedPathSteps {
    private final Steps s;
    private final PlanBuilder p;
    private final Linux linux;
    private final Arg.Slot target;
    private final Arg.Slot tree;

    /** @param target and {@code tree}: slots for what is mounted on, and what is mounted, which nothing else needs by then */
    ProtectedPathSteps(Steps s, Linux linux, Arg.Slot target, Arg.Slot tree) {
        this.s = s;
        this.p = s.p;
        this.linux = linux;
        this.target = target;
        this.tree = tree;
    }

    /** Each path as a read-only mount of itself; what does not exist is skipped. */
    void makeReadonly() {
        for (String path : linux.readonlyPaths()) {
            PlanBuilder.Label skip = new PlanBuilder.Label();
            PlanBuilder.Label there = new PlanBuilder.Label();
            s.tryOpenInRoot(target, path, O_PATH, 0);
            s.jumpIfDone(target, there);
            p.jumpIfEqual(target, c(-ENOENT), skip);
            p.jumpIfEqual(target, c(-ENOTDIR), skip);
            p.fail("make " + path + " read-only", target);
            p.place(there);
            p.callInto(
                    tree,
                    "make " + path + " read-only",
                    Sys.OPEN_TREE,
                    target,
                    p.string(""),
                    c(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE));
            s.setAttr("make " + path + " read-only", tree, true, MOUNT_ATTR_RDONLY, 0, 0);
            s.moveMount("make " + path + " read-only", tree, target);
            p.attempt(Sys.CLOSE, tree);
            p.attempt(Sys.CLOSE, target);
            p.place(skip);
        }
    }

    /**
     * A clone of the host's /dev/null, taken before the rootfs is entered: what the image calls /dev/null does not matter
     * (CVE-2025-31133). Each masked file needs a clone of its own.
     */
    void mask(Arg.Slot devNull) {
        Arg.Slot empty = p.slot();
        p.set(empty, c(-1));
        for (String path : linux.maskedPaths()) {
            String what = "mask " + path;
            PlanBuilder.Label skip = new PlanBuilder.Label();
            PlanBuilder.Label file = new PlanBuilder.Label();
            PlanBuilder.Label mounted = new PlanBuilder.Label();
            PlanBuilder.Label first = new PlanBuilder.Label();
            s.tryOpenInRoot(target, path, O_PATH | O_DIRECTORY, 0);
            p.jumpIfEqual(target, c(-ENOENT), skip);
            p.jumpIfEqual(target, c(-ENOTDIR), file);
            p.jumpIfLess(target, c(0), file);
            // One empty file system for all directories.
            p.jumpIfLess(empty, c(0), first);
            p.callInto(
                    tree,
                    what,
                    Sys.OPEN_TREE,
                    empty,
                    p.string(""),
                    c(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
            s.moveMount(what, tree, target);
            p.attempt(Sys.CLOSE, tree);
            p.jump(mounted);
            p.place(first);
            s.mountTmpfs(what, target, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "nr_blocks=1,nr_inodes=1");
            s.openInRoot(empty, what, path, O_PATH | O_DIRECTORY, 0);
            p.jump(mounted);
            p.place(file);
            s.tryOpenInRoot(target, path, O_PATH, 0);
            p.jumpIfEqual(target, c(-ENOENT), skip);
            p.jumpIfEqual(target, c(-ENOTDIR), skip);
            PlanBuilder.Label opened = new PlanBuilder.Label();
            s.jumpIfDone(target, opened);
            p.fail(what, target);
            p.place(opened);
            p.callInto(
                    tree,
                    what,
                    Sys.OPEN_TREE,
                    devNull,
                    p.string(""),
                    c(OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
            s.protectInode(what, tree);
            s.moveMount(what, tree, target);
            p.attempt(Sys.CLOSE, tree);
            p.place(mounted);
            p.attempt(Sys.CLOSE, target);
            p.place(skip);
        }
        p.call("chdir to /", Sys.CHDIR, p.string("/"));
    }
}
