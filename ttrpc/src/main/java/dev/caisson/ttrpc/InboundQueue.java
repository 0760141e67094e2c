package dev.caisson.ttrpc;

import com.google.protobuf.ByteString;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * Messages of one stream between the connection's reader, which never waits, and the stream's consumer, which does.
 * ttrpc has no flow control, so a consumer that falls behind by more than its credit loses the stream, not the
 * connection.
 */
final class InboundQueue {
    // What an empty message costs in objects; without it a flood of empty messages would be free.
    private static final long OVERHEAD = 64;

    private final Credit own;
    private final Credit shared;
    private final ArrayDeque<ByteString> messages = new ArrayDeque<>(2);
    private boolean ended;
    private @Nullable TtrpcException failure;

    InboundQueue(long ownCredit, Credit shared) {
        this.own = new Credit(ownCredit);
        this.shared = shared;
    }

    /** Adds a message; returns false, and adds nothing, if there is no credit for it. After the end it is dropped. */
    synchronized boolean offer(ByteString message) {
        if (ended) {
            return true;
        }
        long cost = message.size() + OVERHEAD;
        if (!own.take(cost)) {
            return false;
        }
        if (!shared.take(cost)) {
            own.give(cost);
            return false;
        }
        messages.add(message);
        notifyAll();
        return true;
    }

    /** Ends the queue after the messages it holds: with end of stream, or with a failure. Only the first end counts. */
    synchronized void end(@Nullable TtrpcException reason) {
        if (!ended) {
            ended = true;
            failure = reason;
            notifyAll();
        }
    }

    /** Ends the queue at once and drops what it holds. Overrules an earlier {@link #end}. */
    synchronized void abort(TtrpcException reason) {
        ended = true;
        failure = reason;
        for (ByteString message : messages) {
            giveBack(message);
        }
        messages.clear();
        notifyAll();
    }

    synchronized boolean isEnded() {
        return ended;
    }

    /** The next message; null at end of stream. */
    synchronized @Nullable ByteString take() throws InterruptedException {
        while (true) {
            ByteString message = messages.poll();
            if (message != null) {
                giveBack(message);
                return message;
            }
            if (ended) {
                TtrpcException reason = failure;
                if (reason != null) {
                    throw new TtrpcException(reason);
                }
                return null;
            }
            wait();
        }
    }

    private void giveBack(ByteString message) {
        long cost = message.size() + OVERHEAD;
        own.give(cost);
        shared.give(cost);
    }
}
