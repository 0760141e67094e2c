package dev.caisson.ttrpc;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import com.google.protobuf.Int64Value;
import com.google.protobuf.StringValue;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.proto.rpc.Status;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameDecoder;
import dev.caisson.ttrpc.wire.FrameEncoder;
import dev.caisson.ttrpc.wire.FrameHeader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.LongConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Hostile peers: whatever they send, nothing throws into the reader and no state stays behind. */
@Timeout(120)
class FrameFuzzTest {
    private static final long EXPLORE_NANOS = 1_500_000_000L;
    private static final String[] METHODS = {"Echo", "Later", "Raw", "Sum", "Chat", "Count", "Sleepy", "None"};

    private static ServiceRegistry registry() {
        Methods methods = Methods.builder()
                .unary("Echo", StringValue.parser(), (context, request) -> request)
                .unaryAsync("Later", StringValue.parser(), (context, request) -> new CompletableFuture<StringValue>())
                .rawUnary("Raw", (context, request) -> request)
                .unary("Sleepy", StringValue.parser(), (context, request) -> {
                    Await.cancellation(context);
                    throw new IllegalStateException("cancelled");
                })
                .clientStream("Sum", Int64Value.parser(), (context, requests) -> {
                    long sum = 0;
                    for (Int64Value n = requests.receive(); n != null; n = requests.receive()) {
                        sum += n.getValue();
                    }
                    return Int64Value.of(sum);
                })
                .bidiStream("Chat", StringValue.parser(), (context, requests, responses) -> {
                    for (StringValue m = requests.receive(); m != null; m = requests.receive()) {
                        responses.send(m);
                    }
                })
                .serverStream("Count", Int64Value.parser(), (context, limit, responses) -> {
                    for (long i = 0; i < Math.min(5, limit.getValue()); i++) {
                        responses.send(Int64Value.of(i));
                    }
                })
                .build();
        return ServiceRegistry.builder().service("f", methods).build();
    }

    /** Every stored seed, then fresh ones for a while; the one that fails is in the message. */
    private static void eachSeed(LongConsumer run) throws IOException {
        for (String line : Files.readAllLines(Path.of("src/test/resources/fuzz/seeds.txt"))) {
            if (!line.startsWith("#")) {
                one(run, Long.parseLong(line));
            }
        }
        long end = System.nanoTime() + EXPLORE_NANOS;
        SplittableRandom fresh = new SplittableRandom();
        while (System.nanoTime() < end) {
            one(run, fresh.nextLong());
        }
    }

    private static void one(LongConsumer run, long seed) {
        try {
            run.accept(seed);
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError("seed " + seed, e);
        }
    }

    private static byte[] payload(SplittableRandom random) {
        return switch (random.nextInt(5)) {
            case 0 -> new byte[0];
            case 1 -> StringValue.of("word" + random.nextInt()).toByteArray();
            case 2 -> Int64Value.of(random.nextInt(100)).toByteArray();
            default -> {
                byte[] noise = new byte[random.nextInt(64)];
                random.nextBytes(noise);
                yield noise;
            }
        };
    }

    private static byte[] request(SplittableRandom random) {
        Request.Builder request = Request.newBuilder()
                .setService(random.nextInt(12) == 0 ? "g" : "f")
                .setMethod(METHODS[random.nextInt(METHODS.length)])
                .setPayload(ByteString.copyFrom(payload(random)));
        if (random.nextInt(4) == 0) {
            request.setTimeoutNano(random.nextBoolean() ? random.nextLong() : random.nextInt(3_000_000));
        }
        return request.build().toByteArray();
    }

    private static byte[] response(SplittableRandom random) {
        Response.Builder response = Response.newBuilder().setPayload(ByteString.copyFrom(payload(random)));
        if (random.nextInt(3) == 0) {
            response.setStatus(
                    Status.newBuilder().setCode(random.nextInt(20) - 2).setMessage("m"));
        }
        return response.build().toByteArray();
    }

    /** Mostly valid frames with wrong ids, types, flags and bytes among them, then cut anywhere. */
    private static byte[] conversation(SplittableRandom random, boolean fromClient) {
        ByteArrayOutputStream wire = new ByteArrayOutputStream();
        int count = 1 + random.nextInt(60);
        int next = 1;
        for (int i = 0; i < count; i++) {
            int id = random.nextInt(8) == 0 ? random.nextInt() : Math.max(1, next - 2 * random.nextInt(6));
            byte flags = (byte) (random.nextInt(3) == 0 ? random.nextInt() : random.nextInt(8));
            byte[] bytes;
            switch (random.nextInt(fromClient ? 4 : 3)) {
                case 0 -> {
                    bytes = FrameEncoder.encode(Frame.request(fromClient ? next : id, flags, request(random)));
                    next += 2;
                }
                case 1 -> bytes = FrameEncoder.encode(new Frame(id, FrameHeader.DATA, flags, payload(random)));
                case 2 ->
                    bytes = FrameEncoder.encode(
                            fromClient
                                    ? Frame.halfClose(id)
                                    : Frame.response(1 + 2 * random.nextInt(12), response(random)));
                default -> bytes = FrameEncoder.encode(new Frame(id, (byte) random.nextInt(), flags, payload(random)));
            }
            if (random.nextInt(10) == 0) {
                bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
            }
            wire.writeBytes(bytes);
        }
        byte[] all = wire.toByteArray();
        return random.nextInt(4) == 0 ? java.util.Arrays.copyOf(all, random.nextInt(all.length)) : all;
    }

    private static void feed(SplittableRandom random, FrameDecoder decoder, byte[] bytes) {
        int at = 0;
        while (at < bytes.length) {
            int n = Math.min(bytes.length - at, 1 + random.nextInt(200));
            decoder.feed(bytes, at, n);
            at += n;
        }
    }

    @Test
    void serversForgetHostileClients() throws Exception {
        try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
            eachSeed(seed -> {
                SplittableRandom random = new SplittableRandom(seed);
                TtrpcServer server = new TtrpcServer(
                        registry(), executor, new ServerOptions(20, 500, 2000, (context, failure) -> {}));
                RecordingSink sink = new RecordingSink();
                ServerConnection connection = server.connect(sink, ConnectionInfo.NONE);

                feed(random, new FrameDecoder(connection), conversation(random, true));
                connection.close();

                assertThat(server.connections()).isZero();
                try {
                    assertThat(server.drain(Duration.ofSeconds(20)))
                            .as("handlers end")
                            .isTrue();
                    // A deadline that just fired may be clearing up its call at this moment.
                    Await.until("calls are cleared up", () -> connection.openCalls() + connection.bufferedBytes() == 0);
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
                assertThat(server.runningHandlers()).isZero();
                assertThat(connection.openCalls()).isZero();
                assertThat(connection.bufferedBytes()).isZero();
                assertThat(sink.frames)
                        .allSatisfy(frame -> assertThat(frame.type()).isIn(FrameHeader.RESPONSE, FrameHeader.DATA));
                server.close();
            });
        }
    }

    @Test
    void clientsForgetHostileServers() throws Exception {
        eachSeed(seed -> {
            SplittableRandom random = new SplittableRandom(seed);
            TtrpcClient client = new TtrpcClient(new RecordingSink());
            CompletableFuture<?>[] calls = new CompletableFuture<?>[6];
            ClientStream<?, ?>[] streams = new ClientStream<?, ?>[6];
            for (int i = 0; i < 6; i++) {
                calls[i] = client.callAsync(
                        "f", "Echo", Empty.getDefaultInstance(), StringValue.parser(), CallOptions.NONE);
                streams[i] = i % 2 == 0
                        ? client.<StringValue, StringValue>bidiStream(
                                "f", "Chat", StringValue.parser(), CallOptions.NONE)
                        : client.<Int64Value, Int64Value>clientStream(
                                "f", "Sum", Int64Value.parser(), CallOptions.NONE);
            }

            feed(random, new FrameDecoder(client), conversation(random, false));
            client.onDisconnected("peer hung up");

            assertThat(client.openCalls()).isZero();
            assertThat(calls).allMatch(CompletableFuture::isDone);
            for (ClientStream<?, ?> stream : streams) {
                assertEnds(stream);
                stream.close();
            }
            assertThat(client.bufferedBytes()).isZero();
        });
    }

    private static void assertEnds(ClientStream<?, ?> stream) {
        try {
            while (stream.receive() != null) {
                // Messages that came before the end.
            }
        } catch (TtrpcException expected) {
            assertThat(expected.code()).isNotEqualTo(Code.OK);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
