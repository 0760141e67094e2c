package dev.caisson.daemon;

import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** At most one daemon serves a state directory: a lock on a file, held for life. */
final class DaemonLock {
    private static final Duration LEAVE_TIME = Duration.ofSeconds(20);
    private static final Duration END_TIME = Duration.ofSeconds(2);
    private static final int COMMAND = 64;

    private DaemonLock() {}

    static @Nullable Fd acquire(Options options) throws IOException, InterruptedException {
        Path file = options.stateDirectory().resolve("caissond.lock");
        Fd lock = HostFiles.tryLock(file.toString());
        if (lock == null && options.takeOver()) {
            Path socket = options.stateDirectory().resolve("caissond.sock");
            // A daemon that hangs never answers.
            Thread.ofVirtual().start(() -> askToLeave(socket));
        }
        // One that was asked to leave, or is just being killed, still holds it for a moment.
        Duration patience = options.takeOver() ? LEAVE_TIME : END_TIME;
        long end = System.nanoTime() + patience.toNanos();
        while (lock == null && System.nanoTime() < end) {
            Thread.sleep(5);
            lock = HostFiles.tryLock(file.toString());
        }
        return lock;
    }

    /**
     * Keeps commands and monitors from starting a daemon of their own between the old daemon's end and the new one's start; see {@code
     * start_daemon} in monitor/src/loop.c. Waits for a start that is under way.
     *
     * @return null when it is still held after {@link #LEAVE_TIME}
     */
    static @Nullable Fd holdStarts(Options options) throws IOException, InterruptedException {
        String file = options.stateDirectory().resolve("start.lock").toString();
        long end = System.nanoTime() + LEAVE_TIME.toNanos();
        Fd lock = HostFiles.tryLock(file);
        while (lock == null && System.nanoTime() < end) {
            Thread.sleep(5);
            lock = HostFiles.tryLock(file);
        }
        return lock;
    }

    /** The frame that the command binary sends for {@code caisson daemon leave}. */
    private static void askToLeave(Path socket) {
        byte[] words = "caisson\0daemon\0leave\0/\0".getBytes(StandardCharsets.UTF_8);
        ByteBuffer frame = ByteBuffer.allocate(16 + 12 + words.length).order(ByteOrder.LITTLE_ENDIAN);
        frame.putInt(12 + words.length)
                .put((byte) COMMAND)
                .put((byte) 0)
                .putShort((short) 0)
                .putInt(0)
                .putInt(0);
        frame.putInt(3).putInt(0).putInt(0).put(words).flip();
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            while (frame.hasRemaining()) {
                var _ = channel.write(frame);
            }
            // The old daemon ends the connection when it has left.
            var _ = channel.read(ByteBuffer.allocate(256));
        } catch (IOException e) {
            System.err.println("caissond: ask the running daemon at " + socket + " to leave: " + e.getMessage());
        }
    }
}
