package dev.caisson.ttrpc;

import org.jspecify.annotations.Nullable;

/** The incoming half of a stream. May be read from any one thread at a time. */
@FunctionalInterface
public interface MessageSource<M> {
    /**
     * Waits for the next message.
     *
     * @return the message, or null once the peer has half-closed and everything before that was returned
     * @throws TtrpcException if the stream was cancelled, lost, or failed by the peer; {@link Code#INTERNAL} if the
     *     message cannot be decoded
     * @throws InterruptedException if the calling thread is interrupted; the stream stays usable
     */
    @Nullable
    M receive() throws InterruptedException;
}
