package dev.caisson.ttrpc;

import java.util.concurrent.CompletionStage;

/**
 * Answers one request with one message, later: a waiting call costs memory but no thread. The method itself runs on the
 * server's executor.
 */
@FunctionalInterface
public interface AsyncUnaryHandler<Q, R> {
    /**
     * Starts a call. The stage's failure is answered like an exception of {@link UnaryHandler}.
     *
     * <p>The server attaches one callback to the stage and cannot take it back: a stage that lives much longer than
     * connections do (a container's exit) should be wrapped, and its wrapper dropped by
     * {@link RequestContext#onCancel}.
     */
    CompletionStage<? extends R> handle(RequestContext context, Q request) throws Exception;
}
