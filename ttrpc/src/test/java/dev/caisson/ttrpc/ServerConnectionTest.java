package dev.caisson.ttrpc;

import static dev.caisson.ttrpc.EchoService.text;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.Int64Value;
import com.google.protobuf.MessageLite;
import com.google.protobuf.StringValue;
import dev.caisson.ttrpc.proto.envelope.KeyValue;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameHeader;
import java.time.Duration;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The server's side of the protocol, frame by frame. */
@Timeout(60)
class ServerConnectionTest {
    private record Pod(String name) implements ConnectionInfo {}

    private final EchoService echo = new EchoService();
    private final ConcurrentLinkedQueue<Throwable> unexpected = new ConcurrentLinkedQueue<>();
    private final ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
    private final TtrpcServer server = new TtrpcServer(
            echo.registry(), executor, new ServerOptions(8, 4096, 8192, (context, failure) -> unexpected.add(failure)));
    private final RecordingSink sink = new RecordingSink();
    private final ServerConnection connection = server.connect(sink, new Pod("p1"));

    @AfterEach
    void nothingIsLeft() throws InterruptedException {
        echo.gate.countDown();
        assertThat(server.drain(Duration.ofSeconds(10))).isTrue();
        assertThat(connection.openCalls()).isZero();
        assertThat(connection.bufferedBytes()).isZero();
        server.close();
        executor.close();
    }

    private static Request.Builder request(String method, MessageLite message) {
        return Request.newBuilder()
                .setService(EchoService.NAME)
                .setMethod(method)
                .setPayload(message.toByteString());
    }

    private void open(int id, byte flags, String method, MessageLite message) {
        connection.onFrame(
                Frame.request(id, flags, request(method, message).build().toByteArray()));
    }

    private void call(int id, String method, MessageLite message) {
        open(id, (byte) 0, method, message);
    }

    private static StringValue decode(Response response) throws Exception {
        return StringValue.parseFrom(response.getPayload());
    }

    @Test
    void aUnaryCallIsAnswered() throws Exception {
        call(1, "Echo", text("hello"));

        Response response = sink.response(1);
        assertThat(response.hasStatus()).isFalse();
        assertThat(decode(response)).isEqualTo(text("hello"));
    }

    @Test
    void anEmptyReplyIsAZeroLengthResponse() throws Exception {
        call(1, "Echo", text(""));

        assertThat(sink.next()).isEqualTo(Frame.response(1, new byte[0]));
    }

    @Test
    void rawHandlersSeeTheBytes() throws Exception {
        StringValue message = text("bytes");
        call(1, "Raw", message);
        assertThat(decode(sink.response(1))).isEqualTo(message);
        call(3, "RawLater", message);
        assertThat(decode(sink.response(3))).isEqualTo(message);
    }

    @Test
    void theContextTellsWhoCalls() throws Exception {
        Request request = request("Echo", text("m"))
                .addMetadata(KeyValue.newBuilder().setKey("Traceparent").setValue("a"))
                .addMetadata(KeyValue.newBuilder().setKey("traceparent").setValue("b"))
                .addMetadata(KeyValue.newBuilder().setKey(Metadata.NAMESPACE).setValue("k8s.io"))
                .build();
        connection.onFrame(Frame.request(5, (byte) 0, request.toByteArray()));
        sink.response(5);

        RequestContext context = echo.contexts.remove();
        assertThat(context.service()).isEqualTo("test.Echo");
        assertThat(context.method()).isEqualTo("Echo");
        assertThat(context.streamId()).isEqualTo(5);
        assertThat(context.connection(Pod.class).name()).isEqualTo("p1");
        assertThat(context.remaining()).isEmpty();
        assertThat(context.metadata().all("TRACEPARENT")).containsExactly("a", "b");
        assertThat(context.metadata().first("containerd-namespace-ttrpc")).contains("k8s.io");
        assertThat(context.metadata().first("baggage")).isEmpty();
    }

    @Test
    void unknownServicesAndMethodsAreUnimplemented() throws Exception {
        connection.onFrame(Frame.request(
                1, (byte) 0, Request.newBuilder().setService("no.Such").build().toByteArray()));
        sink.failure(1, Code.UNIMPLEMENTED, "no.Such");
        call(3, "Nothing", text(""));
        sink.failure(3, Code.UNIMPLEMENTED, "test.Echo/Nothing");
    }

    @Test
    void anUndecodableMessageIsInternalAndAnUndecodableEnvelopeInvalid() throws Exception {
        byte[] broken = {0x0a, 0x7f, 1};
        connection.onFrame(Frame.request(
                1,
                (byte) 0,
                request("Echo", text(""))
                        .setPayload(ByteString.copyFrom(broken))
                        .build()
                        .toByteArray()));
        sink.failure(1, Code.INTERNAL, "decode message of 3 bytes");

        connection.onFrame(Frame.request(3, (byte) 0, broken));
        sink.failure(3, Code.INVALID_ARGUMENT, "decode request");

        call(5, "Echo", text("still there"));
        assertThat(decode(sink.response(5))).isEqualTo(text("still there"));
    }

    @Test
    void unknownFieldsAreTolerated() throws Exception {
        byte[] known = request("Echo", text("k")).build().toByteArray();
        byte[] bytes = java.util.Arrays.copyOf(known, known.length + 3);
        bytes[known.length] = (byte) 0xf8;
        bytes[known.length + 1] = 0x06;
        bytes[known.length + 2] = 0x01;

        connection.onFrame(Frame.request(1, (byte) 0, bytes));

        assertThat(decode(sink.response(1))).isEqualTo(text("k"));
    }

    @Test
    void handlersChooseTheirStatus() throws Exception {
        call(1, "Fail", text("not found"));
        sink.failure(1, Code.NOT_FOUND, "no such thing");

        call(3, "Fail", text("details"));
        Response response = sink.response(3);
        assertThat(response.getStatus().getCode()).isEqualTo(9);
        assertThat(response.getStatus().getDetails(0).getTypeUrl()).isEqualTo("google.protobuf.StringValue");
        assertThat(unexpected).isEmpty();
    }

    @Test
    void otherExceptionsAreUnknownAndReported() throws Exception {
        call(1, "Fail", text("fire"));
        sink.failure(1, Code.UNKNOWN, "disk on fire");
        call(3, "Fail", text("silent"));
        sink.failure(3, Code.UNKNOWN, "java.io.IOException");

        assertThat(unexpected).hasSize(2).allMatch(java.io.IOException.class::isInstance);
    }

    @Test
    void aFailureListenerThatThrowsDoesNotCostTheAnswer() throws Exception {
        ServerOptions options = ServerOptions.DEFAULT.withFailures((context, failure) -> {
            throw new IllegalStateException("listener");
        });
        try (TtrpcServer fragile = new TtrpcServer(echo.registry(), executor, options)) {
            RecordingSink answers = new RecordingSink();
            fragile.connect(answers, ConnectionInfo.NONE)
                    .onFrame(Frame.request(
                            1, (byte) 0, request("Fail", text("fire")).build().toByteArray()));
            answers.failure(1, Code.UNKNOWN, "disk on fire");
            assertThat(fragile.drain(Duration.ofSeconds(10))).isTrue();
        }
    }

    @Test
    void aReplyBeyondTheFrameLimitIsResourceExhausted() throws Exception {
        call(1, "Grow", Int64Value.of(FrameHeader.MAX_PAYLOAD));
        sink.failure(1, Code.RESOURCE_EXHAUSTED, "exceeds the frame limit of 4194304 bytes");

        call(3, "Grow", Int64Value.of(FrameHeader.MAX_PAYLOAD - 100));
        assertThat(decode(sink.response(3)).getValue()).hasSize(FrameHeader.MAX_PAYLOAD - 100);
    }

    @Test
    void anOversizedRequestIsRefusedAndTheConnectionSurvives() throws Exception {
        connection.onOversized(1, FrameHeader.REQUEST, (byte) 0, 5_000_000);
        sink.failure(1, Code.RESOURCE_EXHAUSTED, "5000000");

        call(3, "Echo", text("next"));
        assertThat(decode(sink.response(3))).isEqualTo(text("next"));
    }

    @Test
    void anOversizedMessageEndsItsStream() throws Exception {
        open(1, FrameHeader.REMOTE_OPEN, "Ignore", text(""));
        connection.onOversized(1, FrameHeader.DATA, (byte) 0, 5_000_000);
        sink.failure(1, Code.RESOURCE_EXHAUSTED, "5000000");
        assertThat(connection.openCalls()).isZero();
    }

    @ParameterizedTest
    @CsvSource({"2,must be odd", "0,must be odd", "5,must increment", "3,must increment"})
    void streamIdsAreOddAndGrow(int id, String reason) throws Exception {
        call(5, "Echo", text("first"));
        sink.response(5);

        call(id, "Echo", text("second"));

        sink.failure(id, Code.INVALID_ARGUMENT, reason);
    }

    @Test
    void streamIdsAreUnsigned() throws Exception {
        call(Integer.MAX_VALUE, "Echo", text("a"));
        sink.response(Integer.MAX_VALUE);
        call(Integer.MIN_VALUE + 1, "Echo", text("b"));
        assertThat(decode(sink.response(Integer.MIN_VALUE + 1))).isEqualTo(text("b"));
        call(-1, "Echo", text("last"));
        assertThat(decode(sink.response(-1))).isEqualTo(text("last"));
        call(1, "Echo", text("wrapped"));
        sink.failure(1, Code.INVALID_ARGUMENT, "must increment");
    }

    @Test
    void dataForNoStreamIsInvalid() throws Exception {
        connection.onFrame(Frame.data(7, new byte[] {1}));
        sink.failure(7, Code.INVALID_ARGUMENT, "no longer active");
        connection.onFrame(Frame.data(8, new byte[] {1}));
        sink.failure(8, Code.INVALID_ARGUMENT, "must be odd");
    }

    @Test
    void unknownTypesAndStrayResponsesAreIgnored() throws Exception {
        connection.onFrame(new Frame(1, (byte) 9, (byte) 0xff, new byte[] {1}));
        connection.onFrame(Frame.response(1, new byte[0]));
        sink.silent();

        call(1, "Echo", text("x"));
        sink.response(1);
    }

    @Test
    void emptyDataIsAMessageAndNoDataIsNot() throws Exception {
        open(1, FrameHeader.REMOTE_OPEN, "Chat", text(""));
        connection.onFrame(Frame.data(1, new byte[0]));
        assertThat(sink.next()).isEqualTo(Frame.data(1, new byte[0]));

        connection.onFrame(new Frame(1, FrameHeader.DATA, FrameHeader.NO_DATA, new byte[0]));
        connection.onFrame(Frame.data(1, text("a").toByteArray()));
        assertThat(sink.next()).isEqualTo(Frame.data(1, text("a!").toByteArray()));

        connection.onFrame(Frame.halfClose(1));
        assertThat(sink.next()).isEqualTo(Frame.data(1, text("bye").toByteArray()));
        assertThat(sink.next()).isEqualTo(Frame.halfClose(1));
    }

    @Test
    void anEmptyLastMessageWithoutNoDataIsDelivered() throws Exception {
        open(1, FrameHeader.REMOTE_OPEN, "Chat", text(""));
        connection.onFrame(new Frame(1, FrameHeader.DATA, FrameHeader.REMOTE_CLOSED, new byte[0]));

        assertThat(sink.next()).isEqualTo(Frame.data(1, new byte[0]));
        assertThat(sink.next()).isEqualTo(Frame.data(1, text("bye").toByteArray()));
        assertThat(sink.next()).isEqualTo(Frame.halfClose(1));
    }

    @Test
    void theOpeningRequestMayCarryTheFirstMessage() throws Exception {
        open(1, FrameHeader.REMOTE_OPEN, "Chat", text("first"));
        assertThat(sink.next()).isEqualTo(Frame.data(1, text("first!").toByteArray()));

        open(3, FrameHeader.REMOTE_CLOSED, "Chat", text("only"));
        assertThat(sink.next()).isEqualTo(Frame.data(3, text("only!").toByteArray()));
        assertThat(sink.next()).isEqualTo(Frame.data(3, text("bye").toByteArray()));
        assertThat(sink.next()).isEqualTo(Frame.halfClose(3));
        connection.onFrame(Frame.halfClose(1));
    }

    @Test
    void closingWithDataIsRejected() throws Exception {
        open(1, FrameHeader.REMOTE_OPEN, "Ignore", text(""));
        Await.until("the handler runs", () -> !echo.contexts.isEmpty());
        connection.onFrame(new Frame(1, FrameHeader.DATA, FrameHeader.REMOTE_CLOSED, new byte[] {1}));
        sink.failure(1, Code.INVALID_ARGUMENT, "data close message cannot include data");
        assertThat(echo.cancelled.get(10, TimeUnit.SECONDS).code()).isEqualTo(Code.INVALID_ARGUMENT);
    }

    @Test
    void dataAfterHalfCloseIsRejected() throws Exception {
        open(1, FrameHeader.REMOTE_OPEN, "Ignore", text(""));
        connection.onFrame(Frame.halfClose(1));
        connection.onFrame(Frame.data(1, new byte[] {1}));
        sink.failure(1, Code.INVALID_ARGUMENT, "after the client closed");
    }

    @Test
    void dataForAUnaryCallIsRejected() throws Exception {
        call(1, "Block", text(""));
        connection.onFrame(Frame.data(1, new byte[] {1}));
        sink.failure(1, Code.INVALID_ARGUMENT, "unary");
        sink.silent();
    }

    @Test
    void aStreamThatIsNotReadLosesItselfNotTheConnection() throws Exception {
        open(1, FrameHeader.REMOTE_OPEN, "Ignore", text(""));
        for (int i = 0; i < 4; i++) {
            connection.onFrame(Frame.data(1, new byte[1000]));
        }
        sink.failure(1, Code.RESOURCE_EXHAUSTED, "credit");
        assertThat(connection.bufferedBytes()).isZero();

        call(3, "Echo", text("alive"));
        assertThat(decode(sink.response(3))).isEqualTo(text("alive"));
    }

    @Test
    void aFloodOfEmptyMessagesCostsCreditToo() throws Exception {
        open(1, FrameHeader.REMOTE_OPEN, "Ignore", text(""));
        for (int i = 0; i < 65; i++) {
            connection.onFrame(Frame.data(1, new byte[0]));
        }
        sink.failure(1, Code.RESOURCE_EXHAUSTED, "credit");
    }

    @Test
    void streamsShareTheConnectionsCredit() throws Exception {
        for (int id = 1; id <= 5; id += 2) {
            open(id, FrameHeader.REMOTE_OPEN, "Ignore", text(""));
            connection.onFrame(Frame.data(id, new byte[3000]));
        }
        sink.failure(5, Code.RESOURCE_EXHAUSTED, "credit");
        assertThat(connection.openCalls()).isEqualTo(2);
    }

    @Test
    void moreCallsThanAllowedAreRefused() throws Exception {
        for (int id = 1; id <= 15; id += 2) {
            call(id, "Later", text(""));
        }
        call(17, "Echo", text(""));
        sink.failure(17, Code.RESOURCE_EXHAUSTED, "more than 8 calls");
        Await.until("eight handlers ran", () -> echo.later.size() == 8);
        echo.later.forEach(stage -> stage.complete(text("")));
    }

    @Test
    void anAsynchronousHandlerMayFail() throws Exception {
        call(1, "Later", text(""));
        Await.until("the handler ran", () -> !echo.later.isEmpty());
        echo.later.remove().completeExceptionally(new TtrpcException(Code.ABORTED, "no more"));
        sink.failure(1, Code.ABORTED, "no more");
    }

    @Test
    void theDeadlineEndsACall() throws Exception {
        Request request = request("Block", text(""))
                .setTimeoutNano(Duration.ofMillis(500).toNanos())
                .build();
        connection.onFrame(Frame.request(1, (byte) 0, request.toByteArray()));

        sink.failure(1, Code.DEADLINE_EXCEEDED, "test.Echo/Block");
        assertThat(echo.cancelled.get(10, TimeUnit.SECONDS).code()).isEqualTo(Code.DEADLINE_EXCEEDED);
        RequestContext context = echo.contexts.remove();
        assertThat(context.isCancelled()).isTrue();
        assertThat(context.remaining()).contains(Duration.ZERO);
        echo.gate.countDown();
        sink.silent();
    }

    @Test
    void theDeadlineReleasesAnAsynchronousCallWhoseStageNeverCompletes() throws Exception {
        Request request = request("Later", text(""))
                .setTimeoutNano(Duration.ofMillis(50).toNanos())
                .build();
        connection.onFrame(Frame.request(1, (byte) 0, request.toByteArray()));
        sink.failure(1, Code.DEADLINE_EXCEEDED, "test.Echo/Later");
    }

    /** Many calls end around their deadline: each is either answered with success or told to undo, never both. */
    @Test
    void anAnswerThatComesTooLateRunsTheCancelActions() throws Exception {
        AtomicInteger started = new AtomicInteger();
        AtomicInteger undone = new AtomicInteger();
        Methods methods = Methods.builder()
                .unary("Create", StringValue.parser(), (context, request) -> {
                    started.incrementAndGet();
                    context.onCancel(undone::incrementAndGet);
                    Thread.sleep(5);
                    return request;
                })
                .build();
        try (TtrpcServer racing =
                new TtrpcServer(ServiceRegistry.builder().service("r", methods).build(), executor)) {
            RecordingSink answers = new RecordingSink();
            ServerConnection racer = racing.connect(answers, ConnectionInfo.NONE);
            int calls = 300;
            for (int i = 0; i < calls; i++) {
                byte[] request = Request.newBuilder()
                        .setService("r")
                        .setMethod("Create")
                        .setTimeoutNano(4_500_000 + i * 5_000L)
                        .build()
                        .toByteArray();
                racer.onFrame(Frame.request(2 * i + 1, (byte) 0, request));
            }
            int succeeded = 0;
            for (int i = 0; i < calls; i++) {
                Response response = Response.parseFrom(answers.next().payload());
                succeeded += response.hasStatus() ? 0 : 1;
            }
            assertThat(racing.drain(Duration.ofSeconds(10))).isTrue();
            int answered = succeeded;
            Await.until("calls without an answer are undone", () -> answered + undone.get() >= started.get());
            // A call whose deadline passed before its handler started has nothing to undo.
            assertThat(succeeded + undone.get()).isEqualTo(started.get());
        }
    }

    @Test
    void theDeadlineCountsFromTheFramesReceipt() throws Exception {
        Request request = request("Block", text(""))
                .setTimeoutNano(Duration.ofSeconds(100).toNanos())
                .build();
        connection.onFrame(Frame.request(1, (byte) 0, request.toByteArray()), Duration.ofSeconds(70));
        Await.until("the handler runs", () -> !echo.contexts.isEmpty());
        Duration left = echo.contexts.remove().remaining().orElseThrow();
        assertThat(left).isBetween(Duration.ofSeconds(20), Duration.ofSeconds(30));

        connection.onFrame(Frame.request(3, (byte) 0, request.toByteArray()), Duration.ofSeconds(101));
        sink.failure(3, Code.DEADLINE_EXCEEDED, "deadline exceeded");
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE})
    void aNegativeTimeoutHasPassed(long timeout) throws Exception {
        Request request = request("Block", text("")).setTimeoutNano(timeout).build();
        connection.onFrame(Frame.request(1, (byte) 0, request.toByteArray()), Duration.ofSeconds(1));
        sink.failure(1, Code.DEADLINE_EXCEEDED, "deadline exceeded");
    }

    @Test
    void theLongestTimeoutDoesNotOverflow() throws Exception {
        Request request =
                request("Echo", text("patient")).setTimeoutNano(Long.MAX_VALUE).build();
        connection.onFrame(Frame.request(1, (byte) 0, request.toByteArray()));
        assertThat(decode(sink.response(1))).isEqualTo(text("patient"));
        assertThat(echo.contexts.remove().remaining().orElseThrow()).isGreaterThan(Duration.ofDays(365 * 100));
    }

    @Test
    void closingCancelsHandlersAndDropsAnswers() throws Exception {
        call(1, "Block", text(""));
        call(3, "Later", text(""));
        open(5, FrameHeader.REMOTE_OPEN, "Chat", text(""));
        Await.until("three handlers run", () -> echo.contexts.size() == 3);

        connection.close();

        assertThat(connection.openCalls()).isZero();
        assertThat(echo.cancelled.get(10, TimeUnit.SECONDS).code()).isEqualTo(Code.CANCELED);
        assertThat(echo.contexts).allMatch(RequestContext::isCancelled);
        echo.gate.countDown();
        echo.later.remove().complete(text("late"));
        call(7, "Echo", text("after"));
        sink.silent();
        assertThat(server.connections()).isZero();
    }

    @Test
    void drainingRefusesNewCallsAndLetsOldOnesEnd() throws Exception {
        call(1, "Block", text("old"));
        assertThat(server.drain(Duration.ofMillis(50))).isFalse();

        call(3, "Echo", text("new"));
        sink.failure(3, Code.UNAVAILABLE, "shutting down");
        echo.gate.countDown();
        assertThat(server.drain(Duration.ofSeconds(10))).isTrue();
        assertThat(decode(sink.response(1))).isEqualTo(text("old"));
        server.close();
        assertThat(sink.closed).isTrue();
    }

    @Test
    void oneConnectionCanDrainAlone() throws Exception {
        connection.drain();
        call(1, "Echo", text("new"));
        sink.failure(1, Code.UNAVAILABLE, "shutting down");

        RecordingSink other = new RecordingSink();
        ServerConnection second = server.connect(other, ConnectionInfo.NONE);
        second.onFrame(
                Frame.request(1, (byte) 0, request("Echo", text("x")).build().toByteArray()));
        other.response(1);
        second.close();
    }

    @Test
    void anExecutorThatIsShutDownIsUnavailable() throws Exception {
        executor.shutdown();
        call(1, "Echo", text(""));
        sink.failure(1, Code.UNAVAILABLE, "shutting down");
    }

    @Test
    void aMethodCannotBeRegisteredTwice() {
        Methods.Builder methods = Methods.builder().rawUnary("A", (context, request) -> request);
        assertThatThrownBy(() -> methods.rawUnary("A", (context, request) -> request))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("method A registered twice");
        ServiceRegistry.Builder services = ServiceRegistry.builder().service("S", methods.build());
        assertThatThrownBy(() -> services.service("S", methods.build()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("service S registered twice");
    }

    @Test
    void codesKeepTheirNumbers() {
        assertThat(Code.values()).hasSize(17);
        assertThat(Code.UNIMPLEMENTED.number()).isEqualTo(12);
        assertThat(Code.of(5)).isEqualTo(Code.NOT_FOUND);
        assertThat(Code.of(16)).isEqualTo(Code.UNAUTHENTICATED);
        assertThat(Code.of(17)).isEqualTo(Code.UNKNOWN);
        assertThat(Code.of(-1)).isEqualTo(Code.UNKNOWN);
    }
}
