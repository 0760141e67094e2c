package dev.caisson.shim.link;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.EOFException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Frames arrive whole and in each sender's order, whatever fits into the socket at the moment. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class FrameLoopTest {
    private static final int SENDERS = 4;
    private static final int FRAMES = 400;

    @TempDir
    Path directory;

    private static void readFully(SocketChannel from, ByteBuffer to) throws IOException {
        while (to.hasRemaining()) {
            if (from.read(to) < 0) {
                throw new EOFException();
            }
        }
        to.flip();
    }

    private static WireFrame read(SocketChannel from) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(WireFrame.HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        readFully(from, header);
        int length = header.getInt();
        int kind = header.get();
        int flags = header.get();
        int age = header.getShort();
        int a = header.getInt();
        int b = header.getInt();
        ByteBuffer payload = ByteBuffer.allocate(length);
        readFully(from, payload);
        return new WireFrame(kind, flags, age, a, b, payload.array());
    }

    private static byte[] payload(int sender, int sequence) {
        SplittableRandom random = new SplittableRandom(31L * sender + sequence);
        // Some frames are larger than the socket's buffer, most are small as in life.
        byte[] bytes = new byte[random.nextInt(20) == 0 ? random.nextInt(600_000) : random.nextInt(300)];
        Arrays.fill(bytes, (byte) (sender * 50 + sequence));
        return bytes;
    }

    private MonitorLink attach(LinkServer server, Attached listener, SocketChannel client) throws IOException {
        server.listen(directory.resolve("sock"));
        client.connect(UnixDomainSocketAddress.of(directory.resolve("sock")));
        byte[] pod = {'p'};
        ByteBuffer hello = ByteBuffer.allocate(WireFrame.HEADER_BYTES + pod.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(pod.length)
                .put((byte) WireFrame.HELLO)
                .put((byte) 0)
                .putShort((short) 0)
                .putInt(WireFrame.VERSION)
                .putInt(4711)
                .put(pod)
                .flip();
        client.write(hello);
        return listener.link.join();
    }

    @Test
    void framesAreWholeAndInOrderWhenTheReaderIsSlow() throws Exception {
        Attached listener = new Attached();
        try (FrameLoop loop = new FrameLoop("test-loop");
                LinkServer server = new LinkServer(loop, listener);
                SocketChannel client = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            MonitorLink link = attach(server, listener, client);
            List<Thread> senders = new ArrayList<>();
            for (int s = 0; s < SENDERS; s++) {
                int sender = s;
                senders.add(Thread.ofVirtual().start(() -> {
                    for (int i = 0; i < FRAMES; i++) {
                        link.send(WireFrame.of(WireFrame.CANNED, 0, sender, i, payload(sender, i)));
                    }
                }));
            }
            while (loop.settle(Duration.ZERO)) {
                Thread.onSpinWait(); // until the socket is full: nobody reads yet
            }
            int[] next = new int[SENDERS];
            for (int n = 0; n < SENDERS * FRAMES; n++) {
                WireFrame f = read(client);
                assertThat(f.kind()).isEqualTo(WireFrame.CANNED);
                assertThat(f.b()).isEqualTo(next[f.a()]++);
                assertThat(f.payload()).isEqualTo(payload(f.a(), f.b()));
            }
            for (Thread t : senders) {
                t.join();
            }
        }
    }

    @Test
    void aSenderWhosePeerIsGoneIsLeftInPeace() throws Exception {
        Attached listener = new Attached();
        try (FrameLoop loop = new FrameLoop("test-loop");
                LinkServer server = new LinkServer(loop, listener)) {
            SocketChannel client = SocketChannel.open(StandardProtocolFamily.UNIX);
            MonitorLink link = attach(server, listener, client);
            client.close();
            for (int i = 0; i < 100; i++) {
                link.send(WireFrame.of(WireFrame.KILL, 1, 9));
            }
            listener.lost.join();
            link.send(WireFrame.of(WireFrame.KILL, 1, 9));
            assertThat(link.isLost()).isTrue();
        }
    }

    private static final class Attached implements LinkListener {
        final CompletableFuture<MonitorLink> link = new CompletableFuture<>();
        final CompletableFuture<MonitorLink> lost = new CompletableFuture<>();

        @Override
        public void onMonitor(MonitorLink l) {
            link.complete(l);
        }

        @Override
        public void onLost(MonitorLink l) {
            lost.complete(l);
        }

        @Override
        public void onAttached(MonitorLink l) {}

        @Override
        public void onConnectionOpen(MonitorLink l, int connection) {}

        @Override
        public void onConnectionClose(MonitorLink l, int connection) {}

        @Override
        public void onRequest(MonitorLink l, int connection, byte[] ttrpcFrame, long ageMillis, boolean redelivered) {}

        @Override
        public void onExit(MonitorLink l, int launch) {}

        @Override
        public void onCommand(CommandCall call) {}
    }
}
