package dev.caisson.ttrpc;

import com.google.protobuf.ByteString;
import java.util.concurrent.CompletionStage;
import org.jspecify.annotations.Nullable;

/** A registered method with its messages still encoded. */
sealed interface Method {
    /** One request, one response, on a thread. */
    record Unary(UnaryBody body) implements Method {
        @FunctionalInterface
        interface UnaryBody {
            ByteString run(RequestContext context, ByteString request) throws Exception;
        }
    }

    /** One request, one response, without a thread in between. */
    record Async(AsyncBody body) implements Method {
        @FunctionalInterface
        interface AsyncBody {
            CompletionStage<ByteString> run(RequestContext context, ByteString request) throws Exception;
        }
    }

    /**
     * Streams in one or both directions. The body returns the response of a client-streaming method, and null for the
     * others.
     */
    record Streaming(boolean clientStreams, boolean serverStreams, StreamingBody body) implements Method {
        @FunctionalInterface
        interface StreamingBody {
            @Nullable
            ByteString run(
                    RequestContext context, MessageSource<ByteString> requests, MessageSink<ByteString> responses)
                    throws Exception;
        }
    }
}
