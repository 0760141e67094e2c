package dev.caisson.ttrpc;

import dev.caisson.ttrpc.netty.NettyTtrpcServer;
import dev.caisson.ttrpc.netty.UnixTransport;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameDecoder;
import dev.caisson.ttrpc.wire.FrameEncoder;
import dev.caisson.ttrpc.wire.FrameListener;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A client and a server with something between them, for tests of both. */
final class Link implements AutoCloseable {
    enum Kind {
        /** Two reader threads that pass encoded frames, one per direction. */
        MEMORY,
        /** Netty on a unix socket. */
        UNIX
    }

    final TtrpcServer server;
    final TtrpcClient client;
    final ExecutorService handlers = Executors.newVirtualThreadPerTaskExecutor();
    private final Closing closing;

    private interface Closing {
        void close() throws IOException;
    }

    Link(Kind kind, ServiceRegistry registry, ServerOptions options) throws IOException {
        server = new TtrpcServer(registry, handlers, options);
        if (kind == Kind.MEMORY) {
            Pipe toServer = new Pipe("to-server");
            Pipe toClient = new Pipe("to-client");
            client = new TtrpcClient(toServer);
            ServerConnection connection = server.connect(toClient, ConnectionInfo.NONE);
            toServer.start(connection, connection::close);
            toClient.start(client, () -> client.onDisconnected("pipe closed"));
            closing = () -> {
                toServer.close();
                toClient.close();
            };
        } else {
            Path directory = Files.createTempDirectory("ttrpc");
            UnixTransport transport = new UnixTransport();
            NettyTtrpcServer listener = transport.listen(directory.resolve("s"), server);
            client = transport.connect(directory.resolve("s"), Duration.ofSeconds(5));
            closing = () -> {
                listener.close();
                transport.close();
                Files.delete(directory);
            };
        }
    }

    Link(Kind kind, EchoService echo) throws IOException {
        this(kind, echo.registry(), ServerOptions.DEFAULT);
    }

    /** One direction: bytes are decoded on the pipe's own thread, like on an event loop. */
    private static final class Pipe implements FrameSink {
        private final ExecutorService reader;
        private FrameDecoder decoder = new FrameDecoder(new Nobody());
        private Runnable onClose = () -> {};

        Pipe(String name) {
            reader = Executors.newSingleThreadExecutor(task -> new Thread(task, name));
        }

        void start(FrameListener listener, Runnable whenClosed) {
            decoder = new FrameDecoder(listener);
            onClose = whenClosed;
        }

        @Override
        public synchronized void send(Frame frame) {
            byte[] bytes = FrameEncoder.encode(frame);
            if (!reader.isShutdown()) {
                reader.execute(() -> decoder.feed(bytes, 0, bytes.length));
            }
        }

        @Override
        public synchronized void close() {
            if (!reader.isShutdown()) {
                reader.execute(onClose);
                reader.shutdown();
            }
        }
    }

    private record Nobody() implements FrameListener {
        @Override
        public void onFrame(Frame frame) {}

        @Override
        public void onOversized(int streamId, byte type, byte flags, long length) {}
    }

    @Override
    public void close() throws IOException {
        client.close();
        server.close();
        closing.close();
        handlers.close();
    }
}
