package dev.caisson.shim.pod;

import dev.caisson.shim.events.EventQueue;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.shim.task.Task;
import dev.caisson.ttrpc.ServerConnection;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A pod: its monitor, if attached, and its containers. */
public final class Pod {
    private final PodInfo info;
    private final EventQueue events;
    private final Map<String, Task> tasks = new ConcurrentHashMap<>();
    final Map<Integer, ServerConnection> connections = new ConcurrentHashMap<>();
    private volatile @Nullable MonitorLink link;
    private volatile boolean sandboxLive;
    /** Set when the monitor was told to quit. */
    volatile boolean ended;

    Pod(PodInfo info, EventQueue events) {
        this.info = info;
        this.events = events;
    }

    /** A request whose answer is the pod's last one. */
    private record LastRequest(int connection, int stream, Runnable then) {}

    private volatile @Nullable LastRequest last;

    /** Runs {@code then} once the request has been answered. */
    public void afterAnswer(int connection, int stream, Runnable then) {
        last = new LastRequest(connection, stream, then);
    }

    void answered(int connection, int stream) {
        LastRequest l = last;
        if (l != null && l.connection == connection && l.stream == stream) {
            last = null;
            l.then.run();
        }
    }

    public PodInfo info() {
        return info;
    }

    public EventQueue events() {
        return events;
    }

    public Map<String, Task> tasks() {
        return tasks;
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

    /** Directory of its records, relative to the store. */
    public String directory() {
        return "pods/" + info.key();
    }
}
