package dev.caisson.shim.link;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** The other end of the link, in Java. Blocks; for one thread at a time. */
abstract class LinkClient implements AutoCloseable {
    /** The flag of a GATE that does not start the program. */
    static final int IN_BUILD = 2;

    private final SocketChannel channel;

    /** Connects to a daemon's socket. */
    LinkClient(Path socket) throws IOException {
        channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.connect(UnixDomainSocketAddress.of(socket));
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    final void send(WireFrame frame) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(WireFrame.HEADER_BYTES + frame.payload().length)
                .put(frame.header())
                .put(frame.payload());
        for (bytes.flip(); bytes.hasRemaining(); ) {
            channel.write(bytes);
        }
    }

    /** Says what a plan that is being played would say. */
    final void note(int launch, int code, long value) throws IOException {
        ByteBuffer note = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(LinkLaunch.NOTE_SAID)
                .putInt(code)
                .putLong(value);
        send(WireFrame.of(WireFrame.NOTE, 0, launch, 0, note.array()));
    }

    /** Says that a launch has ended with status 0. */
    final void exited(int pid, int launch) throws IOException {
        Instant now = Instant.now();
        ByteBuffer how = ByteBuffer.allocate(12)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(0)
                .putLong(now.getEpochSecond() * 1_000_000_000L + now.getNano());
        send(WireFrame.of(WireFrame.EXIT, 0, pid, launch, how.array()));
    }

    /** The next frame of a kind, whatever comes before it; null when the connection ends first. */
    final @Nullable WireFrame awaitFrame(int... kinds) throws IOException {
        WireFrame f = read();
        while (f != null && !contains(kinds, f.kind())) {
            f = read();
        }
        return f;
    }

    private static boolean contains(int[] kinds, int kind) {
        return java.util.Arrays.stream(kinds).anyMatch(k -> k == kind);
    }

    /** The daemon's next frame; null when the connection has ended. */
    final @Nullable WireFrame read() throws IOException {
        ByteBuffer header = ByteBuffer.allocate(WireFrame.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        if (!fill(header)) {
            return null;
        }
        int length = header.getInt(0);
        if (length < 0 || length > WireFrame.MAX_PAYLOAD) {
            throw new IOException("frame of " + Integer.toUnsignedString(length) + " bytes on the link");
        }
        ByteBuffer payload = ByteBuffer.allocate(length);
        if (!fill(payload)) {
            return null;
        }
        return new WireFrame(
                header.get(4), header.get(5), header.getShort(6), header.getInt(8), header.getInt(12), payload.array());
    }

    private boolean fill(ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            if (channel.read(bytes) < 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
