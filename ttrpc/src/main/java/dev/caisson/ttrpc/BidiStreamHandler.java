package dev.caisson.ttrpc;

/** Both sides send any number of messages. Runs on a thread of the server's executor. */
@FunctionalInterface
public interface BidiStreamHandler<Q, R> {
    /**
     * Handles a call; returning normally ends the stream with OK, whether or not the client has half-closed. Failures
     * as in {@link UnaryHandler#handle}.
     */
    void handle(RequestContext context, MessageSource<Q> requests, MessageSink<R> responses) throws Exception;
}
