package dev.caisson.ttrpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameHeader;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/**
 * One accepted request. Its end comes from whoever is first: the handler, the deadline, a protocol violation, or the
 * connection's end; the loser's answer is dropped.
 */
final class ServerCall {
    private final ServerConnection connection;
    private final RequestContext context;
    private final Method method;
    private final ByteString request;
    private final @Nullable InboundQueue inbound;
    private @Nullable Future<?> deadline;
    private boolean answered;
    private boolean released;
    private boolean parked;

    ServerCall(
            ServerConnection connection,
            RequestContext context,
            Method method,
            ByteString request,
            @Nullable InboundQueue inbound) {
        this.connection = connection;
        this.context = context;
        this.method = method;
        this.request = request;
        this.inbound = inbound;
    }

    int streamId() {
        return context.streamId();
    }

    synchronized void startDeadline(long nanos) {
        if (!answered) {
            deadline = DeadlineTimer.schedule(
                    () -> kill(new TtrpcException(
                            Code.DEADLINE_EXCEEDED,
                            context.service() + "/" + context.method() + ": deadline exceeded")),
                    nanos);
        }
    }

    /** Runs the handler; on a thread of the executor. */
    void run() {
        boolean async = false;
        try {
            if (context.isCancelled()) {
                return;
            }
            // No switch over types: the code for one is made when it first runs, which takes 5 ms of a first answer.
            if (method instanceof Method.Unary unary) {
                respond(unary.body().run(context, request));
            } else if (method instanceof Method.Async later) {
                later.body().run(context, request).whenComplete((response, failure) -> {
                    if (failure == null) {
                        respond(response);
                    } else {
                        handlerFailed(failure);
                    }
                });
                async = true;
                park();
            } else if (method instanceof Method.Streaming streaming) {
                runStream(streaming);
            }
        } catch (Throwable failure) {
            // Errors too: the client must get an answer, and the listener reports them.
            handlerFailed(failure);
        } finally {
            if (!async) {
                release();
            }
        }
    }

    private void runStream(Method.Streaming streaming) throws Exception {
        InboundQueue in = inbound;
        if (in == null) {
            throw new IllegalStateException("streaming call without a queue");
        }
        ByteString response = streaming.body().run(context, in::take, this::sendMessage);
        if (streaming.serverStreams()) {
            handlerEnded(Frame.halfClose(streamId()));
        } else {
            respond(response == null ? ByteString.EMPTY : response);
        }
    }

    private void sendMessage(ByteString message) throws InterruptedException {
        Envelopes.checkSize("message", message.size());
        connection.sink().awaitWritable();
        Frame frame = Frame.data(streamId(), message.toByteArray());
        // Under the lock, so that no message follows the frame that ends the stream.
        synchronized (this) {
            if (answered) {
                throw context.cancellation()
                        .orElseGet(() -> new TtrpcException(Code.CANCELED, "send on a finished stream"));
            }
            connection.sink().send(frame);
        }
    }

    /** A Data frame of this stream arrived; on the connection's reader. */
    void onData(Frame frame) {
        InboundQueue in = inbound;
        if (in == null) {
            kill(violation("data frame for a unary call"));
            return;
        }
        boolean closes = frame.has(FrameHeader.REMOTE_CLOSED);
        if (in.isEnded()) {
            kill(violation("data frame after the client closed the stream"));
        } else if (closes && frame.payload().length > 0) {
            kill(violation("data close message cannot include data"));
        } else if (!frame.has(FrameHeader.NO_DATA) && !in.offer(UnsafeByteOperations.unsafeWrap(frame.payload()))) {
            kill(new TtrpcException(
                    Code.RESOURCE_EXHAUSTED,
                    context.service() + "/" + context.method() + ": stream's receive credit exhausted"));
        } else if (closes) {
            in.end(null);
        }
    }

    private TtrpcException violation(String what) {
        return new TtrpcException(
                Code.INVALID_ARGUMENT, "stream " + Integer.toUnsignedString(streamId()) + ": " + what);
    }

    private void respond(ByteString response) {
        byte[] payload;
        try {
            payload = Envelopes.success(response);
        } catch (TtrpcException tooLong) {
            payload = Envelopes.failure(tooLong);
        }
        handlerEnded(Frame.response(streamId(), payload));
    }

    private void handlerFailed(Throwable failure) {
        Throwable cause = unwrap(failure);
        if (cause instanceof TtrpcException known) {
            handlerEnded(Frame.response(streamId(), Envelopes.failure(known)));
            return;
        }
        String message = cause.getMessage();
        TtrpcException status = new TtrpcException(Code.UNKNOWN, message == null ? cause.toString() : message);
        try {
            if (!context.isCancelled()) {
                connection.server().options().failures().onFailure(context, cause);
            }
        } finally {
            handlerEnded(Frame.response(streamId(), Envelopes.failure(status)));
        }
    }

    private void handlerEnded(Frame last) {
        // If the answer comes too late, whoever was first cancels the context: the handler's work is to be undone.
        if (answer(last)) {
            context.answered();
        }
        if (inbound != null) {
            // Gives the credit of what was never read back to the connection.
            inbound.abort(new TtrpcException(Code.CANCELED, "stream has ended"));
        }
        releaseIfAsync();
    }

    /** Ends the call over the handler's head. */
    void kill(TtrpcException reason) {
        if (answer(Frame.response(streamId(), Envelopes.failure(reason)))) {
            abandon(reason);
        }
    }

    /** The connection is gone: nothing is sent any more. */
    void drop(TtrpcException reason) {
        synchronized (this) {
            if (answered) {
                return;
            }
            finish();
        }
        abandon(reason);
    }

    private void abandon(TtrpcException reason) {
        context.cancel(reason);
        if (inbound != null) {
            inbound.abort(reason);
        }
        releaseIfAsync();
    }

    private boolean answer(Frame last) {
        synchronized (this) {
            if (answered) {
                return false;
            }
            finish();
            connection.sink().send(last);
        }
        return true;
    }

    /** Caller holds the lock. */
    private void finish() {
        answered = true;
        if (deadline != null) {
            deadline.cancel(false);
        }
        connection.forget(this);
    }

    private void releaseIfAsync() {
        if (method instanceof Method.Async) {
            release();
        }
    }

    /** The handler has returned; its answer comes later. */
    private void park() {
        synchronized (this) {
            if (!released) {
                parked = true;
                connection.server().handlerParked();
            }
        }
    }

    /** The handler holds no thread any more. */
    void release() {
        boolean wasParked;
        synchronized (this) {
            if (released) {
                return;
            }
            released = true;
            wasParked = parked;
        }
        connection.server().handlerEnded(wasParked);
    }

    void rejected(RejectedExecutionException e) {
        kill(new TtrpcException(Code.UNAVAILABLE, "server is shutting down", e));
        release();
    }

    private static Throwable unwrap(Throwable failure) {
        Throwable cause = failure;
        while ((cause instanceof CompletionException || cause instanceof ExecutionException)
                && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return cause;
    }
}
