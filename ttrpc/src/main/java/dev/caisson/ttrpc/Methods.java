package dev.caisson.ttrpc;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import com.google.protobuf.UnsafeByteOperations;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The methods of a service and their handlers. Immutable; one instance may be registered under several service names,
 * as {@code containerd.task.v2.Task} and {@code containerd.task.v3.Task} need.
 */
public final class Methods {
    private final Map<String, Method> byName;

    private Methods(Map<String, Method> byName) {
        this.byName = Map.copyOf(byName);
    }

    /** An empty builder. */
    public static Builder builder() {
        return new Builder();
    }

    /** The names of the methods. */
    public Set<String> names() {
        return byName.keySet();
    }

    @Nullable
    Method find(String name) {
        return byName.get(name);
    }

    /** Collects methods. Not thread-safe. */
    public static final class Builder {
        private final Map<String, Method> byName = new HashMap<>();

        private Builder() {}

        /** Adds a unary method in blocking style. */
        public <Q extends MessageLite, R extends MessageLite> Builder unary(
                String method, Parser<Q> requests, UnaryHandler<Q, R> handler) {
            return add(
                    method,
                    new Method.Unary((context, request) ->
                            handler.handle(context, decode(requests, request)).toByteString()));
        }

        /** Adds a unary method whose answer comes later. */
        public <Q extends MessageLite, R extends MessageLite> Builder unaryAsync(
                String method, Parser<Q> requests, AsyncUnaryHandler<Q, R> handler) {
            return add(
                    method,
                    new Method.Async((context, request) ->
                            handler.handle(context, decode(requests, request)).thenApply(MessageLite::toByteString)));
        }

        /** Adds a unary method that sees and answers encoded messages, for relays. */
        public Builder rawUnary(String method, UnaryHandler<byte[], byte[]> handler) {
            return add(
                    method,
                    new Method.Unary((context, request) ->
                            UnsafeByteOperations.unsafeWrap(handler.handle(context, request.toByteArray()))));
        }

        /** Adds a unary method that sees encoded messages and answers later, for relays. */
        public Builder rawUnaryAsync(String method, AsyncUnaryHandler<byte[], byte[]> handler) {
            return add(
                    method,
                    new Method.Async((context, request) -> handler.handle(context, request.toByteArray())
                            .thenApply(UnsafeByteOperations::unsafeWrap)));
        }

        /** Adds a server-streaming method. */
        public <Q extends MessageLite, R extends MessageLite> Builder serverStream(
                String method, Parser<Q> requests, ServerStreamHandler<Q, R> handler) {
            return add(method, new Method.Streaming(false, true, (context, in, out) -> {
                ByteString request = in.receive();
                if (request == null) {
                    throw new TtrpcException(Code.INVALID_ARGUMENT, "stream opened without a request");
                }
                handler.handle(context, decode(requests, request), message -> out.send(message.toByteString()));
                return null;
            }));
        }

        /** Adds a client-streaming method. */
        public <Q extends MessageLite, R extends MessageLite> Builder clientStream(
                String method, Parser<Q> requests, ClientStreamHandler<Q, R> handler) {
            return add(
                    method,
                    new Method.Streaming(
                            true,
                            false,
                            (context, in, out) -> handler.handle(context, decoding(requests, in))
                                    .toByteString()));
        }

        /** Adds a method that streams both ways. */
        public <Q extends MessageLite, R extends MessageLite> Builder bidiStream(
                String method, Parser<Q> requests, BidiStreamHandler<Q, R> handler) {
            return add(method, new Method.Streaming(true, true, (context, in, out) -> {
                handler.handle(context, decoding(requests, in), message -> out.send(message.toByteString()));
                return null;
            }));
        }

        private Builder add(String name, Method method) {
            if (name.isEmpty()) {
                throw new IllegalArgumentException("empty method name");
            }
            if (byName.putIfAbsent(name, method) != null) {
                throw new IllegalArgumentException("method " + name + " registered twice");
            }
            return this;
        }

        /** The methods so far. */
        public Methods build() {
            return new Methods(byName);
        }
    }

    private static <Q> MessageSource<Q> decoding(Parser<Q> parser, MessageSource<ByteString> in) {
        return () -> {
            ByteString message = in.receive();
            return message == null ? null : decode(parser, message);
        };
    }

    static <M> M decode(Parser<M> parser, ByteString bytes) {
        try {
            return parser.parseFrom(bytes);
        } catch (InvalidProtocolBufferException e) {
            throw new TtrpcException(
                    Code.INTERNAL, "decode message of " + bytes.size() + " bytes: " + e.getMessage(), e);
        }
    }
}
