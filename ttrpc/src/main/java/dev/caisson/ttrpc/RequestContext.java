package dev.caisson.ttrpc;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.jspecify.annotations.Nullable;

/** One call as its handler sees it. Thread-safe; ends with the call. */
public final class RequestContext {
    private final int streamId;
    private final String service;
    private final String method;
    private final Metadata metadata;
    private final ConnectionInfo connection;
    private final Executor executor;
    private final boolean hasDeadline;
    private final long deadlineNanos;
    private @Nullable List<Runnable> onCancel;
    private @Nullable TtrpcException cancellation;
    private boolean over;

    RequestContext(
            int streamId,
            String service,
            String method,
            Metadata metadata,
            ConnectionInfo connection,
            Executor executor,
            boolean hasDeadline,
            long deadlineNanos) {
        this.streamId = streamId;
        this.service = service;
        this.method = method;
        this.metadata = metadata;
        this.connection = connection;
        this.executor = executor;
        this.hasDeadline = hasDeadline;
        this.deadlineNanos = deadlineNanos;
    }

    /** The call's number on its connection, an unsigned 32-bit value. */
    public int streamId() {
        return streamId;
    }

    /** Full protobuf name of the service. */
    public String service() {
        return service;
    }

    /** Bare name of the method. */
    public String method() {
        return method;
    }

    /** What the client sent beside the message. */
    public Metadata metadata() {
        return metadata;
    }

    /** What the connection's owner attached to it. */
    public ConnectionInfo connection() {
        return connection;
    }

    /**
     * What the connection's owner attached to it, by its own type.
     *
     * @throws ClassCastException if the attachment is of another type
     */
    public <T extends ConnectionInfo> T connection(Class<T> type) {
        return type.cast(connection);
    }

    /** Time left until the client gives up, never negative; empty without a deadline. */
    public Optional<Duration> remaining() {
        if (!hasDeadline) {
            return Optional.empty();
        }
        return Optional.of(Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime())));
    }

    /**
     * Whether nobody will read the answer any more: the deadline has passed or the connection is gone. A handler that
     * has changed something should then undo it.
     */
    public synchronized boolean isCancelled() {
        return cancellation != null;
    }

    /** Why the call was cancelled: {@link Code#DEADLINE_EXCEEDED} or {@link Code#CANCELED}. */
    public synchronized Optional<TtrpcException> cancellation() {
        return Optional.ofNullable(cancellation);
    }

    /**
     * Runs an action on the server's executor when the call is cancelled, or at once if it already is: either the
     * handler's answer is sent or the actions run, also those of a handler that has returned meanwhile. The handler's
     * thread is not interrupted: an interrupt would close the channels it works on.
     */
    public void onCancel(Runnable action) {
        synchronized (this) {
            if (over) {
                return;
            }
            if (cancellation == null) {
                List<Runnable> actions = onCancel;
                if (actions == null) {
                    actions = new ArrayList<>(1);
                    onCancel = actions;
                }
                actions.add(action);
                return;
            }
        }
        dispatch(action);
    }

    /** Returns whether this call did it. */
    boolean cancel(TtrpcException reason) {
        List<Runnable> actions;
        synchronized (this) {
            if (cancellation != null || over) {
                return false;
            }
            cancellation = reason;
            actions = onCancel;
            onCancel = null;
        }
        if (actions != null) {
            for (Runnable action : actions) {
                dispatch(action);
            }
        }
        return true;
    }

    /** The call was answered: cancellation has no meaning any more. */
    synchronized void answered() {
        if (cancellation == null) {
            over = true;
            onCancel = null;
        }
    }

    private void dispatch(Runnable action) {
        try {
            executor.execute(action);
        } catch (RejectedExecutionException e) {
            // The executor is shut down; the action still has to release what it holds.
            action.run();
        }
    }
}
