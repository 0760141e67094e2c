package dev.caisson.ttrpc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameHeader;
import java.io.IOException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Keeps what a server sends, for tests that speak frames. */
final class RecordingSink implements FrameSink {
    final LinkedBlockingQueue<Frame> frames = new LinkedBlockingQueue<>();
    volatile boolean closed;

    @Override
    public void send(Frame frame) {
        frames.add(frame);
    }

    @Override
    public void close() {
        closed = true;
    }

    Frame next() throws InterruptedException {
        Frame frame = frames.poll(10, TimeUnit.SECONDS);
        assertThat(frame).as("a frame within 10 s").isNotNull();
        return frame;
    }

    /** The next frame must be a Response of this stream. */
    Response response(int streamId) throws InterruptedException, IOException {
        Frame frame = next();
        assertThat(frame.streamId()).isEqualTo(streamId);
        assertThat(frame.type()).isEqualTo(FrameHeader.RESPONSE);
        assertThat(frame.flags()).isZero();
        return Response.parseFrom(frame.payload());
    }

    /** The next frame must be a failing Response of this stream. */
    void failure(int streamId, Code code, String part) throws InterruptedException, IOException {
        Response response = response(streamId);
        assertThat(Code.of(response.getStatus().getCode())).isEqualTo(code);
        assertThat(response.getStatus().getMessage()).contains(part);
        assertThat(response.getPayload().isEmpty()).isTrue();
    }

    void silent() throws InterruptedException {
        assertThat(frames.poll(50, TimeUnit.MILLISECONDS)).isNull();
    }
}
