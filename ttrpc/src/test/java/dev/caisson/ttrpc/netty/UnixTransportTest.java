package dev.caisson.ttrpc.netty;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.StringValue;
import dev.caisson.ttrpc.Await;
import dev.caisson.ttrpc.CallOptions;
import dev.caisson.ttrpc.Code;
import dev.caisson.ttrpc.Methods;
import dev.caisson.ttrpc.ServiceRegistry;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.TtrpcException;
import dev.caisson.ttrpc.TtrpcServer;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameEncoder;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
class UnixTransportTest {
    private final ExecutorService handlers = Executors.newVirtualThreadPerTaskExecutor();
    private final UnixTransport transport = new UnixTransport();
    private final TtrpcServer server = new TtrpcServer(
            ServiceRegistry.builder()
                    .service(
                            "test.Who",
                            Methods.builder()
                                    .unary("Am", StringValue.parser(), (context, request) -> {
                                        UnixPeer peer = context.connection(UnixPeer.class);
                                        return StringValue.of(peer.pid() + ":" + peer.uid() + ":" + peer.gid());
                                    })
                                    .build())
                    .build(),
            handlers);

    @TempDir
    private Path directory;

    private Path socket() {
        return directory.resolve("s");
    }

    @AfterEach
    void close() {
        server.close();
        transport.close();
        handlers.close();
    }

    @Test
    void handlersSeeThePeersCredentials() throws Exception {
        try (NettyTtrpcServer listener = transport.listen(socket(), server);
                TtrpcClient client = transport.connect(listener.socket(), Duration.ofSeconds(5))) {
            String who = client.call(
                            "test.Who", "Am", StringValue.getDefaultInstance(), StringValue.parser(), CallOptions.NONE)
                    .getValue();
            int uid = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:uid");
            int gid = (Integer) Files.getAttribute(Path.of("/proc/self"), "unix:gid");
            assertThat(who).isEqualTo(ProcessHandle.current().pid() + ":" + uid + ":" + gid);
        }
        assertThat(socket()).doesNotExist();
    }

    @Test
    void unwelcomePeersAreClosed() throws Exception {
        try (NettyTtrpcServer listener = transport.listen(socket(), server, peer -> false);
                TtrpcClient client = transport.connect(listener.socket(), Duration.ofSeconds(5))) {
            assertThat(client.onClose().toCompletableFuture()).succeedsWithin(Duration.ofSeconds(10));
            assertThat(server.connections()).isZero();
        }
    }

    @Test
    void nobodyListening() {
        assertThatThrownBy(() -> transport.connect(socket(), Duration.ofSeconds(5)))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("connect to " + socket());
    }

    @Test
    void anExistingFileIsNotReplaced() throws Exception {
        Files.createFile(socket());
        assertThatThrownBy(() -> transport.listen(socket(), server))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("listen on " + socket());
        assertThat(socket()).exists();
    }

    @Test
    void aClosedClientLeavesNothingAtTheServer() throws Exception {
        try (NettyTtrpcServer listener = transport.listen(socket(), server)) {
            TtrpcClient client = transport.connect(listener.socket(), Duration.ofSeconds(5));
            Await.until("a connection", () -> server.connections() > 0);
            client.close();
            Await.until("the connection is gone", () -> server.connections() == 0);
            assertThatThrownBy(() -> client.call(
                            "test.Who", "Am", StringValue.getDefaultInstance(), StringValue.parser(), CallOptions.NONE))
                    .isInstanceOfSatisfying(
                            TtrpcException.class, e -> assertThat(e.code()).isEqualTo(Code.UNAVAILABLE));
        }
    }

    @Test
    void aPeerThatNeverReadsIsCutOff() throws Exception {
        Methods big = Methods.builder()
                .rawUnary("Big", (context, request) -> new byte[4 << 20 >> 1])
                .build();
        try (TtrpcServer generous = new TtrpcServer(
                        ServiceRegistry.builder().service("b", big).build(), handlers);
                NettyTtrpcServer listener = transport.listen(socket(), generous);
                SocketChannel peer = SocketChannel.open(UnixDomainSocketAddress.of(socket()))) {
            byte[] request = Request.newBuilder()
                    .setService("b")
                    .setMethod("Big")
                    .build()
                    .toByteArray();
            assertThat(listener.socket()).exists();
            for (int id = 1; id < 200; id += 2) {
                byte[] bytes = FrameEncoder.encode(Frame.request(id, (byte) 0, request));
                try {
                    peer.write(ByteBuffer.wrap(bytes));
                } catch (IOException cutOff) {
                    break;
                }
            }
            Await.until("the connection is gone", () -> generous.connections() == 0);
        }
    }
}
