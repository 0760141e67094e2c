package dev.caisson.kvm.guest;

import dev.caisson.ttrpc.FrameSink;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameDecoder;
import dev.caisson.ttrpc.wire.FrameEncoder;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A connection to a port of a guest's that speaks ttrpc. The JDK's channel, not a system call of ours: a virtual thread that waits for a guest, which
 * may take as long as it likes, must not keep a processor's thread.
 */
final class AgentConnection implements FrameSink {
    private static final int READ_BYTES = 16 << 10;
    private static final int LINE_LIMIT = 64;

    private final SocketChannel channel;
    private final BlockingQueue<byte[]> outgoing = new LinkedBlockingQueue<>();

    private AgentConnection(SocketChannel channel) {
        this.channel = channel;
    }

    /**
     * Asks a machine for a port of its guest's.
     *
     * @param machine the unix socket of the guest's ports
     * @param limit how long the guest's kernel may take to say that somebody listens: one that hangs says nothing at all
     * @throws IOException nobody is there, or nobody listens to that port yet
     */
    static TtrpcClient open(Path machine, int port, Duration limit) throws IOException {
        SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(machine));
        AtomicBoolean settled = new AtomicBoolean();
        Thread late = Thread.ofVirtual().name("agent-late").start(() -> closeAfter(limit, channel, settled));
        try {
            channel.write(ByteBuffer.wrap(("CONNECT " + port + "\n").getBytes(StandardCharsets.US_ASCII)));
            readLine(channel, port);
            if (!settled.compareAndSet(false, true)) {
                throw new ClosedChannelException();
            }
        } catch (ClosedChannelException e) {
            throw new IOException(
                    "port " + port + " of the guest did not answer within " + limit.toSeconds() + " s", e);
        } catch (IOException e) {
            channel.close();
            throw e;
        } finally {
            late.interrupt();
        }
        AgentConnection connection = new AgentConnection(channel);
        TtrpcClient client = new TtrpcClient(connection);
        Thread.ofVirtual().name("agent-in").start(() -> connection.receive(client));
        Thread.ofVirtual().name("agent-out").start(connection::transmit);
        return client;
    }

    private static void closeAfter(Duration limit, SocketChannel channel, AtomicBoolean settled) {
        try {
            Thread.sleep(limit);
            if (settled.compareAndSet(false, true)) {
                channel.close(); // which ends the wait
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // it was in time
        } catch (IOException e) {
            // It is closed for the one who waits all the same.
        }
    }

    /** {@code OK N}, byte by byte: what follows is the guest's. */
    private static void readLine(SocketChannel channel, int port) throws IOException {
        ByteBuffer octet = ByteBuffer.allocate(1);
        for (int i = 0; i < LINE_LIMIT; i++) {
            octet.clear();
            if (channel.read(octet) < 1) {
                throw new IOException("port " + port + " of the guest is not listened to");
            }
            if (octet.get(0) == '\n') {
                return;
            }
        }
        throw new IOException("the machine answered with a line that does not end");
    }

    @Override
    public void send(Frame frame) {
        outgoing.add(FrameEncoder.encode(frame));
    }

    /** An empty array ends what {@link #transmit} does. */
    @Override
    public void close() {
        outgoing.add(new byte[0]);
    }

    private void transmit() {
        try (channel) {
            byte[] next = outgoing.take();
            while (next.length > 0) {
                ByteBuffer bytes = ByteBuffer.wrap(next);
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                next = outgoing.take();
            }
        } catch (IOException e) {
            // The reader tells.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void receive(TtrpcClient client) {
        String end = "the guest closed the connection";
        FrameDecoder decoder = new FrameDecoder(client);
        ByteBuffer bytes = ByteBuffer.allocate(READ_BYTES);
        try {
            while (channel.read(bytes) > 0) {
                decoder.feed(bytes.array(), 0, bytes.position());
                bytes.clear();
            }
        } catch (IOException e) {
            end = "the connection to the guest was lost: " + e.getMessage();
        } finally {
            close();
            client.onDisconnected(end);
        }
    }
}
