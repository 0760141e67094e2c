package dev.caisson.ttrpc;

import dev.caisson.ttrpc.wire.Frame;

/**
 * The way out of a connection. Implementations must accept calls from any thread, keep the order of calls that do not
 * overlap, never interleave the bytes of two frames, and never block in {@link #send}: they queue. They must not call
 * back into the {@link ServerConnection} or {@link TtrpcClient} from inside {@link #send}, which runs under its locks. A
 * sink whose connection is gone ignores frames.
 */
public interface FrameSink {
    /** Queues a frame. */
    void send(Frame frame);

    /**
     * Waits while the queue is longer than the sink likes. Only senders of streams call it, before each message and
     * on their own thread; a sink without such a limit keeps this default. Returns at once when the connection is
     * gone.
     *
     * @throws InterruptedException if the calling thread is interrupted
     */
    default void awaitWritable() throws InterruptedException {}

    /** Asks the transport to end the connection. Never blocks; idempotent. Without effect unless overridden. */
    default void close() {}
}
