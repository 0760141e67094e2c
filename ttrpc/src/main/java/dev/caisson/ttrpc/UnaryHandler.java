package dev.caisson.ttrpc;

/**
 * Answers one request with one message, in blocking style. It runs on a thread of the server's executor and may block
 * as long as it likes; calls of one connection run concurrently and are answered in the order they finish.
 */
@FunctionalInterface
public interface UnaryHandler<Q, R> {
    /**
     * Handles a call.
     *
     * @throws TtrpcException to answer with its status
     * @throws Exception anything else is answered with {@link Code#UNKNOWN} and the exception's message
     */
    R handle(RequestContext context, Q request) throws Exception;
}
