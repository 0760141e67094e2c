package dev.caisson.tests.monitor;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** Listens where a caissond would. Closing it is its death by kill -9: the socket file stays. */
final class FakeDaemon implements AutoCloseable {
    private final ServerSocketChannel server;
    private final BlockingQueue<Peer> peers = new LinkedBlockingQueue<>();
    private final List<Peer> all = new CopyOnWriteArrayList<>();

    FakeDaemon(Path stateDir) throws IOException {
        Path fresh = stateDir.resolve("caissond.sock.new");
        Files.deleteIfExists(fresh);
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(fresh), 1024);
        Files.move(fresh, stateDir.resolve("caissond.sock"), StandardCopyOption.ATOMIC_MOVE);
        // Commands have a socket of their own; to a client a link to a socket is the socket.
        Path commands = stateDir.resolve("command.sock");
        Files.deleteIfExists(commands);
        Files.createSymbolicLink(commands, Path.of("caissond.sock"));
        Thread.ofPlatform().daemon().start(() -> {
            try {
                while (true) {
                    Peer p = new Peer(server.accept());
                    all.add(p);
                    peers.add(p);
                }
            } catch (IOException e) {
                // closed
            }
        });
    }

    /** The next connection; nothing has been read from it. */
    Peer accept() throws InterruptedException {
        Peer p = peers.poll(20, TimeUnit.SECONDS);
        if (p == null) {
            throw new AssertionError("nobody connected to the daemon");
        }
        return p;
    }

    /** The next connection is a monitor's; it has been read up to the end of its snapshot. */
    Peer acceptMonitor() throws InterruptedException {
        Peer p = accept().read();
        p.await(Frame.HELLO, 1);
        return p;
    }

    boolean hasNobodyWaiting() {
        return peers.isEmpty();
    }

    @Override
    public void close() throws IOException {
        server.close();
        all.forEach(Peer::close);
    }
}
