package dev.caisson.ttrpc;

import com.google.protobuf.ByteString;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** A registered method with its messages still encoded. */
sealed interface Method {
    /** One request, one response, on a thread. */
    record Unary(Body body) implements Method {
        @FunctionalInterface
        interface Body {
            ByteString run(RequestContext context, ByteString request) throws Exception;
        }
    }

    /** One request, one response, without a thread in between. */
    record Async(Body body) implements Method {
        @FunctionalInterface
        interface Body {
            CompletionStage<ByteString> run(RequestContext context, ByteString request) throws Exception;
        }
    }

    /**
     * Streams in one or both directions. The body returns the response of a client-streaming method, and null for the
     * others.
     */
    record Streaming(boolean clientStreams, boolean serverStreams, Body body) implements Method {
        @FunctionalInterface
        interface Body {
            @Nullable
            ByteString run(
                    RequestContext context, MessageSource<ByteString> requests, MessageSink<ByteString> responses)
                    throws Exception;
        }
    }
}
