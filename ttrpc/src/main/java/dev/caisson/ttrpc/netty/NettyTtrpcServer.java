package dev.caisson.ttrpc.netty;

import io.netty.channel.Channel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A listening socket whose connections a {@link dev.caisson.ttrpc.TtrpcServer} serves. */
public final class NettyTtrpcServer implements AutoCloseable {
    private final Channel listener;
    private final Path socket;

    NettyTtrpcServer(Channel listener, Path socket) {
        this.listener = listener;
        this.socket = socket;
    }

    /** Where it listens. */
    public Path socket() {
        return socket;
    }

    /**
     * Stops listening and removes the socket file. Connections stay; drain and close the
     * {@link dev.caisson.ttrpc.TtrpcServer} for those.
     */
    @Override
    public void close() throws IOException {
        listener.close().awaitUninterruptibly();
        Files.deleteIfExists(socket);
    }
}
