package dev.caisson.ttrpc;

import com.google.protobuf.Int64Value;
import com.google.protobuf.StringValue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** A service with a method of each kind, and the knobs that tests turn. */
final class EchoService {
    static final String NAME = "test.Echo";

    /** Blocked calls of "Block" go on when this opens. */
    final CountDownLatch gate = new CountDownLatch(1);

    /** Stages of "Later", in order of arrival. */
    final ConcurrentLinkedQueue<CompletableFuture<StringValue>> later = new ConcurrentLinkedQueue<>();

    /** Contexts, in order of arrival. */
    final ConcurrentLinkedQueue<RequestContext> contexts = new ConcurrentLinkedQueue<>();

    /** Completes with the reason once a "Block" or "Later" call is cancelled. */
    final CompletableFuture<TtrpcException> cancelled = new CompletableFuture<>();

    static StringValue text(String value) {
        return StringValue.of(value);
    }

    ServiceRegistry registry() {
        return ServiceRegistry.builder()
                .service(NAME, methods())
                .service(NAME + "Alias", methods())
                .build();
    }

    private Methods methods() {
        return Methods.builder()
                .unary("Echo", StringValue.parser(), (context, request) -> {
                    contexts.add(context);
                    return request;
                })
                .unary("Fail", StringValue.parser(), (context, request) -> {
                    throw failure(request.getValue());
                })
                .unary("Grow", Int64Value.parser(), (context, size) -> text("x".repeat((int) size.getValue())))
                .unary("Block", StringValue.parser(), (context, request) -> {
                    watch(context);
                    if (!gate.await(30, TimeUnit.SECONDS)) {
                        throw new IllegalStateException("gate stayed shut");
                    }
                    return request;
                })
                .unaryAsync("Later", StringValue.parser(), (context, request) -> {
                    watch(context);
                    CompletableFuture<StringValue> result = new CompletableFuture<>();
                    later.add(result);
                    return result;
                })
                .rawUnary("Raw", (context, request) -> request)
                .rawUnaryAsync("RawLater", (context, request) -> CompletableFuture.completedFuture(request))
                .serverStream("Count", Int64Value.parser(), (context, limit, responses) -> {
                    for (long i = 0; i < limit.getValue(); i++) {
                        responses.send(Int64Value.of(i));
                    }
                    if (limit.getValue() < 0) {
                        throw new TtrpcException(Code.OUT_OF_RANGE, "negative count");
                    }
                })
                .clientStream("Sum", Int64Value.parser(), (context, requests) -> {
                    long sum = 0;
                    for (Int64Value n = requests.receive(); n != null; n = requests.receive()) {
                        sum += n.getValue();
                    }
                    return Int64Value.of(sum);
                })
                .bidiStream("Chat", StringValue.parser(), (context, requests, responses) -> {
                    contexts.add(context);
                    for (StringValue m = requests.receive(); m != null; m = requests.receive()) {
                        if (m.getValue().equals("stop")) {
                            return;
                        }
                        responses.send(m.getValue().isEmpty() ? m : text(m.getValue() + "!"));
                    }
                    responses.send(text("bye"));
                })
                .bidiStream("Ignore", StringValue.parser(), (context, requests, responses) -> {
                    watch(context);
                    if (!gate.await(30, TimeUnit.SECONDS)) {
                        throw new IllegalStateException("gate stayed shut");
                    }
                })
                .build();
    }

    private void watch(RequestContext context) {
        contexts.add(context);
        context.onCancel(() -> cancelled.complete(context.cancellation().orElseThrow()));
    }

    private static Exception failure(String kind) {
        return switch (kind) {
            case "not found" -> new TtrpcException(Code.NOT_FOUND, "no such thing");
            case "details" ->
                new TtrpcException(
                        Code.FAILED_PRECONDITION,
                        "with details",
                        java.util.List.of(AnyTypes.pack(StringValue.of("why"))));
            case "silent" -> new java.io.IOException();
            default -> new java.io.IOException("disk on fire");
        };
    }
}
