package dev.caisson.kvm.virtio.vsock;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.virtio.Chain;
import dev.caisson.kvm.virtio.DeviceEvents;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import org.jspecify.annotations.Nullable;

/** One stream between a socket of the guest's and one of the host's. Used with the transport's lock held. */
final class Connection {
    /** The longest packet of a guest's: Linux sends no longer ones (VIRTIO_VSOCK_MAX_PKT_BUF_SIZE). */
    static final int PACKET = 64 << 10;

    /**
     * What we take from the guest before the host's end has taken it: so many packets that the guest goes on while it is told that others were passed on. With room for one each
     * waits for the one before to have come and gone, with room for four the guest still stands still at every fourth.
     */
    static final int WINDOW = 16 * PACKET;

    /** Of connections that come when many have a {@link #WINDOW}. */
    static final int SMALL_WINDOW = 4 * PACKET;

    private static final int SYS_SENDTO = 44;
    private static final int SYS_RECVFROM = 45;
    private static final int SYS_SHUTDOWN = 48;
    private static final int DONTWAIT_NOSIGNAL = 0x4040;
    private static final int SHUT_RD = 0;
    private static final int SHUT_WR = 1;

    final int hostPort;
    final int guestPort;
    /** In bytes: what the guest was promised. */
    final int window;

    private final Fd socket;
    private final KernelCalls calls;
    private @Nullable NativeMemory pending;
    /** Where in {@link #pending} what is there begins, and how much that is. */
    private int first;

    private int held;

    private DeviceEvents.@Nullable Watch watch;
    /** Whether the guest has agreed to the connection. */
    boolean established;
    /** The host's end may have bytes for the guest. */
    boolean readable = true;
    /** No more bytes will come from the host's end, or the guest wants none. */
    boolean inputEnded;
    /** No more bytes will come from the guest. */
    boolean outputEnded;

    private boolean outputClosed;
    private int peerCredit;
    private int peerForwarded;
    private int sent;
    private int forwarded;
    private int toldForwarded;

    Connection(int hostPort, int guestPort, Fd socket, KernelCalls calls, int window) {
        this.window = window;
        this.hostPort = hostPort;
        this.guestPort = guestPort;
        this.socket = socket;
        this.calls = calls;
    }

    void watch(DeviceEvents.Watch with) {
        watch = with;
    }

    /** Waits for what can be gone on with: bytes while the guest may get some, room while bytes wait. */
    void arm() throws ErrnoException {
        if (watch != null) {
            watch.arm(established && !readable && !inputEnded, held > 0);
        }
    }

    void learnCredit(VsockPacket packet) {
        peerCredit = packet.credit();
        peerForwarded = packet.forwarded();
    }

    /** How many bytes the guest has room for. A guest that lies about it only gets more than it wants, or nothing. */
    long credit() {
        long free = Integer.toUnsignedLong(peerCredit) - Integer.toUnsignedLong(sent - peerForwarded);
        return Math.max(0, free);
    }

    /** Whether bytes could be moved to the guest now. */
    boolean hasInput() {
        return established && readable && !inputEnded && credit() > 0;
    }

    /**
     * Moves bytes from the host's end into a request of the guest's.
     *
     * @return how many, 0 at their end, or a negative errno: EAGAIN when there are none
     */
    long receive(Chain into, long limit) throws GuestFault {
        long got = into.fill(
                limit,
                (address, length) ->
                        calls.call(SYS_RECVFROM, socket.number(), address, length, DONTWAIT_NOSIGNAL, 0, 0));
        if (got > 0) {
            sent += (int) got;
        } else if (got == -Errno.EAGAIN.number()) {
            readable = false;
        }
        return got;
    }

    /**
     * Takes a packet's bytes: to the host's end at once as far as it has room, else into the buffer.
     *
     * @return whether it went well; not when the guest sends more than it may, or the host's end is gone
     */
    boolean send(Chain from, int length) throws GuestFault {
        int left = length;
        if (held == 0) {
            long moved = from.drain(length, this::transmit);
            if (moved < 0 && moved != -Errno.EAGAIN.number()) {
                return false;
            }
            left -= (int) Math.max(0, moved);
            forwarded += (int) Math.max(0, moved);
        }
        return left == 0 || keep(from, left);
    }

    /** Behind what is there, which may go on at the buffer's beginning. */
    private boolean keep(Chain from, int length) throws GuestFault {
        if (length > window - held) {
            return false;
        }
        NativeMemory buffer = pending == null ? new NativeMemory(window) : pending;
        pending = buffer;
        from.drain(length, (address, part) -> {
            int at = (first + held) % window;
            int now = (int) Math.min(part, window - at);
            buffer.copyFrom(at, address, now);
            if (now < part) {
                buffer.copyFrom(0, address + now, (int) part - now);
            }
            held += (int) part;
            return part;
        });
        return true;
    }

    private long transmit(long address, long length) {
        return calls.call(SYS_SENDTO, socket.number(), address, length, DONTWAIT_NOSIGNAL, 0, 0);
    }

    /** The guest wants no more bytes: who writes at the host's end hears of it (EPIPE). */
    void refuseInput() {
        inputEnded = true;
        calls.call(SYS_SHUTDOWN, socket.number(), SHUT_RD);
    }

    /** Passes on what is in the buffer, and the end behind it; false when the host's end is gone. */
    boolean flush() {
        NativeMemory buffer = pending;
        while (buffer != null && held > 0) {
            long moved = transmit(buffer.address(first), Math.min(held, window - first));
            if (moved < 0) {
                return moved == -Errno.EAGAIN.number();
            }
            first = (first + (int) moved) % window;
            held -= (int) moved;
            forwarded += (int) moved;
        }
        if (outputEnded && !outputClosed) {
            outputClosed = true;
            calls.call(SYS_SHUTDOWN, socket.number(), SHUT_WR);
        }
        return true;
    }

    /** Whether the guest has sent what the host's end has not taken. */
    boolean holdsBytes() {
        return held > 0;
    }

    /** Whether nothing will come from either side any more. */
    boolean isDone() {
        return inputEnded && outputClosed;
    }

    /**
     * Whether the guest may believe that we have less room than we have. It may go by its own buffer, which it says the size of, where that is smaller than ours (Linux 6.1.192 does): with half of ours it would
     * wait for good.
     */
    boolean owesCredit() {
        int smaller = Integer.compareUnsigned(peerCredit, window) < 0 ? peerCredit : window;
        return Integer.compareUnsigned(forwarded - toldForwarded, Math.max(1, smaller / 2)) >= 0;
    }

    /** What our packets say about us. */
    int forwarded() {
        toldForwarded = forwarded;
        return forwarded;
    }

    /** Tells the host's end, which nobody has written to yet, that the guest has agreed; false when it is gone. */
    boolean greet(byte[] line) {
        try (NativeMemory memory = new NativeMemory(line.length)) {
            memory.putBytes(0, line);
            return transmit(memory.address(), line.length) == line.length;
        }
    }

    void close() throws ErrnoException {
        if (watch != null) {
            watch.close();
        }
        closeSocket();
    }

    /** As {@link #close}, when nobody waits any more. */
    void closeSocket() {
        socket.close();
        if (pending != null) {
            pending.close();
        }
    }
}
