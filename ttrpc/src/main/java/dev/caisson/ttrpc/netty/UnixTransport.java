package dev.caisson.ttrpc.netty;

import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.TtrpcServer;
import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.AdaptiveRecvByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandler;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollDomainSocketChannel;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.netty.channel.unix.DomainSocketAddress;
import io.netty.channel.unix.PeerCredentials;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * Servers and clients on unix stream sockets, all on one epoll thread. The thread is a daemon. Buffers are unpooled: a
 * shim's traffic is small and rare, and an arena would outweigh it.
 */
public final class UnixTransport implements AutoCloseable {
    private static final int READ_BUFFER = 64 << 10;
    private static final UnpooledByteBufAllocator ALLOCATOR = new UnpooledByteBufAllocator(true);

    private final EventLoopGroup loop;

    /**
     * Starts the event loop.
     *
     * @throws UnsatisfiedLinkError if Netty's native epoll library cannot be loaded
     */
    public UnixTransport() {
        this.loop = newLoop("ttrpc-loop");
    }

    /** An epoll loop with one daemon thread of that name, for channels that must not wait for others. */
    public static EventLoopGroup newLoop(String name) {
        return new MultiThreadIoEventLoopGroup(
                1,
                task -> {
                    Thread thread = new Thread(task, name);
                    thread.setDaemon(true);
                    return thread;
                },
                EpollIoHandler.newFactory());
    }

    /** The event loop, for other channels of the same process. */
    public EventLoopGroup loop() {
        return loop;
    }

    /** Waits until the loop has done what it had been given before. Not on the loop itself. */
    public void settle() throws InterruptedException {
        loop.submit(() -> {}).await();
    }

    /** {@link #listen(Path, TtrpcServer, Predicate)} for every peer that the socket file's mode lets in. */
    public NettyTtrpcServer listen(Path socket, TtrpcServer server) throws IOException {
        return listen(socket, server, peer -> true);
    }

    /**
     * Listens on a new socket file. Its mode follows the process's umask, so the directory should keep others out.
     * Handlers get the peer as {@link UnixPeer}.
     *
     * @param accepts asked for each connection, on the event loop; refused ones are closed at once
     * @throws IOException if the path is longer than 107 bytes, exists, or cannot be bound
     */
    public NettyTtrpcServer listen(Path socket, TtrpcServer server, Predicate<UnixPeer> accepts) throws IOException {
        // Netty's bind unlinks what is there, which would take a living server's socket away.
        if (Files.exists(socket, LinkOption.NOFOLLOW_LINKS)) {
            throw new FileAlreadyExistsException("listen on " + socket + ": EEXIST");
        }
        ServerBootstrap bootstrap = new ServerBootstrap()
                .group(loop)
                .channel(EpollServerDomainSocketChannel.class)
                .option(ChannelOption.ALLOCATOR, ALLOCATOR)
                .childOption(ChannelOption.ALLOCATOR, ALLOCATOR)
                .childOption(ChannelOption.RECVBUF_ALLOCATOR, new AdaptiveRecvByteBufAllocator(64, 2048, READ_BUFFER))
                .childHandler(initializer(channel -> serve(channel, server, accepts)));
        Channel listener = await(bootstrap.bind(address(socket)), "listen on", socket);
        return new NettyTtrpcServer(listener, socket);
    }

    private static void serve(EpollDomainSocketChannel channel, TtrpcServer server, Predicate<UnixPeer> accepts)
            throws IOException {
        PeerCredentials credentials = channel.peerCredentials();
        int[] gids = credentials.gids();
        UnixPeer peer = new UnixPeer(credentials.pid(), credentials.uid(), gids.length == 0 ? -1 : gids[0]);
        if (!accepts.test(peer)) {
            var _ = channel.close();
            return;
        }
        ChannelSink sink = new ChannelSink(channel);
        var connection = server.connect(sink, peer);
        channel.pipeline().addLast(sink, new FrameDecodingHandler(connection, connection::close));
    }

    /**
     * Connects to a socket file.
     *
     * @throws IOException if nobody listens there within the time-out
     */
    public TtrpcClient connect(Path socket, Duration timeout) throws IOException {
        TtrpcClient[] client = new TtrpcClient[1];
        Bootstrap bootstrap = new Bootstrap()
                .group(loop)
                .channel(EpollDomainSocketChannel.class)
                .option(ChannelOption.ALLOCATOR, ALLOCATOR)
                .option(ChannelOption.RECVBUF_ALLOCATOR, new AdaptiveRecvByteBufAllocator(64, 2048, READ_BUFFER))
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) Math.min(Integer.MAX_VALUE, timeout.toMillis()))
                .handler(initializer(channel -> {
                    ChannelSink sink = new ChannelSink(channel);
                    TtrpcClient created = new TtrpcClient(sink);
                    client[0] = created;
                    channel.pipeline()
                            .addLast(
                                    sink,
                                    new FrameDecodingHandler(
                                            created,
                                            () -> created.onDisconnected("connection to " + socket + " was lost")));
                }));
        var _ = await(bootstrap.connect(address(socket)), "connect to", socket);
        return client[0];
    }

    private interface Setup {
        void apply(EpollDomainSocketChannel channel) throws IOException;
    }

    private static ChannelHandler initializer(Setup setup) {
        return new ChannelInitializer<EpollDomainSocketChannel>() {
            @Override
            protected void initChannel(EpollDomainSocketChannel channel) throws IOException {
                setup.apply(channel);
            }
        };
    }

    private static DomainSocketAddress address(Path socket) {
        return new DomainSocketAddress(socket.toString());
    }

    private static Channel await(ChannelFuture future, String verb, Path socket) throws IOException {
        try {
            future.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            var _ = future.channel().close();
            throw new IOException(verb + " " + socket + ": interrupted", e);
        }
        Throwable failure = future.cause();
        if (failure != null) {
            throw new IOException(verb + " " + socket + ": " + failure.getMessage(), failure);
        }
        return future.channel();
    }

    /** Closes every connection and ends the event loop; waits a second for it. */
    @Override
    public void close() {
        loop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(2, TimeUnit.SECONDS);
    }
}
