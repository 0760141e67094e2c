package dev.caisson.kvm.virtio.vsock;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.kvm.virtio.Chain;
import dev.caisson.kvm.virtio.DeviceEvents;
import dev.caisson.kvm.virtio.VirtQueue;
import dev.caisson.kvm.virtio.VirtioDevice;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.UnixSockets;
import dev.caisson.linux.direct.KernelCalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Sockets without a module of the host's: a guest that connects to port P of the host gets a connection to the unix socket {@code PATH_P}; who
 * connects to {@code PATH} and writes {@code CONNECT P\n} gets one to the guest's port P, and {@code OK N\n} once the guest has agreed. As
 * Firecracker's, so that its clients work.
 */
public final class VsockDevice implements VirtioDevice, AutoCloseable {
    private static final int TYPE = 19;
    private static final int RECEIVE = 0;
    private static final int TRANSMIT = 1;
    private static final int EVENT = 2;
    /** VIRTIO_VSOCK_EVENT_TRANSPORT_RESET: all connections are gone, and the address may be another one. */
    private static final int TRANSPORT_RESET = 0;

    private static final int HOST_CID = 2;
    private static final int CONNECTIONS = 512;
    /** As many have a whole window, which is three for each container of a full machine; later ones a small one, and room for a packet at last: what a guest can make us hold is 75 MiB. */
    private static final int WIDE_CONNECTIONS = 33;

    private static final int NARROW_CONNECTIONS = 96;

    private static final int CONTROL_LIMIT = 256;
    /** What the guest has sent, and could free: it hears of that with our next packet, which comes for each half of a window, or when there are so many buffers. */
    private static final int GATHERED = 32;
    /** Ports of connections that begin at the host. */
    private static final int FIRST_HOST_PORT = 1 << 30;

    private final long guestCid;
    private final Path path;
    private final HostListener listener;
    private final KernelCalls calls = new KernelCalls();
    private final byte[] header = new byte[VsockPacket.SIZE];
    private final Map<Long, Connection> connections = new LinkedHashMap<>();
    private final Deque<VsockPacket> control = new ArrayDeque<>();
    private int nextHostPort = FIRST_HOST_PORT;
    private @Nullable DeviceEvents events;
    private @Nullable VirtQueue receive;
    private @Nullable VirtQueue transmit;
    private @Nullable VirtQueue event;
    /** Whether the guest has yet to hear that its connections are gone. */
    private boolean resetOwed;
    /** Whether bytes of the guest's have not been taken by the host's ends yet. */
    private volatile boolean holdsBytes;

    private VsockDevice(long guestCid, Path path, HostListener listener) {
        this.guestCid = guestCid;
        this.path = path;
        this.listener = listener;
    }

    /**
     * Begins to listen.
     *
     * @param guestCid the guest's address, 3 or more
     * @param path at most 96 bytes; nothing may be there
     */
    public static VsockDevice open(long guestCid, Path path) throws ErrnoException {
        return new VsockDevice(guestCid, path, HostListener.open(path));
    }

    @Override
    public int type() {
        return TYPE;
    }

    @Override
    public int queues() {
        return 3;
    }

    @Override
    public byte[] config() {
        return ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(guestCid)
                .array();
    }

    @Override
    public void attach(DeviceEvents with) {
        events = with;
    }

    @Override
    public void activate(List<VirtQueue> queues, long negotiated) {
        receive = queues.get(RECEIVE);
        transmit = queues.get(TRANSMIT);
        event = queues.get(EVENT);
        queues.get(TRANSMIT).gather(GATHERED);
        if (events != null) {
            listener.start(events, this::call);
        }
    }

    @Override
    public void process(int queue) throws GuestFault {
        tellReset();
        pump();
    }

    /** As soon as the driver has a buffer for it. */
    private void tellReset() throws GuestFault {
        VirtQueue to = event;
        if (!resetOwed || to == null) {
            return;
        }
        Chain chain = to.take();
        if (chain != null) {
            chain.write(new byte[] {TRANSPORT_RESET, 0, 0, 0}, 0, Integer.BYTES);
            to.complete(chain);
            resetOwed = false;
        }
    }

    /** Connections do not go along. */
    @Override
    public void save(StateWriter to) {
        to.putLong(guestCid).putInt(nextHostPort);
    }

    @Override
    public void restore(StateReader from) throws StateFormatException {
        if (from.getLong() != guestCid) {
            throw from.wrong("the guest has another address");
        }
        // Ports that the guest has seen are not used at once again: it may still be done with their connections.
        nextHostPort = from.getInt(FIRST_HOST_PORT, Integer.MAX_VALUE, "a port of the host's");
        resetOwed = true;
    }

    /** Moves what can be moved in both directions. */
    private void pump() throws GuestFault {
        VirtQueue in = receive;
        VirtQueue out = transmit;
        if (in == null || out == null) {
            return;
        }
        boolean moved = true;
        while (moved) {
            moved = false;
            // A guest that takes no answers is not asked for more questions.
            Chain chain = control.size() < CONTROL_LIMIT ? out.take() : null;
            if (chain != null) {
                fromGuest(chain);
                out.complete(chain);
                moved = true;
            }
            while (in.hasNext() && toGuest(in)) {
                moved = true;
            }
        }
        boolean holds = false;
        for (Connection each : List.copyOf(connections.values())) {
            arm(each);
            holds |= each.holdsBytes();
        }
        holdsBytes = holds;
    }

    /** What the guest has sent is with whom it was sent to: it would be lost with the connections. */
    @Override
    public boolean isIdle() {
        return !holdsBytes;
    }

    private void arm(Connection connection) {
        try {
            connection.arm();
        } catch (ErrnoException e) {
            throw new IllegalStateException("wait for a connection", e);
        }
    }

    // From the guest.

    private void fromGuest(Chain chain) throws GuestFault {
        chain.read(header, 0, VsockPacket.SIZE);
        VsockPacket packet = VsockPacket.parse(header);
        if (packet.sourceCid() != guestCid || packet.targetCid() != HOST_CID || packet.type() != VsockPacket.STREAM) {
            if (packet.operation() != VsockPacket.RESET) {
                refuse(packet);
            }
            return;
        }
        Connection connection = connections.get(key(packet.targetPort(), packet.sourcePort()));
        if (connection == null) {
            if (packet.operation() == VsockPacket.REQUEST) {
                connect(packet);
            } else if (packet.operation() != VsockPacket.RESET) {
                refuse(packet);
            }
            return;
        }
        connection.learnCredit(packet);
        switch (packet.operation()) {
            case VsockPacket.RESPONSE -> agree(connection);
            case VsockPacket.RESET -> forget(connection);
            case VsockPacket.DATA -> {
                long length = Integer.toUnsignedLong(packet.length());
                if (length > chain.readable()) {
                    throw new GuestFault("a packet of " + length + " bytes with " + chain.readable());
                }
                if (!connection.established
                        || connection.outputEnded
                        || length > Connection.PACKET
                        || !connection.send(chain, (int) length)) {
                    abort(connection);
                } else if (connection.owesCredit()) {
                    tell(connection, VsockPacket.CREDIT_UPDATE, 0);
                }
            }
            case VsockPacket.SHUTDOWN -> {
                if ((packet.flags() & VsockPacket.NO_RECEIVE) != 0) {
                    connection.refuseInput();
                }
                connection.outputEnded |= (packet.flags() & VsockPacket.NO_SEND) != 0;
                flush(connection);
            }
            case VsockPacket.CREDIT_REQUEST -> tell(connection, VsockPacket.CREDIT_UPDATE, 0);
            case VsockPacket.CREDIT_UPDATE -> {
                // Learned above.
            }
            default -> abort(connection);
        }
    }

    private void connect(VsockPacket packet) {
        Fd socket = null;
        try {
            if (connections.size() < CONNECTIONS) {
                socket = UnixSockets.tryConnect(path + "_" + Integer.toUnsignedString(packet.targetPort()));
            }
        } catch (ErrnoException e) {
            // To the guest it is all one: nobody there.
            socket = null;
        }
        if (socket == null) {
            refuse(packet);
            return;
        }
        Connection connection = open(socket, packet.targetPort(), packet.sourcePort());
        connection.learnCredit(packet);
        connection.established = true;
        tell(connection, VsockPacket.RESPONSE, 0);
    }

    private Connection open(Fd socket, int hostPort, int guestPort) {
        Connection connection = new Connection(hostPort, guestPort, socket, calls, window(connections.size()));
        connections.put(key(hostPort, guestPort), connection);
        try {
            if (events != null) {
                connection.watch(events.watch(socket, () -> ready(connection)));
            }
        } catch (ErrnoException e) {
            throw new IllegalStateException("wait for a connection", e);
        }
        return connection;
    }

    private static int window(int others) {
        return others < WIDE_CONNECTIONS
                ? Connection.WINDOW
                : others < NARROW_CONNECTIONS ? Connection.SMALL_WINDOW : Connection.PACKET;
    }

    private void agree(Connection connection) {
        if (connection.established) {
            abort(connection);
            return;
        }
        connection.established = true;
        byte[] answer =
                ("OK " + Integer.toUnsignedString(connection.hostPort) + "\n").getBytes(StandardCharsets.US_ASCII);
        if (!connection.greet(answer)) {
            abort(connection);
        }
    }

    // To the guest.

    /** Puts one packet into the guest's next buffer; false when there is none to send. */
    private boolean toGuest(VirtQueue in) throws GuestFault {
        VsockPacket packet = control.poll();
        if (packet != null) {
            Chain chain = in.take();
            if (chain == null) {
                control.addFirst(packet);
                return false;
            }
            chain.write(packet.bytes(), 0, VsockPacket.SIZE);
            in.complete(chain);
            return true;
        }
        for (Connection each : List.copyOf(connections.values())) {
            if (each.hasInput() && move(each, in)) {
                // To the end of the line: who comes next has its turn.
                if (connections.remove(key(each.hostPort, each.guestPort), each)) {
                    connections.put(key(each.hostPort, each.guestPort), each);
                }
                return true;
            }
        }
        return false;
    }

    private boolean move(Connection connection, VirtQueue in) throws GuestFault {
        Chain chain = in.take();
        if (chain == null) {
            return false;
        }
        if (chain.writable() < VsockPacket.SIZE) {
            throw new GuestFault("a buffer of " + chain.writable() + " bytes for packets");
        }
        chain.skipWritable(VsockPacket.SIZE);
        long limit = Math.min(Math.min(connection.credit(), chain.writable()), Connection.PACKET);
        long got = limit == 0 ? -Errno.EAGAIN.number() : connection.receive(chain, limit);
        if (got == -Errno.EAGAIN.number()) {
            in.untake();
            if (limit == 0) {
                throw new GuestFault("a buffer without room for data");
            }
            return false;
        }
        if (got < 0) {
            in.untake();
            abort(connection);
            return false;
        }
        if (got == 0) {
            connection.inputEnded = true;
            chain.overwrite(packet(connection, VsockPacket.SHUTDOWN, VsockPacket.NO_SEND, 0)
                    .bytes());
        } else {
            chain.overwrite(packet(connection, VsockPacket.DATA, 0, (int) got).bytes());
        }
        in.complete(chain);
        if (connection.isDone()) {
            abort(connection);
        }
        return true;
    }

    private VsockPacket packet(Connection c, int operation, int flags, int length) {
        return new VsockPacket(
                HOST_CID,
                guestCid,
                c.hostPort,
                c.guestPort,
                length,
                VsockPacket.STREAM,
                operation,
                flags,
                c.window,
                c.forwarded());
    }

    private void tell(Connection connection, int operation, int flags) {
        control.add(packet(connection, operation, flags, 0));
    }

    /** Answers a packet that belongs to nothing. */
    private void refuse(VsockPacket packet) {
        control.add(new VsockPacket(
                /* sourceCid= */ packet.targetCid(),
                /* targetCid= */ packet.sourceCid(),
                /* sourcePort= */ packet.targetPort(),
                /* targetPort= */ packet.sourcePort(),
                0,
                packet.type(),
                VsockPacket.RESET,
                0,
                0,
                0));
    }

    /** Ends a connection that cannot go on. */
    private void abort(Connection connection) {
        tell(connection, VsockPacket.RESET, 0);
        forget(connection);
    }

    private void forget(Connection connection) {
        connections.remove(key(connection.hostPort, connection.guestPort));
        try {
            connection.close();
        } catch (ErrnoException e) {
            throw new IllegalStateException("close a connection", e);
        }
    }

    private void flush(Connection connection) {
        if (!connection.flush() || connection.isDone()) {
            abort(connection);
        } else if (connection.owesCredit()) {
            tell(connection, VsockPacket.CREDIT_UPDATE, 0);
        }
    }

    // From the host.

    /** The host's end of a connection has bytes, room, or an end. */
    private void ready(Connection connection) throws GuestFault {
        if (connections.get(key(connection.hostPort, connection.guestPort)) == connection) {
            connection.readable = true;
            flush(connection);
            pump();
        }
    }

    /** Asks the guest for a connection to one of its ports. */
    private void call(Fd socket, int port) throws GuestFault {
        if (receive == null || connections.size() >= CONNECTIONS) {
            socket.close();
            return;
        }
        // A guest may use such ports of the host's for connections of its own.
        while (connections.containsKey(key(nextHostPort, port))) {
            advanceHostPort();
        }
        Connection connection = open(socket, nextHostPort, port);
        advanceHostPort();
        tell(connection, VsockPacket.REQUEST, 0);
        pump();
    }

    private void advanceHostPort() {
        nextHostPort = nextHostPort == Integer.MAX_VALUE ? FIRST_HOST_PORT : nextHostPort + 1;
    }

    private static long key(int hostPort, int guestPort) {
        return (long) hostPort << 32 | Integer.toUnsignedLong(guestPort);
    }

    /** How many connections there are, for metrics and tests. */
    int connectionCount() {
        return connections.size();
    }

    @Override
    public void reset() {
        List<Connection> all = new ArrayList<>(connections.values());
        all.forEach(this::forget);
        control.clear();
        receive = null;
        transmit = null;
        event = null;
        resetOwed = false;
        holdsBytes = false;
    }

    /** Stops listening and ends what is open. After the machine was closed. */
    @Override
    public void close() {
        for (Connection each : connections.values()) {
            each.closeSocket();
        }
        connections.clear();
        listener.close();
        calls.close();
    }
}
