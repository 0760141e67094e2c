package dev.caisson.shim.pod;

import dev.caisson.shim.events.EventQueue;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.ttrpc.ServerConnection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** A pod: its monitor, if attached, and its containers. */
public final class Pod {
    private final PodInfo info;
    private final EventQueue events;
    private final PodContent content;
    final Map<Integer, ServerConnection> connections = new ConcurrentHashMap<>();
    private volatile @Nullable MonitorLink link;
    private volatile boolean sandboxLive;
    /** Pid of the monitor that the pod's record names, 0 for none. */
    volatile int recordedMonitor;
    /** Set when the monitor was told to quit. */
    volatile boolean ended;

    Pod(PodInfo info, EventQueue events, PodContent content) {
        this.info = info;
        this.events = events;
        this.content = content;
    }

    /** What is to be done once a request has been answered. */
    private final Map<Long, Runnable> afterAnswers = new ConcurrentHashMap<>();

    private final Set<Long> redelivered = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean useWatched = new AtomicBoolean();

    private static long request(int connection, int stream) {
        return (long) connection << 32 | (stream & 0xffffffffL);
    }

    /** Runs {@code then} once the request has been answered; on the thread that answers, so it must not block. */
    public void afterAnswer(int connection, int stream, Runnable then) {
        afterAnswers.put(request(connection, stream), then);
    }

    void answered(int connection, int stream) {
        long request = request(connection, stream);
        redelivered.remove(request);
        Runnable then = afterAnswers.remove(request);
        events.send();
        if (then != null) {
            then.run();
        }
    }

    /** Nobody will read an answer any more: what was to follow it follows now. */
    void connectionClosed(int connection) {
        for (Long request : List.copyOf(afterAnswers.keySet())) {
            Runnable then = request >> 32 == connection ? afterAnswers.remove(request) : null;
            if (then != null) {
                then.run();
            }
        }
        redelivered.removeIf(request -> request >> 32 == connection);
        events.send();
    }

    void redelivered(int connection, int stream) {
        redelivered.add(request(connection, stream));
    }

    /** Whether an earlier daemon got the request too, and may have done what it asks. */
    boolean isRedelivered(int connection, int stream) {
        return redelivered.contains(request(connection, stream));
    }

    public PodInfo info() {
        return info;
    }

    public EventQueue events() {
        return events;
    }

    public PodContent content() {
        return content;
    }

    public @Nullable MonitorLink link() {
        return link;
    }

    void link(@Nullable MonitorLink l) {
        link = l;
    }

    /** Whether a sandbox made by the Sandbox service keeps the pod alive. */
    public boolean isSandboxLive() {
        return sandboxLive;
    }

    public void sandboxLive(boolean live) {
        sandboxLive = live;
    }

    /** Whether its monitor was told to quit. */
    public boolean isEnded() {
        return ended;
    }

    /** Whether nobody uses it: no container, no sandbox, no connection. */
    boolean isAbandoned() {
        return content.isEmpty() && !sandboxLive && connections.isEmpty();
    }

    /** Whether this is the first call: one look after a while is enough. */
    boolean watchUse() {
        return useWatched.compareAndSet(false, true);
    }

    /** Directory of its records, relative to the store. */
    public String directory() {
        return "pods/" + info.key();
    }
}
