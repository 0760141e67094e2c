package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** What a tmpfs takes over from the directory that it covers: permissions (as with runc), and content where {@code tmpcopyup} asks for it. */
final class TmpfsSteps {
    /** What getdents64 gives for an empty directory: {@code .} and {@code ..}. */
    private static final int EMPTY_DIRECTORY = 48;

    private static final int DIGITS = 21;

    private final Steps s;
    private final PlanBuilder p;
    private final String what;
    private final String destination;
    private final Arg.Slot covered;
    private final Arg.Slot mode;
    private final Arg.Slot target;
    private final Arg.Data stat;

    TmpfsSteps(Steps s, String what, String destination) {
        this.s = s;
        this.p = s.p;
        this.what = what;
        this.destination = destination;
        this.covered = p.slot();
        this.mode = p.slot();
        this.target = p.slot();
        this.stat = p.room(STAT_SIZE);
    }

    /** Before the mount: looks at what will be covered. */
    void look(boolean keepOpen) {
        PlanBuilder.Label absent = new PlanBuilder.Label();
        s.tryOpenInRoot(covered, destination, O_RDONLY | O_DIRECTORY, 0);
        p.set(mode, covered);
        p.jumpIfFailed(covered, absent);
        p.call(what, Sys.NEWFSTATAT, covered, p.string(""), stat, c(AT_EMPTY_PATH));
        p.load(mode, stat.plus(STAT_MODE), 4);
        p.and(mode, mode, c(07777));
        if (!keepOpen) {
            p.attempt(Sys.CLOSE, covered);
        }
        p.place(absent);
    }

    /** After the mount. */
    void inheritMode() {
        PlanBuilder.Label absent = new PlanBuilder.Label();
        p.jumpIfFailed(mode, absent);
        s.openInRoot(target, what, destination, O_RDONLY | O_DIRECTORY, 0);
        p.call(what + ": set mode", Sys.FCHMOD, target, mode);
        p.attempt(Sys.CLOSE, target);
        p.place(absent);
    }

    /**
     * Content is not copied but seen through: an overlay whose upper layer is in the tmpfs. That takes a fixed number of calls, however
     * much there is. Nothing is put over a directory that is empty.
     *
     * @param inUserNamespace where overlay keeps its notes in user.* attributes (tmpfs has them since Linux 6.6; before, directories that
     *     the image brought cannot be removed)
     */
    void showContent(long flags, boolean inUserNamespace) {
        PlanBuilder.Label done = new PlanBuilder.Label();
        Arg.Slot got = p.slot();
        Arg.Slot owner = p.slot();
        Arg.Slot group = p.slot();
        Arg.Slot length = p.slot();
        p.jumpIfFailed(covered, done);
        p.callInto(got, what + ": read covered directory", Sys.GETDENTS64, covered, p.room(512), c(512));
        p.jumpIfLess(got, c(EMPTY_DIRECTORY + 1), done);
        s.openInRoot(target, what, destination, O_PATH | O_DIRECTORY, 0);
        p.call(what, Sys.FCHDIR, target);
        p.call(what, Sys.MKDIRAT, target, p.string("upper"), c(0755));
        p.call(what, Sys.MKDIRAT, target, p.string("work"), c(0755));
        p.call(what + ": set mode", Sys.FCHMODAT, target, p.string("upper"), mode);
        p.load(owner, stat.plus(STAT_UID), 4);
        p.load(group, stat.plus(STAT_GID), 4);
        p.call(what + ": set owner", Sys.FCHOWNAT, target, p.string("upper"), owner, group, c(AT_SYMLINK_NOFOLLOW));
        byte[] options = ((inUserNamespace ? "userxattr," : "") + "upperdir=upper,workdir=work,lowerdir=/proc/self/fd/")
                .getBytes(StandardCharsets.US_ASCII);
        Arg.Data data = p.bytes(Arrays.copyOf(options, options.length + DIGITS + 1));
        p.decimal(length, covered, data.plus(options.length));
        p.call(
                what + ": show what it covers",
                Sys.MOUNT,
                p.string("overlay"),
                p.string("."),
                p.string("overlay"),
                c(flags & (MS_NOSUID | MS_NODEV | MS_NOEXEC)),
                data);
        p.attempt(Sys.CLOSE, target);
        p.place(done);
        p.attempt(Sys.CLOSE, covered);
    }

    void makeReadonly() {
        s.openInRoot(target, what, destination, O_PATH, 0);
        s.setAttr(what + ": make read-only", target, false, MOUNT_ATTR_RDONLY, 0, 0);
        p.attempt(Sys.CLOSE, target);
    }
}
