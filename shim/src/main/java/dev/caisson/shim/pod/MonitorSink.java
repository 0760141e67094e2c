package dev.caisson.shim.pod;

import dev.caisson.shim.link.MonitorLink;
import dev.caisson.ttrpc.FrameSink;
import dev.caisson.ttrpc.wire.Frame;
import java.nio.ByteBuffer;
import java.util.function.IntConsumer;

/** Frames to one of containerd's connections, through the monitor that holds it. */
final class MonitorSink implements FrameSink {
    static final int HEADER = 10;

    private final MonitorLink link;
    private final int connection;
    private final IntConsumer answered;

    /** @param answered told the stream of each frame that was sent */
    MonitorSink(MonitorLink link, int connection, IntConsumer answered) {
        this.link = link;
        this.connection = connection;
        this.answered = answered;
    }

    @Override
    public void send(Frame frame) {
        link.answer(connection, encode(frame));
        answered.accept(frame.streamId());
    }

    static byte[] encode(Frame frame) {
        byte[] payload = frame.payload();
        ByteBuffer out = ByteBuffer.allocate(HEADER + payload.length);
        out.putInt(payload.length)
                .putInt(frame.streamId())
                .put(frame.type())
                .put(frame.flags())
                .put(payload);
        return out.array();
    }

    static Frame decode(byte[] bytes) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        int length = in.getInt();
        int stream = in.getInt();
        byte type = in.get();
        byte flags = in.get();
        byte[] payload = new byte[Math.min(length, in.remaining())];
        in.get(payload);
        return new Frame(stream, type, flags, payload);
    }
}
