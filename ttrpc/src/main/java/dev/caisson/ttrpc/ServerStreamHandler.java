package dev.caisson.ttrpc;

/** Answers one request with any number of messages. Runs on a thread of the server's executor. */
@FunctionalInterface
public interface ServerStreamHandler<Q, R> {
    /** Handles a call; returning normally ends the stream with OK. Failures as in {@link UnaryHandler#handle}. */
    void handle(RequestContext context, Q request, MessageSink<R> responses) throws Exception;
}
