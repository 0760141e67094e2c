package dev.caisson.ttrpc;

/**
 * A server's bounds against hostile or slow clients, and its failure listener.
 *
 * @param maxCalls most unanswered calls per connection; further ones get {@link Code#RESOURCE_EXHAUSTED}
 * @param streamCredit bytes that one stream may have received and not consumed; beyond it the stream fails
 * @param connectionCredit the same for all streams of a connection together
 * @param failures told of exceptions that are not {@link TtrpcException}s
 */
public record ServerOptions(int maxCalls, long streamCredit, long connectionCredit, FailureListener failures) {
    /** 65536 calls, 8 MiB per stream, 64 MiB per connection, no listener. */
    public static final ServerOptions DEFAULT =
            new ServerOptions(1 << 16, 8L << 20, 64L << 20, (context, failure) -> {});

    /** Learns of handlers' unexpected failures, for a log. Called on the handler's thread. */
    @FunctionalInterface
    public interface FailureListener {
        /** The client was answered with {@link Code#UNKNOWN}, or was gone. */
        void onFailure(RequestContext context, Throwable failure);
    }

    public ServerOptions {
        if (maxCalls < 1 || streamCredit < 1 || connectionCredit < streamCredit) {
            throw new IllegalArgumentException("server limits out of order: calls " + maxCalls + ", stream credit "
                    + streamCredit + ", connection credit " + connectionCredit);
        }
    }

    /** The same bounds with another listener. */
    public ServerOptions withFailures(FailureListener listener) {
        return new ServerOptions(maxCalls, streamCredit, connectionCredit, listener);
    }
}
