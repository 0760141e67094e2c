package dev.caisson.tests.monitor;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A containerd's connection to a pod's socket: ttrpc frames, big-endian length, stream, type, flags. */
final class Containerd implements AutoCloseable {
    static final int REQUEST = 1;
    static final int RESPONSE = 2;
    static final int DATA = 3;
    private static final Message END = new Message(0, 0, 0, new byte[0]);

    record Message(int stream, int type, int flags, byte[] body) {
        byte[] frame() {
            return ByteBuffer.allocate(10 + body.length)
                    .putInt(body.length)
                    .putInt(stream)
                    .put((byte) type)
                    .put((byte) flags)
                    .put(body)
                    .array();
        }

        static Message of(byte[] frame) {
            ByteBuffer b = ByteBuffer.wrap(frame);
            byte[] body = new byte[b.getInt()];
            Message m = new Message(b.getInt(), b.get(), b.get(), body);
            b.get(body);
            if (b.hasRemaining()) {
                throw new AssertionError("frame with " + b.remaining() + " bytes too many");
            }
            return new Message(m.stream, m.type, m.flags, body);
        }

        /** The code of a Response whose first field is a Status whose first field is the code. */
        int code() {
            if (body.length < 4 || body[0] != 0x0a || body[2] != 0x08) {
                throw new AssertionError("no status in the answer");
            }
            return body[3];
        }
    }

    final SocketChannel channel;
    private final BlockingQueue<Message> messages = new LinkedBlockingQueue<>();

    private Containerd(SocketChannel channel) {
        this.channel = channel;
    }

    /** Connects and reads what comes. */
    static Containerd connect(Path socket) throws IOException {
        Containerd c = silent(socket);
        Thread.ofPlatform().daemon().start(() -> {
            try (DataInputStream in = new DataInputStream(Channels.newInputStream(c.channel))) {
                while (true) {
                    byte[] body = new byte[in.readInt()];
                    int stream = in.readInt();
                    int type = in.readByte();
                    int flags = in.readByte();
                    in.readFully(body);
                    c.messages.add(new Message(stream, type, flags, body));
                }
            } catch (IOException | RuntimeException e) {
                c.messages.add(END);
            }
        });
        return c;
    }

    /** Connects and never reads. */
    static Containerd silent(Path socket) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channel.connect(UnixDomainSocketAddress.of(socket));
        return new Containerd(channel);
    }

    void send(int stream, int type, int flags, byte[] body) throws IOException {
        sendRaw(new Message(stream, type, flags, body).frame());
    }

    void request(int stream, byte[] body) throws IOException {
        send(stream, REQUEST, 0, body);
    }

    void sendRaw(byte[] bytes) throws IOException {
        ByteBuffer b = ByteBuffer.wrap(bytes);
        while (b.hasRemaining()) {
            channel.write(b);
        }
    }

    Message next() throws InterruptedException {
        Message m = poll(20_000);
        if (m == null) {
            throw new AssertionError("no answer");
        }
        if (m.type == 0) {
            throw new AssertionError("the monitor closed the connection");
        }
        return m;
    }

    @Nullable
    Message poll(int millis) throws InterruptedException {
        return messages.poll(millis, TimeUnit.MILLISECONDS);
    }

    void awaitEnd() throws InterruptedException {
        Message m = poll(20_000);
        if (m == null || m.type != 0) {
            throw new AssertionError(m == null ? "the connection stays open" : "an answer instead of the end: " + m);
        }
    }

    /** A ttrpc Request message: service, method and payload, then whatever follows. */
    static byte[] requestBody(String service, String method, byte[] payload, byte... rest) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        field(out, 1, service.getBytes(StandardCharsets.UTF_8));
        field(out, 2, method.getBytes(StandardCharsets.UTF_8));
        field(out, 3, payload);
        out.writeBytes(rest);
        return out.toByteArray();
    }

    private static void field(ByteArrayOutputStream out, int number, byte[] value) {
        out.write(number << 3 | 2);
        out.write(value.length);
        out.writeBytes(value);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
