package dev.caisson.kvm.plan;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The proxy: a process of the host's that stands for one in a guest, so that whoever is its parent (the pod's monitor, or the caller of a command)
 * sees it live, signals it, gives it streams and hears how it ended, whatever becomes of the daemon. It sends the guest the signals that it gets,
 * copies the streams and ends as the process in the guest ends. When it is killed, so is that.
 *
 * <p>Its helpers are forked copies of it: one for each stream, and one that waits for its violent end.
 */
public final class ProxyPlan {
    /** Said when its sockets are listened to; then it waits at its gate. The same number as of an ordinary init that can be started. */
    public static final int NOTE_READY = 17;

    private static final int NOTE_PID = 1;
    private static final int NOTE_CONSOLE = 2;
    private static final int CLONE_PARENT = 0x8000;
    private static final int AT_FDCWD = -100;
    private static final int AF_UNIX = 1;
    private static final int STREAM_CLOEXEC = 0x80001;
    private static final int CLOEXEC = 0x80000;
    private static final int PR_SET_PDEATHSIG = 1;
    private static final int SIGKILL = 9;
    private static final int SIGCHLD = 17;
    private static final int SIGWINCH = 28;
    private static final int SIG_SETMASK = 2;
    private static final int SHUT_WR = 1;
    private static final int POLLIN = 1;
    private static final int POLLFD = 8;
    private static final int SIGINFO = 128;
    /** What a socket may have for it at once; memory that is not used is not there. */
    private static final int BUFFER = 256 << 10;

    private static final int O_RDWR_NOCTTY = 0x102;
    private static final int TIOCSPTLCK = 0x40045431;
    private static final int TIOCGPTPEER = 0x5441;
    private static final int TIOCSCTTY = 0x540e;
    private static final int TIOCGWINSZ = 0x5413;
    private static final int TCSETS = 0x5402;
    private static final int KILLED = 128 + SIGKILL;
    private static final int DRAIN_SECONDS = 2;
    /** For the guest to call at all, where a process was faster than that. */
    private static final int CALL_SECONDS = 30;
    /** A frame's header; behind it field 2 of the Response, and field 1 of the message in it (both of one byte and a length). */
    private static final int ANSWER = 10;

    private static final int PAYLOAD_TAG = 0x12;
    private static final int EXIT_STATUS_TAG = 0x08;

    /**
     * Where and how.
     *
     * @param machine the unix socket of the guest's ports
     * @param agentPort the guest's port of the agent
     * @param stdin the unix socket where the guest will call for input, null for none
     * @param terminal whether the caller's end is a terminal; there is no stderr then
     * @param outlives whether it lives on without its parent
     */
    public record Place(
            String machine,
            int agentPort,
            @Nullable String stdin,
            @Nullable String stdout,
            @Nullable String stderr,
            boolean terminal,
            boolean outlives) {}

    private final PlanBuilder p = new PlanBuilder();
    private final Place place;
    private final ProxyFrames frames;
    private final Arg.Data buffer = p.room(BUFFER);
    private final Arg.Slot scratch = p.slot();
    private final Arg.@Nullable Slot master;

    private ProxyPlan(Place place, ProxyFrames frames) {
        this.place = place;
        this.frames = frames;
        this.master = place.terminal() ? p.slot() : null;
    }

    public static LaunchPlan of(Place place, ProxyFrames frames) {
        ProxyPlan proxy = new ProxyPlan(place, frames);
        proxy.plan();
        return proxy.p.build();
    }

    private void plan() {
        beChildOfCaller();
        p.call("start session", Sys.SETSID);
        if (!place.outlives()) {
            p.call("set parent-death signal", Sys.PRCTL, Arg.of(PR_SET_PDEATHSIG), Arg.of(SIGKILL));
        }
        Arg.Data all = p.struct(8, -1);
        Arg.Slot signals = p.slot();
        p.call("block signals", Sys.RT_SIGPROCMASK, Arg.of(SIG_SETMASK), all, Arg.ZERO, Arg.of(8));
        p.callInto(signals, "open signals", Sys.SIGNALFD4, Arg.of(-1), all, Arg.of(8), Arg.of(CLOEXEC));
        if (master != null) {
            terminal(master);
        }
        Arg.Slot killer = killer();
        Arg.@Nullable Slot in = place.stdin() == null ? null : input(place.stdin());
        List<Output> out = new ArrayList<>();
        if (place.stdout() != null) {
            out.add(new Output(output(place.stdout(), PlanBuilder.STDOUT_FD), place.stdout()));
        }
        if (place.stderr() != null) {
            out.add(new Output(output(place.stderr(), PlanBuilder.STDERR_FD), place.stderr()));
        }
        Arg.Slot wait = p.slot();
        ask(wait, p.bytes(frames.ended()), frames.ended().length);
        if (master != null) {
            p.note(NOTE_CONSOLE, master);
        }
        p.note(NOTE_READY, Arg.of(-1));
        serve(signals, wait, killer, in, out);
    }

    /** As an ordinary init: made by the plan's player, which ends then. */
    private void beChildOfCaller() {
        Arg.Slot pid = p.slot();
        PlanBuilder.Label child = new PlanBuilder.Label();
        p.callInto(
                pid, "fork proxy", Sys.CLONE, Arg.of(CLONE_PARENT | SIGCHLD), Arg.ZERO, Arg.ZERO, Arg.ZERO, Arg.ZERO);
        p.jumpIfEqual(pid, Arg.ZERO, child);
        p.note(NOTE_PID, pid);
        p.attempt(Sys.EXIT_GROUP, Arg.ZERO);
        p.place(child);
    }

    // ---- what it does itself ----

    private void serve(Arg.Slot signals, Arg.Slot wait, Arg.Slot killer, Arg.@Nullable Slot in, List<Output> out) {
        Arg.Data poll = p.struct(4, 0, 2, POLLIN, 2, 0, 4, PlanBuilder.GATE_FD, 2, POLLIN, 2, 0, 4, 0, 2, POLLIN, 2, 0);
        p.store(signals, poll, 4);
        p.store(wait, poll.plus(2 * POLLFD), 4);
        PlanBuilder.Label again = new PlanBuilder.Label();
        PlanBuilder.Label ended = new PlanBuilder.Label();
        PlanBuilder.Label gate = new PlanBuilder.Label();
        PlanBuilder.Label signal = new PlanBuilder.Label();
        // Without a guest that answers there is nothing to stand for.
        p.jumpIfFailed(wait, ended);
        p.place(again);
        p.attempt(Sys.PPOLL, poll, Arg.of(3), Arg.ZERO, Arg.ZERO, Arg.of(8));
        jumpIfReady(poll.plus(POLLFD), gate);
        jumpIfReady(poll, signal);
        jumpIfReady(poll.plus(2 * POLLFD), ended);
        p.jump(again);

        p.place(gate);
        p.store(Arg.of(-1), poll.plus(POLLFD), 4);
        // Whoever waits for the end of the launch sees it here: the program runs.
        p.attempt(Sys.CLOSE, Arg.of(PlanBuilder.GATE_FD));
        p.attempt(Sys.CLOSE, Arg.of(PlanBuilder.NOTE_FD));
        if (master != null) {
            // The monitor has taken it by now.
            p.attempt(Sys.CLOSE, master);
        }
        p.jump(again);

        p.place(signal);
        signal(signals, again);

        p.place(ended);
        end(wait, killer, in, out);
    }

    private void jumpIfReady(Arg.Data pollfd, PlanBuilder.Label to) {
        p.load(scratch, pollfd.plus(6), 2);
        p.jumpIfNotEqual(scratch, Arg.ZERO, to);
    }

    private void signal(Arg.Slot signals, PlanBuilder.Label again) {
        Arg.Data info = p.room(SIGINFO);
        Arg.Slot number = p.slot();
        p.attempt(Sys.READ, signals, info, Arg.of(SIGINFO));
        p.load(number, info, 4);
        p.jumpIfEqual(number, Arg.of(SIGCHLD), again);
        if (place.terminal()) {
            PlanBuilder.Label other = new PlanBuilder.Label();
            p.jumpIfNotEqual(number, Arg.of(SIGWINCH), other);
            Arg.Data window = p.bytes(frames.window());
            p.attempt(Sys.IOCTL, Arg.of(PlanBuilder.STDIN_FD), Arg.of(TIOCGWINSZ), window.plus(frames.sizeAt()));
            tell(window, frames.window().length);
            p.jump(again);
            p.place(other);
        }
        Arg.Data kill = p.bytes(frames.kill());
        p.store(number, kill.plus(frames.signalAt()), 1);
        tell(kill, frames.kill().length);
        p.jump(again);
    }

    private void end(Arg.Slot wait, Arg.Slot killer, Arg.@Nullable Slot in, List<Output> out) {
        Arg.Slot code = p.slot();
        Arg.Slot length = p.slot();
        PlanBuilder.Label lost = new PlanBuilder.Label();
        PlanBuilder.Label clean = new PlanBuilder.Label();
        p.set(code, Arg.of(KILLED));
        p.attemptInto(length, Sys.READ, wait, buffer, Arg.of(BUFFER));
        p.jumpIfLess(length, Arg.of(ANSWER), lost);
        PlanBuilder.Label success = new PlanBuilder.Label();
        PlanBuilder.Label answered = new PlanBuilder.Label();
        p.jumpIfNotEqual(length, Arg.of(ANSWER), answered);
        // An empty answer is one whose fields are all 0.
        p.set(code, Arg.ZERO);
        p.jump(success);
        p.place(answered);
        p.load(scratch, buffer.plus(ANSWER), 1);
        p.jumpIfNotEqual(scratch, Arg.of(PAYLOAD_TAG), lost);
        p.set(code, Arg.ZERO);
        p.load(scratch, buffer.plus(ANSWER + 2), 1);
        p.jumpIfNotEqual(scratch, Arg.of(EXIT_STATUS_TAG), success);
        // A varint may be longer than it need be, and the guest's monitor makes it so. In a first byte with others
        // behind it the eighth bit
        // is set; the number's own is the first of the second byte.
        p.load(code, buffer.plus(ANSWER + 3), 1);
        p.jumpIfLess(code, Arg.of(0x80), success);
        p.load(scratch, buffer.plus(ANSWER + 4), 1);
        p.and(scratch, scratch, Arg.of(1));
        p.jumpIfNotEqual(scratch, Arg.ZERO, success);
        p.and(code, code, Arg.of(0x7f));
        p.place(success);
        // What the process has written is on its way.
        for (Output each : out) {
            drain(each);
        }
        p.jump(clean);
        p.place(lost);
        for (Output each : out) {
            p.attempt(Sys.KILL, each.helper(), Arg.of(SIGKILL));
        }
        p.place(clean);
        p.attempt(Sys.KILL, killer, Arg.of(SIGKILL));
        p.attempt(Sys.WAIT4, killer, Arg.ZERO, Arg.ZERO, Arg.ZERO);
        if (in != null) {
            p.attempt(Sys.KILL, in, Arg.of(SIGKILL));
            p.attempt(Sys.WAIT4, in, Arg.ZERO, Arg.ZERO, Arg.ZERO);
        }
        for (String each : sockets()) {
            p.attempt(Sys.UNLINKAT, Arg.of(AT_FDCWD), p.string(each), Arg.ZERO);
        }
        p.call("end as the guest's process", Sys.EXIT_GROUP, code);
    }

    private List<String> sockets() {
        List<String> all = new ArrayList<>();
        for (String each : new String[] {place.stdin(), place.stdout(), place.stderr()}) {
            if (each != null) {
                all.add(each);
            }
        }
        return all;
    }

    /** A stream's helper, and the socket that it takes away when the guest has called there. */
    private record Output(Arg.Slot helper, String socket) {}

    /** Waits for a stream's helper, but not for others that still hold the stream in the guest. */
    private void drain(Output output) {
        Arg.Slot helper = output.helper();
        Arg.Slot process = p.slot();
        Arg.Data patience = p.struct(8, DRAIN_SECONDS, 8, 0);
        PlanBuilder.Label called = new PlanBuilder.Label();
        p.attemptInto(scratch, Sys.FACCESSAT2, Arg.of(AT_FDCWD), p.string(output.socket()), Arg.ZERO, Arg.ZERO);
        p.jumpIfFailed(scratch, called);
        p.store(Arg.of(CALL_SECONDS), patience, 8);
        p.place(called);
        Arg.Data poll = p.struct(4, 0, 2, POLLIN, 2, 0);
        PlanBuilder.Label gone = new PlanBuilder.Label();
        p.attemptInto(process, Sys.PIDFD_OPEN, helper, Arg.ZERO);
        p.jumpIfFailed(process, gone);
        p.store(process, poll, 4);
        p.attempt(Sys.PPOLL, poll, Arg.of(1), patience, Arg.ZERO, Arg.of(8));
        p.place(gone);
        p.attempt(Sys.KILL, helper, Arg.of(SIGKILL));
        p.attempt(Sys.WAIT4, helper, Arg.ZERO, Arg.ZERO, Arg.ZERO);
    }

    private void terminal(Arg.Slot to) {
        Arg.Slot slave = p.slot();
        p.callInto(
                to,
                "open /dev/ptmx",
                Sys.OPENAT,
                Arg.of(AT_FDCWD),
                p.string("/dev/ptmx"),
                Arg.of(O_RDWR_NOCTTY | CLOEXEC));
        p.call("unlock terminal", Sys.IOCTL, to, Arg.of(TIOCSPTLCK), p.struct(4, 0));
        p.callInto(slave, "open terminal", Sys.IOCTL, to, Arg.of(TIOCGPTPEER), Arg.of(O_RDWR_NOCTTY | CLOEXEC));
        p.call("make terminal the controlling one", Sys.IOCTL, slave, Arg.of(TIOCSCTTY), Arg.ZERO);
        // The guest's terminal does all that a terminal does; this one passes bytes on. c_cflag is CS8 | CREAD |
        // B38400, VMIN is 1.
        p.call(
                "make terminal raw",
                Sys.IOCTL,
                slave,
                Arg.of(TCSETS),
                p.struct(4, 0, 4, 0, 4, 0xbf, 4, 0, 1, 0, 4, 0, 2, 0, 1, 1, 8, 0, 4, 0));
        p.call("set up standard input", Sys.DUP3, slave, Arg.of(PlanBuilder.STDIN_FD), Arg.of(CLOEXEC));
        p.call("set up standard output", Sys.DUP3, slave, Arg.of(PlanBuilder.STDOUT_FD), Arg.of(CLOEXEC));
    }

    // ---- its helpers ----

    private interface Body {
        void steps();
    }

    private Arg.Slot fork(String what, Body child) {
        Arg.Slot pid = p.slot();
        PlanBuilder.Label parent = new PlanBuilder.Label();
        p.callInto(pid, what, Sys.CLONE, Arg.of(SIGCHLD), Arg.ZERO, Arg.ZERO, Arg.ZERO, Arg.ZERO);
        p.jumpIfNotEqual(pid, Arg.ZERO, parent);
        p.attempt(Sys.CLOSE, Arg.of(PlanBuilder.NOTE_FD));
        p.attempt(Sys.CLOSE, Arg.of(PlanBuilder.GATE_FD));
        if (master != null) {
            p.attempt(Sys.CLOSE, master);
        }
        child.steps();
        p.attempt(Sys.EXIT_GROUP, Arg.ZERO);
        p.place(parent);
        return pid;
    }

    /** A proxy that is killed cannot say so. */
    private Arg.Slot killer() {
        Arg.Slot self = p.slot();
        Arg.Data poll = p.struct(4, 0, 2, POLLIN, 2, 0);
        p.callInto(self, "get pid", Sys.GETPID);
        p.callInto(self, "open own pid", Sys.PIDFD_OPEN, self, Arg.ZERO);
        p.store(self, poll, 4);
        Arg.Slot helper = fork("fork helper for the end", () -> {
            for (int fd = PlanBuilder.STDIN_FD; fd <= PlanBuilder.STDERR_FD; fd++) {
                p.attempt(Sys.CLOSE, Arg.of(fd));
            }
            p.attempt(Sys.PPOLL, poll, Arg.of(1), Arg.ZERO, Arg.ZERO, Arg.of(8));
            byte[] kill = frames.kill().clone();
            kill[frames.signalAt()] = SIGKILL;
            tell(p.bytes(kill), kill.length);
        });
        p.attempt(Sys.CLOSE, self);
        return helper;
    }

    private Arg.Slot input(String socket) {
        Arg.Slot listener = listen(socket);
        Arg.Slot helper = fork("fork helper for standard input", () -> {
            Arg.Slot connection = accept(listener, socket);
            PlanBuilder.Label again = new PlanBuilder.Label();
            PlanBuilder.Label end = new PlanBuilder.Label();
            Arg.Slot length = p.slot();
            p.place(again);
            p.attemptInto(length, Sys.READ, Arg.of(PlanBuilder.STDIN_FD), buffer, Arg.of(BUFFER));
            p.jumpIfLess(length, Arg.of(1), end);
            p.attemptInto(length, Sys.WRITE, connection, buffer, length);
            p.jumpIfLess(Arg.ZERO, length, again);
            p.place(end);
            p.attempt(Sys.SHUTDOWN, connection, Arg.of(SHUT_WR));
            // Closed by the other side when all of it has arrived.
            p.attempt(Sys.READ, connection, buffer, Arg.of(1));
            tell(p.bytes(frames.closeStdin()), frames.closeStdin().length);
        });
        p.attempt(Sys.CLOSE, listener);
        return helper;
    }

    private Arg.Slot output(String socket, int to) {
        Arg.Slot listener = listen(socket);
        Arg.Slot helper = fork("fork helper for descriptor " + to, () -> {
            Arg.Slot connection = accept(listener, socket);
            PlanBuilder.Label again = new PlanBuilder.Label();
            PlanBuilder.Label end = new PlanBuilder.Label();
            Arg.Slot length = p.slot();
            p.place(again);
            p.attemptInto(length, Sys.READ, connection, buffer, Arg.of(BUFFER));
            p.jumpIfLess(length, Arg.of(1), end);
            // Nobody who reads: the guest's process goes on, as its words are lost.
            p.attempt(Sys.WRITE, Arg.of(to), buffer, length);
            p.jump(again);
            p.place(end);
        });
        p.attempt(Sys.CLOSE, listener);
        return helper;
    }

    private Arg.Slot listen(String path) {
        Arg.Slot socket = p.slot();
        byte[] address = address(path);
        p.callInto(socket, "make socket", Sys.SOCKET, Arg.of(AF_UNIX), Arg.of(STREAM_CLOEXEC), Arg.ZERO);
        p.call("bind socket " + path, Sys.BIND, socket, p.bytes(address), Arg.of(address.length));
        p.call("listen at " + path, Sys.LISTEN, socket, Arg.of(1));
        return socket;
    }

    private Arg.Slot accept(Arg.Slot listener, String path) {
        Arg.Slot connection = p.slot();
        // Not the killer: that one is to outlive its parent.
        p.attempt(Sys.PRCTL, Arg.of(PR_SET_PDEATHSIG), Arg.of(SIGKILL));
        p.attemptInto(connection, Sys.ACCEPT4, listener, Arg.ZERO, Arg.ZERO, Arg.of(CLOEXEC));
        p.attempt(Sys.CLOSE, listener);
        p.attempt(Sys.UNLINKAT, Arg.of(AT_FDCWD), p.string(path), Arg.ZERO);
        return connection;
    }

    // ---- the agent ----

    /** Sends a request and waits until it is answered; what the answer is does not matter. */
    private void tell(Arg.Data frame, int length) {
        Arg.Slot connection = p.slot();
        PlanBuilder.Label end = new PlanBuilder.Label();
        ask(connection, frame, length);
        p.jumpIfFailed(connection, end);
        p.attempt(Sys.READ, connection, buffer, Arg.of(BUFFER));
        p.attempt(Sys.CLOSE, connection);
        p.place(end);
    }

    /** Leaves in {@code connection} one on which the answer will come, or something negative. */
    private void ask(Arg.Slot connection, Arg.Data frame, int length) {
        byte[] address = address(place.machine());
        byte[] line = ("CONNECT " + place.agentPort() + "\n").getBytes(StandardCharsets.US_ASCII);
        PlanBuilder.Label failed = new PlanBuilder.Label();
        PlanBuilder.Label end = new PlanBuilder.Label();
        p.attemptInto(connection, Sys.SOCKET, Arg.of(AF_UNIX), Arg.of(STREAM_CLOEXEC), Arg.ZERO);
        p.jumpIfFailed(connection, end);
        p.attemptInto(scratch, Sys.CONNECT, connection, p.bytes(address), Arg.of(address.length));
        p.jumpIfFailed(scratch, failed);
        p.attempt(Sys.WRITE, connection, p.bytes(line), Arg.of(line.length));
        // OK and a port, in one write of the machine's.
        p.attemptInto(scratch, Sys.READ, connection, buffer, Arg.of(64));
        p.jumpIfLess(scratch, Arg.of(1), failed);
        p.attemptInto(scratch, Sys.WRITE, connection, frame, Arg.of(length));
        p.jumpIfEqual(scratch, Arg.of(length), end);
        p.place(failed);
        p.attempt(Sys.CLOSE, connection);
        p.set(connection, Arg.of(-1));
        p.place(end);
    }

    private static byte[] address(String path) {
        byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(2 + bytes.length + 1)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putShort((short) AF_UNIX)
                .put(bytes)
                .array();
    }
}
