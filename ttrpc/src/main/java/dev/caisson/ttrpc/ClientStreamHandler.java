package dev.caisson.ttrpc;

/** Answers any number of messages with one. Runs on a thread of the server's executor. */
@FunctionalInterface
public interface ClientStreamHandler<Q, R> {
    /** Handles a call; it need not read all requests before it answers. Failures as in {@link UnaryHandler#handle}. */
    R handle(RequestContext context, MessageSource<Q> requests) throws Exception;
}
