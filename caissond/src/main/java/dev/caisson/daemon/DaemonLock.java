package dev.caisson.daemon;

import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.shim.link.CommandClient;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** At most one daemon serves a state directory: a lock on a file, held for life. */
final class DaemonLock {
    private static final Duration LEAVE_TIME = Duration.ofSeconds(20);
    private static final Duration END_TIME = Duration.ofSeconds(2);

    private DaemonLock() {}

    static @Nullable Fd acquire(Options options) throws IOException, InterruptedException {
        String file = path(options);
        Fd lock = HostFiles.tryLock(file);
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
            lock = HostFiles.tryLock(file);
        }
        return lock;
    }

    /** Sleeps until no other daemon holds it. */
    static void await(Options options) throws IOException {
        var _ = HostFiles.lock(path(options)); // for life
    }

    private static String path(Options options) {
        return options.stateDirectory().resolve("caissond.lock").toString();
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

    /** As {@code caisson daemon leave}. */
    private static void askToLeave(Path socket) {
        try (CommandClient command = new CommandClient(socket)) {
            command.call(List.of("caisson", "daemon", "leave"), Path.of("/"));
            var _ = command.awaitEnd();
        } catch (IOException e) {
            System.err.println("caissond: ask the running daemon at " + socket + " to leave: " + e.getMessage());
        }
    }
}
