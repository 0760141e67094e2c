package dev.caisson.trap;

import static dev.caisson.trap.mounts.MountRequest.*;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.PlanBuilder.Label;
import dev.caisson.linux.plan.Sys;
import dev.caisson.trap.mounts.MountRequest;

/**
 * The part of a guard's plan that mounts: it is in the container's user and mount namespace, has CAP_SYS_ADMIN there and nowhere else, and carries out
 * what the sandbox process asks for, one message at a time, on descriptors that came with it. So whatever such a message says, more than root of a
 * user namespace can do comes of it nowhere, and the sandbox process itself needs no such call.
 */
final class MountSteps {
    private static final int AF_UNIX = 1;
    private static final int SOCK_SEQPACKET_CLOEXEC = 5 | 0x80000;
    private static final long CLONE_NEWUSER = 0x1000_0000L;
    private static final long CLONE_NEWNS = 0x0002_0000L;
    private static final int CAPABILITY_VERSION_3 = 0x2008_0522;
    /** DAC_READ_SEARCH, to reach the directory that something is unmounted in; KILL, to end the init; SYS_ADMIN. */
    private static final long NEEDED = 1L << 2 | 1L << 5 | 1L << 21;

    private static final int MSG_CMSG_CLOEXEC = 0x4000_0000;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_PATH_DIRECTORY = 0x210000 | O_CLOEXEC;
    private static final int AT_FDCWD = -100;
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int F_EMPTY_T_EMPTY = 0x4 | 0x40; // MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH
    private static final int UMOUNT_NOFOLLOW = 8;
    private static final int FSMOUNT_CLOEXEC = 1;
    private static final int FSOPEN_CLOEXEC = 1;
    private static final int FSPICK_CLOEXEC_EMPTY_PATH = 1 | 8;
    private static final int FSCONFIG_SET_STRING = 1;
    private static final int FSCONFIG_CMD_CREATE = 6;
    private static final int FSCONFIG_CMD_RECONFIGURE = 7;
    private static final int STATX_MNT_ID = 0x1000;
    private static final int STX_MNT_ID = 144;
    private static final int STATX_SIZE = 256;
    private static final int MOUNT_ATTR_SIZE = 32;
    private static final int EINVAL = 22;
    private static final int EPROTO = 71;
    /** struct msghdr and what it names: one piece, and a control message with two descriptors (cmsg(3)). */
    private static final int MSG_CONTROLLEN = 40;

    private static final int CONTROL_SIZE = 24;
    private static final int CONTROL_DATA = 16;

    private final PlanBuilder p;
    private final Arg.Slot init;
    private final Arg.Slot ours;
    private final Arg.Slot root;
    private final Arg.Slot result;
    private final Arg.Slot first;
    private final Arg.Slot second;
    private final Arg.Slot made;
    private final Arg.Slot context;
    private final Arg.Slot word;
    private final Arg.Data request;
    private final Arg.Data answer;
    private final Arg.Data control;
    private final Arg.Data message;
    private final Arg.Data piece;
    private final Arg.Data stat;

    /** @param init a slot with a pidfd of the container's init */
    MountSteps(PlanBuilder p, Arg.Slot init) {
        this.p = p;
        this.init = init;
        ours = p.slot();
        root = p.slot();
        result = p.slot();
        first = p.slot();
        second = p.slot();
        made = p.slot();
        context = p.slot();
        word = p.slot();
        request = p.room(MountRequest.SIZE + 1); // what ends its last text
        answer = p.room(MountRequest.ANSWER_SIZE);
        control = p.room(CONTROL_SIZE);
        message = p.room(56);
        piece = p.room(16);
        stat = p.room(STATX_SIZE);
    }

    /** A socket whose messages are requests. */
    Arg.Slot requests() {
        return ours;
    }

    /** Makes the socket, of which the sandbox process takes the other end, and goes to where the container is. */
    void enter() {
        Arg.Data pair = p.room(8);
        Arg.Slot theirs = p.slot();
        p.call(
                "make socket for mounts",
                Sys.SOCKETPAIR,
                Arg.of(AF_UNIX),
                Arg.of(SOCK_SEQPACKET_CLOEXEC),
                Arg.ZERO,
                pair);
        p.load(ours, pair, 4);
        p.load(theirs, pair.plus(4), 4);
        p.call("keep socket for mounts", Sys.DUP3, theirs, Arg.of(MountRequest.FD), Arg.of(O_CLOEXEC));
        p.call("keep socket for mounts", Sys.CLOSE, theirs);
        p.call("enter container's user and mount namespace", Sys.SETNS, init, Arg.of(CLONE_NEWUSER | CLONE_NEWNS));
        p.callInto(
                root, "open container's root", Sys.OPENAT, Arg.of(AT_FDCWD), p.string("/"), Arg.of(O_PATH_DIRECTORY));
        Arg.Data header = p.struct(4, CAPABILITY_VERSION_3, 4, 0);
        long low = NEEDED & 0xffff_ffffL;
        Arg.Data sets = p.struct(4, low, 4, low, 4, 0, 4, 0, 4, 0, 4, 0);
        p.call("keep capabilities for mounts", Sys.CAPSET, header, sets);
        p.store(request, piece, 8);
        p.store(Arg.of(MountRequest.SIZE), piece.plus(8), 8);
        p.store(piece, message.plus(16), 8);
        p.store(Arg.of(1), message.plus(24), 8);
        p.store(control, message.plus(32), 8);
    }

    /**
     * Answers one request.
     *
     * @param end where to go when there will be no more
     */
    void answer(Label end) {
        Label told = new Label();
        p.store(Arg.of(CONTROL_SIZE), message.plus(MSG_CONTROLLEN), 8);
        p.store(Arg.of(-1), control.plus(CONTROL_DATA), 4);
        p.store(Arg.of(-1), control.plus(CONTROL_DATA + 4), 4);
        p.attemptInto(result, Sys.RECVMSG, ours, message, Arg.of(MSG_CMSG_CLOEXEC));
        p.jumpIfLess(result, Arg.of(1), end);
        p.load(first, control.plus(CONTROL_DATA), 4);
        p.load(second, control.plus(CONTROL_DATA + 4), 4);
        p.set(made, Arg.of(-1));
        p.set(context, Arg.of(-1));
        p.store(Arg.ZERO, answer.plus(MountRequest.ANSWER_ID), 8);
        p.set(word, result);
        p.set(result, Arg.of(-EPROTO));
        p.jumpIfNotEqual(word, Arg.of(MountRequest.SIZE), told);
        p.set(result, Arg.of(-EINVAL));
        p.load(word, request.plus(OP), 4);
        on(NEW_TMPFS, told, () -> newTmpfs(told));
        on(BIND, told, () -> bind(told));
        on(MOVE, told, () -> move(first, second));
        on(SET, told, this::set);
        on(RESIZE, told, () -> resize(told));
        on(UNMOUNT, told, this::unmount);
        p.place(told);
        for (Arg.Slot fd : new Arg.Slot[] {made, context, first, second}) {
            Label closed = new Label();
            p.jumpIfFailed(fd, closed);
            p.attempt(Sys.CLOSE, fd);
            p.place(closed);
        }
        p.store(result, answer, 8);
        p.attempt(Sys.SENDTO, ours, answer, Arg.of(MountRequest.ANSWER_SIZE), Arg.of(MSG_NOSIGNAL), Arg.ZERO, Arg.ZERO);
    }

    private void on(int op, Label done, Runnable steps) {
        Label other = new Label();
        p.jumpIfNotEqual(word, Arg.of(op), other);
        steps.run();
        p.jump(done);
        p.place(other);
    }

    private void newTmpfs(Label told) {
        p.attemptInto(context, Sys.FSOPEN, p.string("tmpfs"), Arg.of(FSOPEN_CLOEXEC));
        giveUp(context, told);
        options(told);
        p.attemptInto(result, Sys.FSCONFIG, context, Arg.of(FSCONFIG_CMD_CREATE), Arg.ZERO, Arg.ZERO, Arg.ZERO);
        p.jumpIfFailed(result, told);
        p.load(word, request.plus(ATTRIBUTES), 8);
        p.attemptInto(made, Sys.FSMOUNT, context, Arg.of(FSMOUNT_CLOEXEC), word);
        giveUp(made, told);
        attach(first);
    }

    private void options(Label told) {
        for (MountRequest.Option option : MountRequest.Option.values()) {
            Label none = new Label();
            Arg.Data value = request.plus(option.at());
            p.load(word, value, 1);
            p.jumpIfEqual(word, Arg.ZERO, none);
            p.attemptInto(
                    result,
                    Sys.FSCONFIG,
                    context,
                    Arg.of(FSCONFIG_SET_STRING),
                    p.string(option.key()),
                    value,
                    Arg.ZERO);
            p.jumpIfFailed(result, told);
            p.place(none);
        }
    }

    private void bind(Label told) {
        p.load(word, request.plus(FLAGS), 4);
        p.attemptInto(made, Sys.OPEN_TREE, first, p.string(""), word);
        giveUp(made, told);
        Label asItIs = new Label();
        p.load(word, request.plus(ATTR), 8);
        p.jumpIfEqual(word, Arg.ZERO, asItIs);
        p.attemptInto(
                result,
                Sys.MOUNT_SETATTR,
                made,
                p.string(""),
                Arg.of(AT_EMPTY_PATH),
                request.plus(ATTR),
                Arg.of(MOUNT_ATTR_SIZE));
        p.jumpIfFailed(result, told);
        p.place(asItIs);
        attach(second);
    }

    /** Says which mount it is, which the mount table shows too, and puts it there. */
    private void attach(Arg.Slot target) {
        p.attempt(Sys.STATX, made, p.string(""), Arg.of(AT_EMPTY_PATH), Arg.of(STATX_MNT_ID), stat);
        p.load(word, stat.plus(STX_MNT_ID), 8);
        p.store(word, answer.plus(MountRequest.ANSWER_ID), 8);
        move(made, target);
    }

    private void move(Arg.Slot from, Arg.Slot to) {
        p.attemptInto(result, Sys.MOVE_MOUNT, from, p.string(""), to, p.string(""), Arg.of(F_EMPTY_T_EMPTY));
    }

    private void set() {
        p.load(word, request.plus(FLAGS), 4);
        p.attemptInto(
                result, Sys.MOUNT_SETATTR, first, p.string(""), word, request.plus(ATTR), Arg.of(MOUNT_ATTR_SIZE));
    }

    private void resize(Label told) {
        p.attemptInto(context, Sys.FSPICK, first, p.string(""), Arg.of(FSPICK_CLOEXEC_EMPTY_PATH));
        giveUp(context, told);
        options(told);
        p.attemptInto(result, Sys.FSCONFIG, context, Arg.of(FSCONFIG_CMD_RECONFIGURE), Arg.ZERO, Arg.ZERO, Arg.ZERO);
    }

    /** By its name in the directory, since nobody may hold what is unmounted. A name with a slash would lead out of that. */
    private void unmount() {
        Label out = new Label();
        p.attemptInto(result, Sys.FCHDIR, first);
        p.jumpIfFailed(result, out);
        p.load(word, request.plus(FLAGS), 4);
        p.or(word, word, Arg.of(UMOUNT_NOFOLLOW));
        p.attemptInto(result, Sys.UMOUNT2, request.plus(NAME), word);
        p.attempt(Sys.FCHDIR, root);
        p.place(out);
    }

    private void giveUp(Arg.Slot opened, Label told) {
        p.set(result, opened);
        p.jumpIfFailed(opened, told);
    }
}
