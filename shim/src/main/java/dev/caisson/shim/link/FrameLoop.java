package dev.caisson.shim.link;

import dev.caisson.linux.Epoll;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.EventFd;
import dev.caisson.linux.Fd;
import dev.caisson.linux.ReceiveBuffer;
import dev.caisson.linux.UnixSockets;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * One thread that serves connections which carry {@link WireFrame}s. Not on Netty: a connection there takes 0.4 ms to set up and a frame
 * 0.05 ms to pass its pipeline, on caches that another process has just used, and a command that starts a container waits for both.
 */
public final class FrameLoop implements AutoCloseable {
    private static final int RECEIVE_BYTES = 64 << 10;
    private static final int BACKLOG = 4096;
    private static final long WAKE_UP = 0;
    private static final long ACCEPT_AGAIN_MILLIS = 100;

    /** What a token of the epoll set stands for. */
    private interface Source {
        void ready(ReceiveBuffer buffer);
    }

    private final Epoll epoll;
    private final EventFd wakeUp;
    private final Map<Long, Source> sources = new ConcurrentHashMap<>();
    private final Map<Long, FrameConnection> connections = new ConcurrentHashMap<>();
    private final AtomicLong lastToken = new AtomicLong(WAKE_UP);
    private final Queue<Runnable> tasks = new ConcurrentLinkedQueue<>();
    private final Thread thread;
    private volatile boolean closing;

    /** @param name of the thread */
    public FrameLoop(String name) throws IOException {
        epoll = Epoll.open(name);
        wakeUp = EventFd.open(name);
        epoll.add(wakeUp.fd(), Epoll.EPOLLIN, WAKE_UP);
        thread = Thread.ofPlatform().daemon().name(name).start(this::run);
    }

    /** Where a loop listens. */
    interface Listening extends AutoCloseable {
        /** Accepts nobody any more; connections that are up stay up. */
        @Override
        void close();
    }

    /**
     * Accepts connections at a path where nothing is yet.
     *
     * @param accepted gives each connection its receiver, on the loop
     */
    Listening listen(Path path, Function<FrameConnection, FrameConnection.Receiver> accepted) throws IOException {
        Fd listener = UnixSockets.listen(path.toString(), BACKLOG);
        long token = lastToken.incrementAndGet();
        sources.put(token, buffer -> accept(listener, buffer, accepted));
        epoll.add(listener, Epoll.EPOLLIN, token);
        return () -> onLoop(() -> {
            sources.remove(token);
            listener.close();
        });
    }

    private void accept(
            Fd listener, ReceiveBuffer buffer, Function<FrameConnection, FrameConnection.Receiver> accepted) {
        try {
            for (Fd socket = UnixSockets.accept(listener); socket != null; socket = UnixSockets.accept(listener)) {
                FrameConnection c = new FrameConnection(this, lastToken.incrementAndGet(), socket);
                connections.put(c.token(), c);
                sources.put(c.token(), b -> guarded(c, () -> c.ready(b)));
                guarded(c, () -> {
                    c.receiver(accepted.apply(c));
                    // Whoever connects has something to say and has mostly said it by now.
                    c.ready(buffer);
                    c.watch();
                });
            }
        } catch (ErrnoException e) {
            log().log(System.Logger.Level.WARNING, thread.getName() + ": " + e.getMessage());
            pause(); // without descriptors or memory: who waits is still there a moment later
        }
    }

    private static void pause() {
        try {
            Thread.sleep(ACCEPT_AGAIN_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private interface Step {
        void run() throws IOException;
    }

    private static void guarded(FrameConnection c, Step step) {
        try {
            step.run();
        } catch (IOException | RuntimeException | OutOfMemoryError e) {
            // What one peer says must not end the others' service.
            log().log(System.Logger.Level.WARNING, "connection of a monitor or command is broken: " + e, e);
            c.close();
        }
    }

    void watch(Fd socket, boolean toSend, long token) throws ErrnoException {
        epoll.add(socket, toSend ? Epoll.EPOLLIN | Epoll.EPOLLOUT : Epoll.EPOLLIN, token);
    }

    void watchAgain(Fd socket, boolean toSend, long token) throws ErrnoException {
        epoll.modify(socket, toSend ? Epoll.EPOLLIN | Epoll.EPOLLOUT : Epoll.EPOLLIN, token);
    }

    void forget(FrameConnection c) {
        sources.remove(c.token());
        connections.remove(c.token());
    }

    private void run() {
        try (ReceiveBuffer buffer = new ReceiveBuffer(RECEIVE_BYTES)) {
            while (!closing) {
                for (long token : epoll.await(-1)) {
                    if (token == WAKE_UP) {
                        wakeUp.take();
                        runTasks();
                        continue;
                    }
                    Source source = sources.get(token);
                    if (source != null) {
                        source.ready(buffer);
                    }
                }
            }
        } catch (IOException e) {
            // A daemon that cannot wait for anybody is of no use, and the next one may be.
            log().log(System.Logger.Level.ERROR, thread.getName() + " has failed: " + e.getMessage(), e);
            Runtime.getRuntime().halt(1);
        }
    }

    private void runTasks() {
        for (Runnable task = tasks.poll(); task != null; task = tasks.poll()) {
            task.run();
        }
    }

    /** Runs something on the loop and waits for it. */
    private void onLoop(Runnable task) {
        if (Thread.currentThread().equals(thread)) {
            task.run();
            return;
        }
        CompletableFuture<@Nullable Void> done = new CompletableFuture<>();
        tasks.add(() -> {
            task.run();
            done.complete(null);
        });
        try {
            wakeUp.signal();
        } catch (ErrnoException e) {
            throw new IllegalStateException("wake up " + thread.getName(), e);
        }
        done.join();
    }

    /**
     * Waits until all that was sent has left this process.
     *
     * @return whether it has, in time
     */
    public boolean settle(Duration timeout) throws InterruptedException {
        long end = System.nanoTime() + timeout.toNanos();
        while (!connections.values().stream().allMatch(FrameConnection::isSent)) {
            if (System.nanoTime() > end) {
                return false;
            }
            Thread.sleep(2);
        }
        return true;
    }

    /** Ends all connections and the thread. Not on the loop. */
    @Override
    public void close() {
        onLoop(() -> {
            closing = true;
            connections.values().forEach(FrameConnection::close);
        });
        try {
            thread.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        wakeUp.close();
        epoll.close();
    }

    /** Not a constant: to load the logging takes ten milliseconds of a daemon's start, and nothing may ever be logged. */
    private static System.Logger log() {
        return System.getLogger(FrameLoop.class.getName());
    }
}
