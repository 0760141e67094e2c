package dev.caisson.ttrpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import dev.caisson.ttrpc.wire.Frame;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * The client's end of a stream. Sending and receiving may go on in two threads; each half takes one thread at a time.
 * Close it when done: ttrpc has no cancel message, so what closing tells the server is only that nothing more will
 * come.
 */
public final class ClientStream<Q extends MessageLite, R extends MessageLite>
        implements MessageSink<Q>, MessageSource<R>, AutoCloseable {
    private final TtrpcClient client;
    private final int streamId;
    private final InboundQueue inbound;
    private final Parser<R> responses;
    private @Nullable Future<?> deadline;
    private boolean sendClosed;

    ClientStream(TtrpcClient client, int streamId, InboundQueue inbound, Parser<R> responses, boolean clientStreams) {
        this.client = client;
        this.streamId = streamId;
        this.inbound = inbound;
        this.responses = responses;
        this.sendClosed = !clientStreams;
    }

    void deadline(Future<?> timer) {
        this.deadline = timer;
    }

    /** The stream's number, an unsigned 32-bit value. */
    public int streamId() {
        return streamId;
    }

    @Override
    public void send(Q message) throws InterruptedException {
        ByteString bytes = message.toByteString();
        Envelopes.checkSize("message", bytes.size());
        client.sink().awaitWritable();
        synchronized (this) {
            if (sendClosed) {
                throw new TtrpcException(Code.FAILED_PRECONDITION, "send on a half-closed stream");
            }
            if (inbound.isEnded()) {
                throw new TtrpcException(Code.CANCELED, "send on a finished stream");
            }
            client.sink().send(Frame.data(streamId, bytes.toByteArray()));
        }
    }

    /** Half-closes: tells the server that no message follows. Idempotent. */
    public void closeSend() {
        synchronized (this) {
            if (sendClosed) {
                return;
            }
            sendClosed = true;
            if (!inbound.isEnded()) {
                client.sink().send(Frame.halfClose(streamId));
            }
        }
    }

    @Override
    public @Nullable R receive() throws InterruptedException {
        ByteString message = inbound.take();
        return message == null ? null : Methods.decode(responses, message);
    }

    /**
     * Half-closes and waits for the response of a client-streaming method.
     *
     * @throws TtrpcException as {@link #receive}; {@link Code#INTERNAL} if the server ended without a response
     */
    public R finish() throws InterruptedException {
        closeSend();
        R response = receive();
        if (response == null) {
            throw new TtrpcException(Code.INTERNAL, "server ended the stream without a response");
        }
        return response;
    }

    /** Half-closes and forgets the stream; what the server still sends is dropped. */
    @Override
    public void close() {
        closeSend();
        client.forget(streamId);
        inbound.abort(new TtrpcException(Code.CANCELED, "stream closed"));
        if (deadline != null) {
            deadline.cancel(false);
        }
    }
}
