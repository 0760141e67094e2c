package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.util.HashMap;
import java.util.Map;

/** What the step makers share: the plan being built and idioms of several calls. */
final class Steps {
    final PlanBuilder p = new PlanBuilder();
    /** O_PATH descriptor of the container's root directory, once it is open. */
    final Arg.Slot root = p.slot();

    private final Map<Long, Arg.Data> hows = new HashMap<>();
    private final Arg.Slot parent = p.slot();
    private final Arg.Slot made = p.slot();
    private final Arg.Slot file = p.slot();

    /** struct open_how: flags, mode, resolve. */
    Arg.Data how(long flags, long resolve) {
        return hows.computeIfAbsent(flags << 8 | resolve, k -> p.struct(8, flags, 8, 0, 8, resolve));
    }

    static Arg.Const c(long value) {
        return Arg.of(value);
    }

    static String relative(String path) {
        String r = path;
        while (r.startsWith("/")) {
            r = r.substring(1);
        }
        return r.isEmpty() ? "." : r;
    }

    /**
     * openat2 below the container's root, where no symlink and no {@code ..} leads out. EAGAIN means that somebody renamed
     * directories meanwhile: again.
     */
    void tryOpenInRoot(Arg.Slot dst, String path, long flags, long resolve) {
        PlanBuilder.Label again = new PlanBuilder.Label();
        p.place(again);
        p.attemptInto(
                dst,
                Sys.OPENAT2,
                root,
                p.string(relative(path)),
                how(flags | O_CLOEXEC, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve),
                c(24));
        p.jumpIfEqual(dst, c(-EAGAIN), again);
    }

    /** Like {@link #tryOpenInRoot}, and must succeed. */
    void openInRoot(Arg.Slot dst, String what, String path, long flags, long resolve) {
        PlanBuilder.Label done = new PlanBuilder.Label();
        tryOpenInRoot(dst, path, flags, resolve);
        jumpIfDone(dst, done);
        p.fail(what, dst);
        p.place(done);
    }

    /** An empty file system in memory, mounted on an open directory, which the process is in afterwards. */
    void mountTmpfs(String what, Arg.Slot directory, long flags, String options) {
        p.call(what, Sys.FCHDIR, directory);
        p.call(what, Sys.MOUNT, p.string("tmpfs"), p.string("."), p.string("tmpfs"), c(flags), p.string(options));
    }

    /** Goes on at {@code label} when the result is no error. */
    void jumpIfDone(Arg.Slot result, PlanBuilder.Label label) {
        p.jumpIfLess(c(-1), result, label);
    }

    /** In a process that has entered the container: what resolves below here stays in it. */
    void openRoot() {
        p.callInto(
                root,
                "open container's root",
                Sys.OPENAT,
                c(AT_FDCWD),
                p.string("/"),
                c(O_PATH | O_DIRECTORY | O_CLOEXEC));
    }

    /** The group first: the user's change takes the right to it away. */
    void becomeRootOfUserNamespace() {
        p.call("become root of user namespace (group)", Sys.SETRESGID, c(0), c(0), c(0));
        p.call("become root of user namespace", Sys.SETRESUID, c(0), c(0), c(0));
    }

    /** Opens a mount point below the root as O_PATH; what is missing of it is made, directories with mode 0755. */
    void openTarget(Arg.Slot dst, String path, boolean directory) {
        long resolve = path.equals("/proc") || path.equals("/sys") ? RESOLVE_NO_SYMLINKS : 0;
        PlanBuilder.Label done = new PlanBuilder.Label();
        tryOpenInRoot(dst, path, O_PATH, resolve);
        jumpIfDone(dst, done);
        p.set(parent, root);
        p.set(made, c(0));
        StringBuilder prefix = new StringBuilder();
        String[] names = relative(path).split("/", -1);
        for (int i = 0; i < names.length; i++) {
            if (names[i].isEmpty() || names[i].equals(".")) {
                continue;
            }
            boolean last = i == names.length - 1;
            prefix.append(prefix.isEmpty() ? "" : "/").append(names[i]);
            PlanBuilder.Label next = new PlanBuilder.Label();
            tryOpenInRoot(dst, prefix.toString(), O_PATH, resolve);
            jumpIfDone(dst, next);
            if (!names[i].equals("..")) {
                if (last && !directory) {
                    // Not mknod: a dangling symlink names the file to make, inside the root like any other.
                    createFile(prefix.toString(), resolve);
                } else {
                    p.attemptInto(made, Sys.MKDIRAT, parent, p.string(names[i]), c(0755));
                }
            }
            tryOpenInRoot(dst, prefix.toString(), O_PATH, resolve);
            jumpIfDone(dst, next);
            String what = "create mount point " + path + " in rootfs";
            PlanBuilder.Label found = new PlanBuilder.Label();
            PlanBuilder.Label dangling = new PlanBuilder.Label();
            p.jumpIfNotEqual(dst, c(-ENOENT), found);
            p.jumpIfEqual(made, c(-EEXIST), dangling);
            jumpIfDone(made, found);
            p.fail(what, made);
            p.place(dangling);
            p.fail(what + ": " + prefix + " is a symlink to nothing", dst);
            p.place(found);
            p.fail(what, dst);
            p.place(next);
            p.set(parent, dst);
        }
        p.place(done);
    }

    /** An empty file, unless it is there; the result is left in {@link #made}. */
    private void createFile(String path, long resolve) {
        p.attemptInto(
                made,
                Sys.OPENAT2,
                root,
                p.string(path),
                p.struct(
                        8,
                        O_RDONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
                        8,
                        0644,
                        8,
                        RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve),
                c(24));
        PlanBuilder.Label failed = new PlanBuilder.Label();
        p.jumpIfFailed(made, failed);
        p.attempt(Sys.CLOSE, made);
        p.place(failed);
    }

    /** Mounts a detached tree on an open target. */
    void moveMount(String what, Arg tree, Arg target) {
        p.call(
                what,
                Sys.MOVE_MOUNT,
                tree,
                p.string(""),
                target,
                p.string(""),
                c(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH));
    }

    /**
     * Takes away the mount that a descriptor is the root of. By its name among the descriptors: there is no call that takes the
     * descriptor itself, and its path may mean something else by now.
     *
     * @param descriptors this process's /proc/self/fd in the host's procfs
     */
    void unmount(String what, Arg.Slot mount, Arg.Slot descriptors) {
        Arg.Data name = p.room(24);
        Arg.Slot length = p.slot();
        p.decimal(length, mount, name);
        p.call(what, Sys.FCHDIR, descriptors);
        p.call(what, Sys.UMOUNT2, name, c(MNT_DETACH));
    }

    /** mount_setattr on a detached tree. */
    void setAttr(String what, Arg tree, boolean recursive, long set, long clear, long propagation) {
        p.call(
                what,
                Sys.MOUNT_SETATTR,
                tree,
                p.string(""),
                c(AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0)),
                p.struct(8, set, 8, clear, 8, propagation, 8, 0),
                c(MOUNT_ATTR_SIZE));
    }

    /**
     * The host's device node, shown in a container: its root may use it, but not change its owner, mode or times, which are the host's. A
     * read-only mount forbids that much of a device and no more.
     */
    void protectInode(String what, Arg tree) {
        setAttr(what, tree, false, MOUNT_ATTR_RDONLY, 0, 0);
    }

    /** Waits for a byte from the daemon; its absence means that nobody wants this process any more. */
    void waitAtGate(Arg.Data into, int size) {
        Arg.Slot got = p.slot();
        PlanBuilder.Label open = new PlanBuilder.Label();
        p.callInto(got, "wait for the daemon", Sys.READ, c(PlanBuilder.GATE_FD), into, c(size));
        p.jumpIfLess(c(0), got, open);
        exit(1);
        p.place(open);
    }

    void exit(int code) {
        p.attempt(Sys.EXIT, c(code));
    }

    /** As {@link #writeFile} for what may be refused. */
    void tryWriteFile(Arg dir, Arg.Data name, String text) {
        PlanBuilder.Label refused = new PlanBuilder.Label();
        p.attemptInto(file, Sys.OPENAT, dir, name, c(O_WRONLY | O_CLOEXEC));
        p.jumpIfFailed(file, refused);
        p.attempt(Sys.WRITE, file, p.string(text), c(text.getBytes(java.nio.charset.StandardCharsets.UTF_8).length));
        p.attempt(Sys.CLOSE, file);
        p.place(refused);
    }

    /** Writes text to a file named relative to a directory descriptor. */
    void writeFile(String what, Arg dir, Arg.Data name, String text) {
        Arg.Slot fd = file;
        p.callInto(fd, what, Sys.OPENAT, dir, name, c(O_WRONLY | O_CLOEXEC));
        p.call(what, Sys.WRITE, fd, p.string(text), c(text.getBytes(java.nio.charset.StandardCharsets.UTF_8).length));
        p.attempt(Sys.CLOSE, fd);
    }

    /** Opens, as O_PATH, the directory of a process in the /proc that {@code procfs} is. */
    Arg.Slot openProc(Arg.Slot procfs, Arg.Slot pid) {
        Arg.Data name = p.room(24);
        Arg.Slot length = p.slot();
        Arg.Slot dir = p.slot();
        p.decimal(length, pid, name);
        p.callInto(dir, "open /proc/<pid of init>", Sys.OPENAT, procfs, name, c(O_PATH | O_DIRECTORY | O_CLOEXEC));
        return dir;
    }

    /** struct clone_args; its cgroup, 80 bytes in, is stored into it when the plan runs. */
    Arg.Data cloneArgs(long flags, long exitSignal) {
        return p.struct(8, flags, 8, 0, 8, 0, 8, 0, 8, exitSignal, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0);
    }
}
