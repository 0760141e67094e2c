package dev.caisson.ttrpc;

/** The outgoing half of a stream. Thread-safe. */
@FunctionalInterface
public interface MessageSink<M> {
    /**
     * Sends a message, after waiting for room in the connection's outbound queue.
     *
     * @throws TtrpcException if the stream is over, with the reason as its status; {@link Code#RESOURCE_EXHAUSTED} if
     *     the message is longer than a frame may be, in which case the stream stays usable
     * @throws InterruptedException if the calling thread is interrupted; nothing was sent
     */
    void send(M message) throws InterruptedException;
}
