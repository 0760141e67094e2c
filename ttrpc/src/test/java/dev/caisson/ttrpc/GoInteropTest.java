package dev.caisson.ttrpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Empty;
import dev.caisson.ttrpc.interop.EchoPayload;
import dev.caisson.ttrpc.interop.Part;
import dev.caisson.ttrpc.interop.Sum;
import dev.caisson.ttrpc.netty.UnixTransport;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * Talks to containerd's own ttrpc library. Run by hand:
 *
 * <pre>
 * (cd src/test/interop &amp;&amp; go build -mod=mod -o /tmp/interop .)
 * mvn -pl ttrpc test -Dtest=GoInteropTest -Dttrpc.interop=/tmp/interop
 * </pre>
 */
@EnabledIfSystemProperty(
        named = "ttrpc.interop",
        matches = ".+",
        disabledReason = "the Go implementation of ttrpc needs Go and a reachable Go module proxy")
@Timeout(120)
class GoInteropTest {
    private static final String SERVICE = "ttrpc.integration.streaming.Streaming";

    @TempDir
    private Path directory;

    private static ServiceRegistry services() {
        Methods methods = Methods.builder()
                .unary("Echo", EchoPayload.parser(), (context, request) -> {
                    if (request.getMsg().equals("fail")) {
                        throw new TtrpcException(Code.NOT_FOUND, "no such thing");
                    }
                    if (request.getMsg().equals("sleep")) {
                        Await.cancellation(context);
                    }
                    String values = String.join(",", context.metadata().all("caisson"));
                    return request.toBuilder()
                            .setSeq(request.getSeq() + 1)
                            .setMsg(request.getMsg() + " " + values)
                            .build();
                })
                .bidiStream("EchoStream", EchoPayload.parser(), (context, requests, responses) -> {
                    for (EchoPayload p = requests.receive(); p != null; p = requests.receive()) {
                        responses.send(p.toBuilder().setSeq(p.getSeq() + 1).build());
                    }
                })
                .clientStream("SumStream", Part.parser(), (context, requests) -> {
                    Sum.Builder sum = Sum.newBuilder();
                    for (Part p = requests.receive(); p != null; p = requests.receive()) {
                        sum.setSum(sum.getSum() + p.getAdd()).setNum(sum.getNum() + 1);
                    }
                    return sum.build();
                })
                .serverStream("DivideStream", Sum.parser(), (context, sum, responses) -> {
                    int part = sum.getSum() / sum.getNum();
                    for (int i = 1; i < sum.getNum(); i++) {
                        responses.send(Part.newBuilder().setAdd(part).build());
                    }
                    responses.send(Part.newBuilder()
                            .setAdd(sum.getSum() - part * (sum.getNum() - 1))
                            .build());
                })
                .clientStream("EchoNull", EchoPayload.parser(), (context, requests) -> {
                    while (requests.receive() != null) {
                        // Counted by the sender.
                    }
                    return Empty.getDefaultInstance();
                })
                .bidiStream("EchoNullStream", EchoPayload.parser(), (context, requests, responses) -> {
                    while (requests.receive() != null) {
                        responses.send(Empty.getDefaultInstance());
                    }
                })
                .serverStream("EmptyPayloadStream", Empty.parser(), (context, request, responses) -> {
                    for (int i = 0; i < 5; i++) {
                        responses.send(EchoPayload.getDefaultInstance());
                    }
                })
                .build();
        return ServiceRegistry.builder().service(SERVICE, methods).build();
    }

    private Process peer(String role) throws Exception {
        return new ProcessBuilder(
                        System.getProperty("ttrpc.interop", ""),
                        role,
                        directory.resolve("s").toString())
                .redirectErrorStream(true)
                .start();
    }

    @Test
    void goClientAgainstThisServer() throws Exception {
        try (var handlers = Executors.newVirtualThreadPerTaskExecutor();
                var transport = new UnixTransport();
                var server = new TtrpcServer(services(), handlers);
                var listener = transport.listen(directory.resolve("s"), server)) {
            assertThat(listener.socket()).exists();
            Process peer = peer("client");
            String output = new String(peer.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            // Go logs the answer to the call it gave up.
            assertThat(output).endsWith("all good\n");
            assertThat(peer.waitFor()).isZero();
            assertThat(server.drain(Duration.ofSeconds(5))).isTrue();
        }
    }

    @Test
    void thisClientAgainstGoServer() throws Exception {
        Process peer = peer("server");
        try (var transport = new UnixTransport()) {
            assertThat(peer.inputReader().readLine()).isEqualTo("ready");
            TtrpcClient client = transport.connect(directory.resolve("s"), Duration.ofSeconds(5));
            calls(client);
            client.close();
        } finally {
            peer.outputWriter().close();
        }
        assertThat(peer.waitFor()).isZero();
    }

    private static void calls(TtrpcClient client) throws Exception {
        CallOptions options = CallOptions.timeout(Duration.ofSeconds(20))
                .withMetadata(Metadata.of("caisson", "one").with("caisson", "two"));
        EchoPayload hello = EchoPayload.newBuilder().setSeq(1).setMsg("hello").build();
        assertThat(client.call(SERVICE, "Echo", hello, EchoPayload.parser(), options))
                .isEqualTo(EchoPayload.newBuilder()
                        .setSeq(2)
                        .setMsg("hello one,two")
                        .build());
        EchoPayload fail = EchoPayload.newBuilder().setMsg("fail").build();
        assertThatThrownBy(() -> client.call(SERVICE, "Echo", fail, EchoPayload.parser(), options))
                .isInstanceOfSatisfying(
                        TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.NOT_FOUND));
        assertThatThrownBy(() -> client.call("no.Such", "M", fail, EchoPayload.parser(), options))
                .isInstanceOfSatisfying(
                        TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.UNIMPLEMENTED));

        try (ClientStream<EchoPayload, EchoPayload> echo =
                client.bidiStream(SERVICE, "EchoStream", EchoPayload.parser(), options)) {
            for (int i = 0; i < 100; i++) {
                echo.send(EchoPayload.newBuilder().setSeq(i).build());
                assertThat(echo.receive())
                        .isEqualTo(EchoPayload.newBuilder().setSeq(i + 1).build());
            }
            echo.closeSend();
            assertThat(echo.receive()).isNull();
        }
        try (ClientStream<Part, Sum> sum = client.clientStream(SERVICE, "SumStream", Sum.parser(), options)) {
            for (int i = 0; i < 50; i++) {
                sum.send(Part.newBuilder().setAdd(i).build());
            }
            assertThat(sum.finish())
                    .isEqualTo(Sum.newBuilder().setSum(1225).setNum(50).build());
        }
        Sum whole = Sum.newBuilder().setSum(1225).setNum(50).build();
        try (ClientStream<Sum, Part> parts =
                client.serverStream(SERVICE, "DivideStream", whole, Part.parser(), options)) {
            int total = 0;
            for (Part p = parts.receive(); p != null; p = parts.receive()) {
                total += p.getAdd();
            }
            assertThat(total).isEqualTo(1225);
        }
        try (ClientStream<EchoPayload, Empty> nulls =
                client.bidiStream(SERVICE, "EchoNullStream", Empty.parser(), options)) {
            for (int i = 0; i < 10; i++) {
                nulls.send(EchoPayload.getDefaultInstance());
                assertThat(nulls.receive()).isEqualTo(Empty.getDefaultInstance());
            }
            nulls.closeSend();
            assertThat(nulls.receive()).isNull();
        }
        try (ClientStream<Empty, EchoPayload> five = client.serverStream(
                SERVICE, "EmptyPayloadStream", Empty.getDefaultInstance(), EchoPayload.parser(), options)) {
            for (int i = 0; i < 5; i++) {
                assertThat(five.receive()).isEqualTo(EchoPayload.getDefaultInstance());
            }
            assertThat(five.receive()).isNull();
        }
        assertThat(client.openCalls()).isZero();
    }
}
