package dev.caisson.ttrpc;

import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;

/**
 * A server without a transport: whoever owns connections creates a {@link ServerConnection} for each and feeds it.
 * Thread-safe.
 */
public final class TtrpcServer implements AutoCloseable {
    private final ServiceRegistry registry;
    private final Executor executor;
    private final ServerOptions options;
    private final Set<ServerConnection> connections = ConcurrentHashMap.newKeySet();
    private final Object lock = new Object();
    private int running;
    /** Those of the running that have returned and answer later. */
    private int parked;

    private boolean draining;

    /** A server with {@link ServerOptions#DEFAULT}. */
    public TtrpcServer(ServiceRegistry registry, Executor executor) {
        this(registry, executor, ServerOptions.DEFAULT);
    }

    /**
     * A server.
     *
     * @param executor runs handlers; it must not run them on the calling thread, and should give each its own
     *     (virtual) thread, because handlers may wait for each other
     */
    public TtrpcServer(ServiceRegistry registry, Executor executor, ServerOptions options) {
        this.registry = registry;
        this.executor = executor;
        this.options = options;
    }

    /** A new connection that answers through the sink. The owner must close it when its transport ends. */
    public ServerConnection connect(FrameSink sink, ConnectionInfo attachment) {
        ServerConnection connection = new ServerConnection(this, sink, attachment);
        connections.add(connection);
        return connection;
    }

    /** Handlers that have not returned, or whose stage is not complete. */
    public int runningHandlers() {
        synchronized (lock) {
            return running;
        }
    }

    /** Connections that are not closed. */
    public int connections() {
        return connections.size();
    }

    /**
     * Refuses new requests with {@link Code#UNAVAILABLE} on all connections and waits for the handlers in flight.
     * Cannot be undone.
     *
     * @return whether all ended in time; if not, they go on until {@link #close}
     */
    public boolean drain(Duration timeout) throws InterruptedException {
        return drain(timeout, true);
    }

    /**
     * As {@link #drain}, but does not wait for calls whose {@link AsyncUnaryHandler} has returned and whose answer is to come later: a
     * relay that keeps unanswered requests gives those to the next server.
     *
     * @return whether no handler held a thread in time
     */
    public boolean drainThreads(Duration timeout) throws InterruptedException {
        return drain(timeout, false);
    }

    private boolean drain(Duration timeout, boolean alsoParked) throws InterruptedException {
        long end = System.nanoTime() + timeout.toNanos();
        synchronized (lock) {
            draining = true;
            while (running > (alsoParked ? 0 : parked)) {
                long millis = (end - System.nanoTime() + 999_999) / 1_000_000;
                if (millis <= 0) {
                    return false;
                }
                lock.wait(millis);
            }
            return true;
        }
    }

    /** Refuses new requests, closes every connection and its sink; handlers still running see themselves cancelled. */
    @Override
    public void close() {
        synchronized (lock) {
            draining = true;
        }
        for (ServerConnection connection : connections) {
            connection.close();
            connection.sink().close();
        }
    }

    ServiceRegistry registry() {
        return registry;
    }

    Executor executor() {
        return executor;
    }

    ServerOptions options() {
        return options;
    }

    void forget(ServerConnection connection) {
        connections.remove(connection);
    }

    /** Counts a handler in, unless the server drains. */
    boolean handlerStarts() {
        synchronized (lock) {
            if (draining) {
                return false;
            }
            running++;
            return true;
        }
    }

    void handlerParked() {
        synchronized (lock) {
            parked++;
            if (running == parked) {
                lock.notifyAll();
            }
        }
    }

    void handlerEnded(boolean wasParked) {
        synchronized (lock) {
            running--;
            if (wasParked) {
                parked--;
            }
            if (running == parked) {
                lock.notifyAll();
            }
        }
    }
}
