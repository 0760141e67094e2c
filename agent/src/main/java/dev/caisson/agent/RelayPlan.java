package dev.caisson.agent;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;

/**
 * Copies between a fifo, whose other end a container's process has, and a port of the host's. Played by a process of its own, which lives as long as
 * the stream, whatever becomes of the agent. Pure.
 */
final class RelayPlan {
    private static final int AT_FDCWD = -100;
    private static final int O_RDONLY = 0;
    private static final int O_WRONLY = 1;
    private static final int O_NONBLOCK_CLOEXEC = 0x80800;
    private static final int F_SETFL = 4;
    private static final int SOCK_STREAM_CLOEXEC = 0x80001;
    private static final int ENXIO = 6;
    private static final int ENOENT = 2;
    /**
     * Four packets of a vsock: what goes out together costs one exit of the guest. The fifo of an output is made to hold as much, so that its process can write on while the
     * host takes them. Memory that is not used is not there.
     */
    private static final int BUFFER = 256 << 10;

    private static final int F_SETPIPE_SZ = 1031;
    private static final int AF_VSOCK = 40;
    private static final int SO_VM_SOCKETS_BUFFER_SIZE = 0;
    private static final int SO_VM_SOCKETS_BUFFER_MAX_SIZE = 2;
    /** In bytes: Linux (6.1.192) sends no more than the sender's own buffer holds, whatever room the host has, and its ordinary one is a quarter of that room. */
    private static final long SOCKET_BUFFER = 1 << 20;

    private RelayPlan() {}

    /** From the fifo, until nobody writes there any more, to the host. */
    static LaunchPlan output(String fifo, HostPorts host, int port) {
        PlanBuilder p = new PlanBuilder();
        Arg.Slot socket = connect(p, host, port);
        Arg.Slot file = p.slot();
        PlanBuilder.Label gone = new PlanBuilder.Label();
        open(p, file, fifo, O_RDONLY, gone);
        p.attempt(Sys.FCNTL, file, Arg.of(F_SETPIPE_SZ), Arg.of(BUFFER));
        copy(p, file, socket);
        p.place(gone);
        return p.build();
    }

    /** From the host, until its end, to the fifo. */
    static LaunchPlan input(String fifo, HostPorts host, int port) {
        PlanBuilder p = new PlanBuilder();
        Arg.Slot socket = connect(p, host, port);
        Arg.Slot file = p.slot();
        PlanBuilder.Label gone = new PlanBuilder.Label();
        open(p, file, fifo, O_WRONLY, gone);
        copy(p, socket, file);
        p.place(gone);
        return p.build();
    }

    private static Arg.Slot connect(PlanBuilder p, HostPorts host, int port) {
        byte[] address = host.address(port);
        Arg.Slot socket = p.slot();
        p.callInto(
                socket,
                "make socket for a stream",
                Sys.SOCKET,
                Arg.of(host.family()),
                Arg.of(SOCK_STREAM_CLOEXEC),
                Arg.ZERO);
        Arg.Data size = p.struct(8, SOCKET_BUFFER);
        for (int name : new int[] {SO_VM_SOCKETS_BUFFER_MAX_SIZE, SO_VM_SOCKETS_BUFFER_SIZE}) {
            p.attempt(Sys.SETSOCKOPT, socket, Arg.of(AF_VSOCK), Arg.of(name), size, Arg.of(Long.BYTES));
        }
        p.call(
                "connect to port " + Integer.toUnsignedString(port) + " of the host",
                Sys.CONNECT,
                socket,
                p.bytes(address),
                Arg.of(address.length));
        return socket;
    }

    /** Without waiting for the other end: the process may have come and gone, and left its words in the fifo. */
    private static void open(PlanBuilder p, Arg.Slot file, String fifo, int mode, PlanBuilder.Label gone) {
        p.attemptInto(file, Sys.OPENAT, Arg.of(AT_FDCWD), p.string(fifo), Arg.of(mode | O_NONBLOCK_CLOEXEC));
        // Nobody to read what is written.
        p.jumpIfEqual(file, Arg.of(-ENXIO), gone);
        // A stream that the process was made without: it is at its end.
        p.jumpIfEqual(file, Arg.of(-ENOENT), gone);
        PlanBuilder.Label opened = new PlanBuilder.Label();
        p.jumpIfLess(Arg.of(-1), file, opened);
        p.fail("open " + fifo, file);
        p.place(opened);
        p.call("wait in " + fifo, Sys.FCNTL, file, Arg.of(F_SETFL), Arg.of(mode));
    }

    /** Both ends block, so a write takes all it is given, or fails. */
    private static void copy(PlanBuilder p, Arg.Slot from, Arg.Slot to) {
        Arg.Data buffer = p.room(BUFFER);
        Arg.Slot length = p.slot();
        PlanBuilder.Label again = new PlanBuilder.Label();
        PlanBuilder.Label end = new PlanBuilder.Label();
        // What the agent waits for: the stream is connected.
        p.call("tell that the stream is connected", Sys.CLOSE, Arg.of(PlanBuilder.NOTE_FD));
        p.place(again);
        p.attemptInto(length, Sys.READ, from, buffer, Arg.of(BUFFER));
        p.jumpIfLess(length, Arg.of(1), end);
        p.attemptInto(length, Sys.WRITE, to, buffer, length);
        p.jumpIfLess(Arg.ZERO, length, again);
        p.place(end);
    }
}
