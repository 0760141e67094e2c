package dev.caisson.ttrpc;

import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameHeader;
import dev.caisson.ttrpc.wire.FrameListener;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.RejectedExecutionException;

/**
 * The server's end of one connection. Frames must arrive in order and from one thread at a time, usually an event loop;
 * no method here blocks. Rules of stream ids and flags: containerd/ttrpc PROTOCOL.md.
 */
public final class ServerConnection implements FrameListener, AutoCloseable {
    private final TtrpcServer server;
    private final FrameSink sink;
    private final ConnectionInfo info;
    private final Credit credit;
    private final ConcurrentHashMap<Integer, ServerCall> calls = new ConcurrentHashMap<>();
    private int lastStreamId;
    private volatile boolean draining;
    private volatile boolean closed;

    ServerConnection(TtrpcServer server, FrameSink sink, ConnectionInfo info) {
        this.server = server;
        this.sink = sink;
        this.info = info;
        this.credit = new Credit(server.options().connectionCredit());
    }

    @Override
    public void onFrame(Frame frame) {
        onFrame(frame, Duration.ZERO);
    }

    /**
     * Takes a frame that reached this host some time ago.
     *
     * @param age how long ago; a request's time-out counts from then
     */
    public void onFrame(Frame frame, Duration age) {
        if (closed) {
            return;
        }
        switch (frame.type()) {
            case FrameHeader.REQUEST -> onRequest(frame, age);
            case FrameHeader.DATA -> onData(frame);
            default -> {
                // Unknown types are ignored for the sake of later protocol versions; responses are none of ours.
            }
        }
    }

    @Override
    public void onOversized(int streamId, byte type, byte flags, long length) {
        if (closed || (type != FrameHeader.REQUEST && type != FrameHeader.DATA)) {
            return;
        }
        TtrpcException reason = new TtrpcException(
                Code.RESOURCE_EXHAUSTED,
                "frame of " + length + " bytes exceeds the limit of " + FrameHeader.MAX_PAYLOAD + " bytes");
        ServerCall call = calls.get(streamId);
        if (type == FrameHeader.DATA && call != null) {
            // A message is lost, so the stream cannot go on.
            call.kill(reason);
        } else {
            refuse(streamId, reason);
        }
    }

    private void onRequest(Frame frame, Duration age) {
        int id = frame.streamId();
        if ((id & 1) == 0) {
            refuse(id, Code.INVALID_ARGUMENT, "stream id must be odd for client initiated streams");
            return;
        }
        if (Integer.compareUnsigned(id, lastStreamId) <= 0) {
            refuse(id, Code.INVALID_ARGUMENT, "stream id cannot be re-used and must increment");
            return;
        }
        lastStreamId = id;
        Request request;
        try {
            request = Envelopes.parseRequest(frame.payload());
        } catch (IOException e) {
            refuse(id, Code.INVALID_ARGUMENT, "decode request: " + e.getMessage());
            return;
        }
        Methods methods = server.registry().find(request.getService());
        if (methods == null) {
            refuse(id, Code.UNIMPLEMENTED, "service " + request.getService());
            return;
        }
        Method method = methods.find(request.getMethod());
        if (method == null) {
            refuse(id, Code.UNIMPLEMENTED, "method " + request.getService() + "/" + request.getMethod());
            return;
        }
        if (draining || !server.handlerStarts()) {
            refuse(id, Code.UNAVAILABLE, "server is shutting down");
            return;
        }
        if (calls.size() >= server.options().maxCalls()) {
            server.handlerEnded(false);
            refuse(id, Code.RESOURCE_EXHAUSTED, "more than " + server.options().maxCalls() + " calls in flight");
            return;
        }
        start(frame, request, method, age);
    }

    private void start(Frame frame, Request request, Method method, Duration age) {
        long timeout = request.getTimeoutNano();
        // A negative time-out has passed already; subtracting from it could wrap around.
        long left = timeout < 0 ? 0 : timeout - Math.max(0, age.toNanos());
        RequestContext context = new RequestContext(
                frame.streamId(),
                request.getService(),
                request.getMethod(),
                Metadata.of(request.getMetadataList()),
                info,
                server.executor(),
                timeout != 0,
                System.nanoTime() + left);
        InboundQueue inbound = null;
        if (method instanceof Method.Streaming streaming) {
            inbound = new InboundQueue(server.options().streamCredit(), credit);
            if (!openStream(frame, request, streaming, inbound)) {
                server.handlerEnded(false);
                refuse(frame.streamId(), Code.RESOURCE_EXHAUSTED, "receive credit exhausted");
                return;
            }
        }
        ServerCall call = new ServerCall(this, context, method, request.getPayload(), inbound);
        calls.put(frame.streamId(), call);
        if (timeout != 0) {
            call.startDeadline(Math.max(left, 0));
        }
        try {
            server.executor().execute(call::run);
        } catch (RejectedExecutionException e) {
            call.rejected(e);
        }
        if (closed) {
            // close() may have missed a call that was being registered.
            call.drop(connectionClosed());
        }
    }

    /** Whether the opening request's own message, if it is one, found credit. */
    private static boolean openStream(Frame frame, Request request, Method.Streaming streaming, InboundQueue inbound) {
        boolean clientStreams = streaming.clientStreams();
        // Go cannot tell an absent from an empty payload either; ttrpc issue 126.
        if ((!clientStreams || !request.getPayload().isEmpty()) && !inbound.offer(request.getPayload())) {
            return false;
        }
        if (!clientStreams || frame.has(FrameHeader.REMOTE_CLOSED)) {
            inbound.end(null);
        }
        return true;
    }

    private void onData(Frame frame) {
        int id = frame.streamId();
        ServerCall call = calls.get(id);
        if (call != null) {
            call.onData(frame);
        } else if ((id & 1) == 0) {
            refuse(id, Code.INVALID_ARGUMENT, "stream id must be odd for client initiated streams");
        } else {
            refuse(id, Code.INVALID_ARGUMENT, "stream is no longer active");
        }
    }

    private void refuse(int streamId, Code code, String message) {
        refuse(streamId, new TtrpcException(code, message));
    }

    private void refuse(int streamId, TtrpcException reason) {
        sink.send(Frame.response(streamId, Envelopes.failure(reason)));
    }

    /** Answers further requests with {@link Code#UNAVAILABLE}; those in flight go on. */
    public void drain() {
        draining = true;
    }

    /**
     * Forgets the connection: contexts of running handlers are cancelled, their answers dropped, later frames ignored.
     * Called when the transport is gone; does not close the sink. Any thread; idempotent.
     */
    @Override
    public void close() {
        closed = true;
        server.forget(this);
        for (ServerCall call : calls.values()) {
            call.drop(connectionClosed());
        }
    }

    /** Calls that are not answered yet; a call ending at this moment may still count. */
    public int openCalls() {
        return calls.size();
    }

    /** Bytes received on streams and not consumed, with a little per message. */
    public long bufferedBytes() {
        return credit.used();
    }

    /** What the owner attached. */
    public ConnectionInfo info() {
        return info;
    }

    TtrpcServer server() {
        return server;
    }

    FrameSink sink() {
        return sink;
    }

    private static TtrpcException connectionClosed() {
        return new TtrpcException(Code.CANCELED, "connection closed");
    }

    void forget(ServerCall call) {
        calls.remove(call.streamId(), call);
    }
}
