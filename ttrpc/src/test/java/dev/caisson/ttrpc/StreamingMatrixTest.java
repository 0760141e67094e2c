package dev.caisson.ttrpc;

import static dev.caisson.ttrpc.EchoService.NAME;
import static dev.caisson.ttrpc.EchoService.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.google.protobuf.Int64Value;
import com.google.protobuf.StringValue;
import dev.caisson.ttrpc.wire.FrameHeader;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Client against server: every kind of method, in memory and over a unix socket. */
@Timeout(120)
class StreamingMatrixTest {
    private final EchoService echo = new EchoService();

    private Link link(Link.Kind kind) throws IOException {
        return new Link(kind, echo);
    }

    private static void settled(Link link) throws InterruptedException {
        Await.until("no call is open", () -> link.client.openCalls() == 0 && link.server.runningHandlers() == 0);
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void unary(Link.Kind kind) throws Exception {
        try (Link link = link(kind)) {
            StringValue answer = link.client.call(NAME, "Echo", text("hi"), StringValue.parser(), CallOptions.NONE);
            assertThat(answer).isEqualTo(text("hi"));
            assertThat(link.client
                            .callRaw(NAME, "Raw", text("raw").toByteArray(), CallOptions.NONE)
                            .get(10, TimeUnit.SECONDS))
                    .isEqualTo(text("raw").toByteArray());

            TtrpcException failure = catchThrowableOfType(
                    TtrpcException.class,
                    () -> link.client.call(
                            NAME + "Alias", "Fail", text("details"), StringValue.parser(), CallOptions.NONE));
            assertThat(failure.code()).isEqualTo(Code.FAILED_PRECONDITION);
            assertThat(failure).hasMessage("with details");
            assertThat(AnyTypes.unpack(failure.details().getFirst(), StringValue.getDefaultInstance()))
                    .isEqualTo(text("why"));
            settled(link);
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void metadataAndTimeoutReachTheHandler(Link.Kind kind) throws Exception {
        try (Link link = link(kind)) {
            link.client.call(
                    NAME,
                    "Echo",
                    text("m"),
                    StringValue.parser(),
                    CallOptions.timeout(Duration.ofSeconds(50))
                            .withMetadata(Metadata.of("Key", "v1").with("key", "v2")));
            RequestContext context = echo.contexts.remove();
            assertThat(context.metadata().all("key")).containsExactly("v1", "v2");
            assertThat(context.remaining().orElseThrow()).isBetween(Duration.ofSeconds(30), Duration.ofSeconds(50));
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void serverStreaming(Link.Kind kind) throws Exception {
        try (Link link = link(kind)) {
            for (long count : new long[] {0, 1, 3000}) {
                try (ClientStream<Int64Value, Int64Value> stream = link.client.serverStream(
                        NAME, "Count", Int64Value.of(count), Int64Value.parser(), CallOptions.NONE)) {
                    List<Long> got = new ArrayList<>();
                    for (Int64Value n = stream.receive(); n != null; n = stream.receive()) {
                        got.add(n.getValue());
                    }
                    assertThat(got).hasSize((int) count);
                    for (int i = 0; i < got.size(); i++) {
                        assertThat(got.get(i)).isEqualTo(i);
                    }
                    assertThat(stream.receive()).as("end of stream stays").isNull();
                }
            }
            try (ClientStream<Int64Value, Int64Value> stream =
                    link.client.serverStream(NAME, "Count", Int64Value.of(-1), Int64Value.parser(), CallOptions.NONE)) {
                assertThatThrownBy(stream::receive).hasMessage("negative count");
                assertThatThrownBy(() -> stream.send(Int64Value.of(1)))
                        .isInstanceOfSatisfying(
                                TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.FAILED_PRECONDITION));
            }
            settled(link);
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void clientStreaming(Link.Kind kind) throws Exception {
        try (Link link = link(kind)) {
            for (int count : new int[] {0, 1, 3000}) {
                try (ClientStream<Int64Value, Int64Value> stream =
                        link.client.clientStream(NAME, "Sum", Int64Value.parser(), CallOptions.NONE)) {
                    for (int i = 1; i <= count; i++) {
                        stream.send(Int64Value.of(i));
                    }
                    assertThat(stream.finish().getValue()).isEqualTo(count * (count + 1L) / 2);
                }
            }
            settled(link);
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void bothWays(Link.Kind kind) throws Exception {
        try (Link link = link(kind);
                ClientStream<StringValue, StringValue> stream =
                        link.client.bidiStream(NAME, "Chat", StringValue.parser(), CallOptions.NONE)) {
            for (String word : List.of("a", "", "b")) {
                stream.send(text(word));
                assertThat(stream.receive()).isEqualTo(text(word.isEmpty() ? "" : word + "!"));
            }
            stream.closeSend();
            assertThat(stream.receive()).isEqualTo(text("bye"));
            assertThat(stream.receive()).isNull();
            assertThatThrownBy(() -> stream.send(text("late"))).hasMessageContaining("half-closed");
            settled(link);
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void theServerMayEndFirst(Link.Kind kind) throws Exception {
        try (Link link = link(kind);
                ClientStream<StringValue, StringValue> stream =
                        link.client.bidiStream(NAME, "Chat", StringValue.parser(), CallOptions.NONE)) {
            stream.send(text("stop"));
            assertThat(stream.receive()).isNull();
            assertThatThrownBy(() -> stream.send(text("more"))).hasMessage("send on a finished stream");
            settled(link);
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void closingAStreamLetsTheServerEnd(Link.Kind kind) throws Exception {
        try (Link link = link(kind)) {
            ClientStream<StringValue, StringValue> stream =
                    link.client.bidiStream(NAME, "Chat", StringValue.parser(), CallOptions.NONE);
            stream.send(text("a"));
            stream.close();
            settled(link);
            assertThatThrownBy(stream::receive).hasMessage("stream closed");
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void theFrameLimitHoldsBothWays(Link.Kind kind) throws Exception {
        int most = FrameHeader.MAX_PAYLOAD - 100;
        try (Link link = link(kind)) {
            String large = "x".repeat(most);
            assertThat(link.client.call(NAME, "Echo", text(large), StringValue.parser(), CallOptions.NONE))
                    .isEqualTo(text(large));
            assertThatThrownBy(() -> link.client.call(
                            NAME,
                            "Echo",
                            text("x".repeat(FrameHeader.MAX_PAYLOAD)),
                            StringValue.parser(),
                            CallOptions.NONE))
                    .isInstanceOfSatisfying(
                            TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.RESOURCE_EXHAUSTED));
            assertThatThrownBy(() -> link.client.call(
                            NAME,
                            "Grow",
                            Int64Value.of(FrameHeader.MAX_PAYLOAD),
                            StringValue.parser(),
                            CallOptions.NONE))
                    .hasMessageContaining("exceeds the frame limit");
            try (ClientStream<StringValue, StringValue> stream =
                    link.client.bidiStream(NAME, "Chat", StringValue.parser(), CallOptions.NONE)) {
                assertThatThrownBy(() -> stream.send(text("x".repeat(FrameHeader.MAX_PAYLOAD))))
                        .hasMessageContaining("exceeds the frame limit");
                stream.send(text("fits"));
                assertThat(stream.receive()).isEqualTo(text("fits!"));
            }
            settled(link);
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void theClientsDeadlineEndsItsCall(Link.Kind kind) throws Exception {
        try (Link link = link(kind)) {
            CallOptions brief = CallOptions.timeout(Duration.ofMillis(50));
            assertThatThrownBy(() -> link.client.call(NAME, "Block", text(""), StringValue.parser(), brief))
                    .isInstanceOfSatisfying(
                            TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.DEADLINE_EXCEEDED));
            try (ClientStream<StringValue, StringValue> stream =
                    link.client.bidiStream(NAME, "Ignore", StringValue.parser(), brief)) {
                assertThatThrownBy(stream::receive).hasMessageContaining("deadline exceeded");
            }
            assertThat(link.client.call(NAME, "Echo", text("on"), StringValue.parser(), CallOptions.NONE))
                    .isEqualTo(text("on"));
            echo.gate.countDown();
            settled(link);
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void aCancelledFutureForgetsTheCall(Link.Kind kind) throws Exception {
        try (Link link = link(kind)) {
            CompletableFuture<StringValue> call =
                    link.client.callAsync(NAME, "Later", text(""), StringValue.parser(), CallOptions.NONE);
            Await.until("the handler ran", () -> !echo.later.isEmpty());
            assertThat(call.cancel(false)).isTrue();
            assertThat(link.client.openCalls()).isZero();
            echo.later.remove().complete(text("dropped"));
            settled(link);
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void losingTheConnectionFailsEverything(Link.Kind kind) throws Exception {
        try (Link link = link(kind)) {
            CompletableFuture<StringValue> call =
                    link.client.callAsync(NAME, "Later", text(""), StringValue.parser(), CallOptions.NONE);
            ClientStream<StringValue, StringValue> stream =
                    link.client.bidiStream(NAME, "Ignore", StringValue.parser(), CallOptions.NONE);
            Await.until("two handlers run", () -> echo.contexts.size() == 2);

            link.server.close();

            assertThat(link.client.onClose().toCompletableFuture()).succeedsWithin(Duration.ofSeconds(10));
            assertThatThrownBy(() -> call.get(10, TimeUnit.SECONDS))
                    .cause()
                    .isInstanceOfSatisfying(
                            TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.UNAVAILABLE));
            assertThatThrownBy(stream::receive)
                    .isInstanceOfSatisfying(
                            TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.UNAVAILABLE));
            assertThatThrownBy(
                            () -> link.client.call(NAME, "Echo", text("late"), StringValue.parser(), CallOptions.NONE))
                    .isInstanceOfSatisfying(
                            TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.UNAVAILABLE));
            assertThat(echo.cancelled.get(10, TimeUnit.SECONDS).code()).isEqualTo(Code.CANCELED);
            echo.gate.countDown();
            settled(link);
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void fiveThousandSlowCallsDoNotBlockTheReader(Link.Kind kind) throws Exception {
        try (Link link = link(kind)) {
            List<CompletableFuture<StringValue>> slow = new ArrayList<>();
            for (int i = 0; i < 5000; i++) {
                // Every other one holds a virtual thread, the rest only a stage.
                String method = i % 2 == 0 ? "Block" : "Later";
                slow.add(link.client.callAsync(NAME, method, text("n" + i), StringValue.parser(), CallOptions.NONE));
            }
            assertThat(link.client.call(
                            NAME,
                            "Echo",
                            text("quick"),
                            StringValue.parser(),
                            CallOptions.timeout(Duration.ofSeconds(20))))
                    .isEqualTo(text("quick"));
            Await.until("all handlers run", () -> echo.contexts.size() == 5001);
            assertThat(link.server.runningHandlers()).isBetween(5000, 5001);
            assertThat(slow).noneMatch(CompletableFuture::isDone);

            echo.gate.countDown();
            echo.later.forEach(stage -> stage.complete(text("later")));
            CompletableFuture.allOf(slow.toArray(CompletableFuture[]::new)).get(60, TimeUnit.SECONDS);
            for (int i = 0; i < 5000; i += 2) {
                assertThat(slow.get(i).join()).isEqualTo(text("n" + i));
            }
            settled(link);
        }
    }

    @ParameterizedTest
    @EnumSource(Link.Kind.class)
    void aStalledStreamHoldsNobodyUp(Link.Kind kind) throws Exception {
        try (Link link = link(kind);
                ClientStream<StringValue, StringValue> stalled =
                        link.client.bidiStream(NAME, "Ignore", StringValue.parser(), CallOptions.NONE)) {
            // 7 MiB fit the stream's credit of 8 MiB; nobody reads them.
            for (int i = 0; i < 7; i++) {
                stalled.send(text("x".repeat(1 << 20)));
            }
            assertThat(link.client.call(
                            NAME,
                            "Echo",
                            text("by"),
                            StringValue.parser(),
                            CallOptions.timeout(Duration.ofSeconds(20))))
                    .isEqualTo(text("by"));
            stalled.send(text("x".repeat(1 << 20)));
            assertThatThrownBy(stalled::receive).hasMessageContaining("credit");
            echo.gate.countDown();
            settled(link);
        }
    }
}
