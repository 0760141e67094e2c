package dev.caisson.ttrpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import com.google.protobuf.UnsafeByteOperations;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameHeader;
import dev.caisson.ttrpc.wire.FrameListener;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * A client without a transport: frames leave through a {@link FrameSink}, and whoever owns the connection feeds what
 * comes back to {@link #onFrame}. Serves one connection; reconnecting means a new client. Calls may be made from any
 * thread.
 */
public final class TtrpcClient implements FrameListener, AutoCloseable {
    private static final long STREAM_CREDIT = 8L << 20;
    private static final long CONNECTION_CREDIT = 64L << 20;

    private final FrameSink sink;
    private final Credit credit = new Credit(CONNECTION_CREDIT);
    private final ConcurrentHashMap<Integer, ClientCall> calls = new ConcurrentHashMap<>();
    private final CompletableFuture<Void> closed = new CompletableFuture<>();
    // Guards nextId and the order of requests on the wire: ids must grow.
    private final Object sendLock = new Object();
    private int nextId = 1;
    private boolean exhausted;
    private @Nullable TtrpcException closeReason;

    /** A client that sends through the sink. */
    public TtrpcClient(FrameSink sink) {
        this.sink = sink;
    }

    /**
     * Makes a unary call and waits for its response.
     *
     * @throws TtrpcException with the server's status; {@link Code#DEADLINE_EXCEEDED} after the time-out;
     *     {@link Code#UNAVAILABLE} if the connection is or gets lost; {@link Code#RESOURCE_EXHAUSTED} if the request
     *     does not fit a frame; {@link Code#INTERNAL} if the response cannot be decoded
     * @throws InterruptedException if the calling thread is interrupted; the server may still execute the call
     */
    public <R extends MessageLite> R call(
            String service, String method, MessageLite request, Parser<R> responses, CallOptions options)
            throws InterruptedException {
        CompletableFuture<ByteString> result = start(service, method, request.toByteString(), options);
        try {
            return Methods.decode(responses, result.get());
        } catch (ExecutionException e) {
            throw e.getCause() instanceof TtrpcException status
                    ? new TtrpcException(status)
                    : new TtrpcException(Code.UNKNOWN, service + "/" + method + ": " + e.getCause(), e);
        } finally {
            // After an interrupt: nobody waits for the answer any more.
            result.cancel(false);
        }
    }

    /**
     * Makes a unary call. The result fails with what {@link #call} throws; its callbacks run on the thread that feeds
     * {@link #onFrame} and must not block. Cancelling it forgets the call here; the server is not told.
     */
    public <R extends MessageLite> CompletableFuture<R> callAsync(
            String service, String method, MessageLite request, Parser<R> responses, CallOptions options) {
        CompletableFuture<ByteString> raw = start(service, method, request.toByteString(), options);
        return cancelling(raw.thenApply(bytes -> Methods.decode(responses, bytes)), raw);
    }

    /** {@link #callAsync} with encoded messages, for relays. */
    public CompletableFuture<byte[]> callRaw(String service, String method, byte[] request, CallOptions options) {
        CompletableFuture<ByteString> raw = start(service, method, UnsafeByteOperations.unsafeWrap(request), options);
        return cancelling(raw.thenApply(ByteString::toByteArray), raw);
    }

    private static <R> CompletableFuture<R> cancelling(CompletableFuture<R> result, CompletableFuture<?> source) {
        var _ = result.whenComplete((response, failure) -> {
            if (result.isCancelled()) {
                source.cancel(false);
            }
        });
        return result;
    }

    private CompletableFuture<ByteString> start(
            String service, String method, ByteString payload, CallOptions options) {
        CompletableFuture<ByteString> result = new CompletableFuture<>();
        int id;
        try {
            id = open(request(service, method, payload, options), (byte) 0, new ClientCall.Unary(result));
        } catch (TtrpcException e) {
            result.completeExceptionally(e);
            return result;
        }
        Future<?> deadline = startDeadline(id, service, method, options);
        var _ = result.whenComplete((response, failure) -> {
            calls.remove(id);
            if (deadline != null) {
                deadline.cancel(false);
            }
        });
        return result;
    }

    /** Opens a server-streaming call. */
    public <Q extends MessageLite, R extends MessageLite> ClientStream<Q, R> serverStream(
            String service, String method, Q request, Parser<R> responses, CallOptions options) {
        return openStream(service, method, request.toByteString(), false, true, responses, options);
    }

    /** Opens a client-streaming call, to be ended with {@link ClientStream#finish}. */
    public <Q extends MessageLite, R extends MessageLite> ClientStream<Q, R> clientStream(
            String service, String method, Parser<R> responses, CallOptions options) {
        return openStream(service, method, ByteString.EMPTY, true, false, responses, options);
    }

    /** Opens a call that streams both ways. */
    public <Q extends MessageLite, R extends MessageLite> ClientStream<Q, R> bidiStream(
            String service, String method, Parser<R> responses, CallOptions options) {
        return openStream(service, method, ByteString.EMPTY, true, true, responses, options);
    }

    private <Q extends MessageLite, R extends MessageLite> ClientStream<Q, R> openStream(
            String service,
            String method,
            ByteString payload,
            boolean clientStreams,
            boolean serverStreams,
            Parser<R> responses,
            CallOptions options) {
        InboundQueue inbound = new InboundQueue(STREAM_CREDIT, credit);
        byte flags = clientStreams ? FrameHeader.REMOTE_OPEN : FrameHeader.REMOTE_CLOSED;
        int id = open(
                request(service, method, payload, options), flags, new ClientCall.Streaming(serverStreams, inbound));
        ClientStream<Q, R> stream = new ClientStream<>(this, id, inbound, responses, clientStreams);
        Future<?> deadline = startDeadline(id, service, method, options);
        if (deadline != null) {
            stream.deadline(deadline);
        }
        return stream;
    }

    private static byte[] request(String service, String method, ByteString payload, CallOptions options) {
        Request request = Request.newBuilder()
                .setService(service)
                .setMethod(method)
                .setPayload(payload)
                .setTimeoutNano(
                        options.timeout().isPresent() ? options.timeout().get().toNanos() : 0)
                .addAllMetadata(options.metadata().toProto())
                .build();
        Envelopes.checkSize("request", request.getSerializedSize());
        return request.toByteArray();
    }

    private int open(byte[] request, byte flags, ClientCall call) {
        synchronized (sendLock) {
            if (closeReason != null) {
                throw new TtrpcException(closeReason);
            }
            if (exhausted) {
                throw new TtrpcException(Code.UNAVAILABLE, "connection has used up its stream ids");
            }
            int id = nextId;
            nextId += 2;
            // Wrapped around: ids are unsigned and the first was 1.
            exhausted = nextId == 1;
            calls.put(id, call);
            sink.send(Frame.request(id, flags, request));
            return id;
        }
    }

    private @Nullable Future<?> startDeadline(int id, String service, String method, CallOptions options) {
        if (options.timeout().isEmpty()) {
            return null;
        }
        return DeadlineTimer.schedule(
                () -> fail(
                        id, new TtrpcException(Code.DEADLINE_EXCEEDED, service + "/" + method + ": deadline exceeded")),
                options.timeout().get().toNanos());
    }

    private void fail(int id, TtrpcException reason) {
        ClientCall call = calls.remove(id);
        if (call != null) {
            call.fail(reason);
        }
    }

    /** Takes a frame from the server. Answers to calls given up here are dropped. */
    @Override
    public void onFrame(Frame frame) {
        if (frame.type() != FrameHeader.RESPONSE && frame.type() != FrameHeader.DATA) {
            return;
        }
        ClientCall call = calls.get(frame.streamId());
        if (call != null && call.onFrame(frame)) {
            calls.remove(frame.streamId(), call);
        }
    }

    @Override
    public void onOversized(int streamId, byte type, byte flags, long length) {
        fail(
                streamId,
                new TtrpcException(
                        Code.RESOURCE_EXHAUSTED,
                        "server sent a frame of " + length + " bytes, more than the limit of " + FrameHeader.MAX_PAYLOAD
                                + " bytes"));
    }

    /** Tells the client that its transport is gone: all calls fail with {@link Code#UNAVAILABLE}. Idempotent. */
    public void onDisconnected(String reason) {
        shut(new TtrpcException(Code.UNAVAILABLE, reason));
    }

    /** Fails all calls with {@link Code#UNAVAILABLE} and closes the sink. Idempotent. */
    @Override
    public void close() {
        shut(new TtrpcException(Code.UNAVAILABLE, "client closed"));
        sink.close();
    }

    private void shut(TtrpcException reason) {
        synchronized (sendLock) {
            if (closeReason != null) {
                return;
            }
            closeReason = reason;
        }
        for (Integer id : calls.keySet()) {
            fail(id, reason);
        }
        closed.complete(null);
    }

    /** Completes when the connection is lost or closed; callbacks must not block. */
    public CompletionStage<Void> onClose() {
        return closed.minimalCompletionStage();
    }

    /** Calls and streams the server has not finished. */
    public int openCalls() {
        return calls.size();
    }

    /** Bytes received on streams and not consumed, with a little per message. */
    public long bufferedBytes() {
        return credit.used();
    }

    FrameSink sink() {
        return sink;
    }

    void forget(int streamId) {
        calls.remove(streamId);
    }
}
