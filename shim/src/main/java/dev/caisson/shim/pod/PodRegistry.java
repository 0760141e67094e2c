package dev.caisson.shim.pod;

import dev.caisson.backend.state.RecordStore;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Mounts;
import dev.caisson.linux.Processes;
import dev.caisson.shim.events.EventQueue;
import dev.caisson.shim.link.CommandCall;
import dev.caisson.shim.link.LinkListener;
import dev.caisson.shim.link.MonitorLink;
import dev.caisson.ttrpc.ServerConnection;
import dev.caisson.ttrpc.TtrpcServer;
import dev.caisson.ttrpc.wire.Frame;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** All pods of this daemon. Turns what comes over the links into calls of the Task server and of the {@link PodOwner}. */
public final class PodRegistry implements LinkListener {
    private static final Duration LEFT_FOR = Duration.ofSeconds(5);
    private static final Duration NEVER_USED_FOR = Duration.ofSeconds(15);

    private final RecordStore store;
    private final ExecutorService executor;
    private final Map<String, Pod> pods = new ConcurrentHashMap<>();
    private final Map<String, EventQueue> queues = new ConcurrentHashMap<>();
    private @Nullable PodOwner owner;
    private @Nullable Supplier<TtrpcServer> server;
    private final AtomicInteger commands = new AtomicInteger();
    private volatile long lastAsked = System.nanoTime();
    private volatile boolean leaving;
    private volatile boolean loaded;
    private final Object loading = new Object();
    private final CountDownLatch first = new CountDownLatch(1);

    public PodRegistry(RecordStore store, ExecutorService executor) {
        this.store = store;
        this.executor = executor;
    }

    /**
     * Completes the wiring; before the links are listened to.
     *
     * @param ttrpcServer asked with the first connection of a client; may wait until there is one
     */
    public void serve(PodOwner podOwner, Supplier<TtrpcServer> ttrpcServer) {
        owner = podOwner;
        server = ttrpcServer;
    }

    /** All pods, those of an earlier daemon included. May read their records, so not for an event loop. */
    public Collection<Pod> pods() throws IOException {
        loadAll();
        return pods.values();
    }

    public @Nullable Pod find(String key) {
        return pods.get(key);
    }

    /** The pod of that key, made if there is none. */
    public Pod open(PodInfo info) throws IOException {
        Pod pod = loaded || pods.containsKey(info.key()) ? null : load(info.key());
        return pod != null ? pod : pods.computeIfAbsent(info.key(), k -> newPod(info));
    }

    /** Blocks until this daemon has had a pod. */
    public void awaitFirst() throws InterruptedException {
        first.await();
    }

    private Pod newPod(PodInfo info) {
        first.countDown();
        return new Pod(
                info,
                queue(info.ttrpcAddress()),
                java.util.Objects.requireNonNull(owner).newContent());
    }

    private EventQueue queue(String address) {
        return queues.computeIfAbsent(address, a -> new EventQueue(a));
    }

    /**
     * Stores what is fixed about a pod, before there is a monitor: one whose pod no daemon knows is told to quit. Which monitor it is
     * is added when it attaches.
     */
    public void store(Pod pod) throws IOException {
        store.makeDirectory(pod.directory());
        write(pod, 0, 0);
        endIfNeverUsed(pod);
    }

    private void write(Pod pod, int monitorPid, long monitorStart) throws IOException {
        // Two containers of one pod may be started at the same moment.
        synchronized (pod) {
            store.write(pod.directory() + "/pod", pod.info().toRecord(monitorPid, monitorStart));
        }
        pod.recordedMonitor = monitorPid;
    }

    private void storeMonitor(Pod pod, int monitorPid) {
        try {
            write(pod, monitorPid, Processes.startTime(monitorPid).orElse(0));
        } catch (IOException e) {
            if (!pod.ended) {
                log().log(
                                System.Logger.Level.WARNING,
                                "record monitor " + monitorPid + " of pod "
                                        + pod.info().group() + ": " + e.getMessage());
            }
        }
        if (pod.ended) {
            forget(pod); // the record came after the others were removed
        }
    }

    /**
     * Ends a pod that has nothing left: its socket goes first, so that the next pod of the same name binds its own; then the
     * records, then the monitor.
     */
    public void end(Pod pod) {
        if (!pods.remove(pod.info().key(), pod)) {
            return;
        }
        pod.ended = true;
        forget(pod);
        MonitorLink link = pod.link();
        if (link != null) {
            link.quit();
        }
    }

    private void forget(Pod pod) {
        try {
            Files.deleteIfExists(Path.of(pod.info().socket()));
            Path sandbox = store.root().resolve(pod.directory()).resolve("sandbox");
            if (Files.isDirectory(sandbox)) {
                Mounts.unmountRecursively(sandbox.toString()); // the members' shared memory
            }
            store.deleteTree(pod.directory());
        } catch (IOException e) {
            log().log(
                            System.Logger.Level.WARNING,
                            "remove records of pod " + pod.info().group() + ": " + e.getMessage());
        }
    }

    /**
     * Another daemon takes over: links that go down mean nothing any more, and requests that come in now are left unanswered, for their
     * monitors to give to that other daemon.
     */
    public void leave() {
        leaving = true;
    }

    /** For how long no command has been served, and containerd has asked nothing. */
    public Duration idleTime() {
        return commands.get() > 0 ? Duration.ZERO : Duration.ofNanos(System.nanoTime() - lastAsked);
    }

    /**
     * Waits until no command but the caller's own is being served.
     *
     * @param own how many those are
     * @return whether that came in time
     */
    public boolean drainCommands(int own, Duration timeout) throws InterruptedException {
        long end = System.nanoTime() + timeout.toNanos();
        while (commands.get() > own) {
            if (System.nanoTime() > end) {
                return false;
            }
            Thread.sleep(2);
        }
        return true;
    }

    public boolean drainEvents(Duration timeout) throws InterruptedException {
        boolean all = true;
        for (EventQueue q : queues.values()) {
            all &= q.drain(timeout);
        }
        return all;
    }

    /**
     * Reads the records of all pods. Those whose monitor lives attach by themselves, and are read then: so a new daemon answers the first
     * request before it has read of a hundred pods. Of the others the leftovers are ended.
     */
    public void loadAll() throws IOException {
        if (loaded) {
            return;
        }
        synchronized (loading) {
            Path dir = store.root().resolve("pods");
            if (!loaded && Files.isDirectory(dir)) {
                try (DirectoryStream<Path> all = Files.newDirectoryStream(dir)) {
                    for (Path p : all) {
                        load(p.getFileName().toString());
                    }
                }
            }
            loaded = true;
        }
    }

    /** The pod of a record that is not read yet; null when there is none. */
    private @Nullable Pod load(String key) throws IOException {
        Pod known = pods.get(key);
        if (known != null) {
            return known;
        }
        Map<String, String> record = store.read("pods/" + key + "/pod");
        if (record == null) {
            store.deleteTree("pods/" + key); // a start that never got as far as a monitor
            return null;
        }
        Pod pod = loadPod(key, record);
        if (pod.recordedMonitor != 0 && pod.link() == null && !monitorLives(record)) {
            PodOwner o = java.util.Objects.requireNonNull(owner);
            executor.execute(() -> o.monitorDied(pod, null));
        } else if (pod.recordedMonitor == 0) {
            endIfNeverUsed(pod); // its daemon was killed before there was a monitor, and maybe its start with it
        }
        return pod;
    }

    private Pod loadPod(String key, Map<String, String> record) {
        return pods.computeIfAbsent(key, k -> {
            PodInfo info = PodInfo.of(k, record);
            Pod pod = newPod(info);
            pod.recordedMonitor = Integer.parseInt(record.getOrDefault("monitorPid", "0"));
            java.util.Objects.requireNonNull(owner).load(pod);
            return pod;
        });
    }

    private static boolean monitorLives(Map<String, String> record) {
        int pid = Integer.parseInt(record.getOrDefault("monitorPid", "0"));
        long start = Long.parseLong(record.getOrDefault("monitorStart", "0"));
        try {
            return pid > 0 && Processes.startTime(pid).orElse(-1) == start;
        } catch (ErrnoException e) {
            return false;
        }
    }

    private void endIfNeverUsed(Pod pod) {
        if (pod.watchUse()) {
            endIfAbandoned(pod, NEVER_USED_FOR);
        }
    }

    /**
     * A containerd that was killed between starting a monitor and using it leaves a monitor that nobody will ever ask for anything, and one
     * that was killed before leaves a record: without a container, a sandbox or a connection after a while, a pod is ended.
     */
    private void endIfAbandoned(Pod pod, Duration patience) {
        executor.execute(() -> {
            try {
                Thread.sleep(patience);
                if (pod.isAbandoned() && !leaving) {
                    end(pod);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    // ---- links; on the event loop ----

    @Override
    public void onMonitor(MonitorLink link) {
        try {
            Pod pod = pods.get(link.pod());
            if (pod == null) {
                Map<String, String> record = store.read("pods/" + link.pod() + "/pod");
                if (record == null) {
                    // Its pod was ended by an earlier daemon that did not get to say so.
                    link.quit();
                    return;
                }
                pod = loadPod(link.pod(), record);
            }
            pod.link(link);
        } catch (IOException e) {
            log().log(System.Logger.Level.ERROR, "read record of pod " + link.pod() + ": " + e.getMessage());
        }
    }

    private @Nullable Pod podOf(MonitorLink link) {
        Pod pod = pods.get(link.pod());
        return pod != null && pod.link() == link ? pod : null;
    }

    @Override
    public void onAttached(MonitorLink link) {
        Pod pod = podOf(link);
        if (pod != null) {
            java.util.Objects.requireNonNull(owner).attached(pod, link);
            if (pod.recordedMonitor != link.monitorPid()) {
                executor.execute(() -> storeMonitor(pod, link.monitorPid()));
            }
            endIfNeverUsed(pod);
        }
    }

    @Override
    public void onLost(MonitorLink link) {
        Pod pod = pods.get(link.pod());
        if (pod == null || pod.link() != link || leaving) {
            return;
        }
        for (ServerConnection c : pod.connections.values()) {
            c.close();
        }
        pod.connections.clear();
        pod.link(null);
        if (!pod.ended) {
            executor.execute(() -> java.util.Objects.requireNonNull(owner).monitorDied(pod, link));
        }
    }

    @Override
    public void onConnectionOpen(MonitorLink link, int connection) {
        Pod pod = podOf(link);
        if (pod != null) {
            pod.connections.computeIfAbsent(
                    connection,
                    c -> java.util.Objects.requireNonNull(server)
                            .get()
                            .connect(
                                    new MonitorSink(link, c, stream -> pod.answered(c, stream)),
                                    new PodConnection(pod, link, c)));
        }
    }

    @Override
    public void onConnectionClose(MonitorLink link, int connection) {
        Pod pod = podOf(link);
        ServerConnection c = pod == null ? null : pod.connections.remove(connection);
        if (pod != null && c != null) {
            c.close();
            pod.connectionClosed(connection);
            endIfAbandoned(pod, LEFT_FOR);
        }
    }

    @Override
    public void onRequest(MonitorLink link, int connection, byte[] ttrpcFrame, long ageMillis, boolean redelivered) {
        lastAsked = System.nanoTime();
        Pod pod = podOf(link);
        ServerConnection c = pod == null ? null : pod.connections.get(connection);
        if (pod != null && c != null && !leaving) {
            Frame frame = MonitorSink.decode(ttrpcFrame);
            if (redelivered) {
                pod.redelivered(connection, frame.streamId());
            }
            c.onFrame(frame, Duration.ofMillis(ageMillis));
        }
    }

    @Override
    public void onExit(MonitorLink link, int launch) {
        Pod pod = podOf(link);
        if (pod != null) {
            java.util.Objects.requireNonNull(owner).exited(pod, link, launch);
        }
    }

    @Override
    public void onCommand(CommandCall call) {
        if (leaving) {
            return; // asks the next daemon when this one is gone
        }
        lastAsked = System.nanoTime();
        commands.incrementAndGet();
        if (call.isOnCommandLoop() && java.util.Objects.requireNonNull(owner).isQuick(call)) {
            run(call);
        } else {
            executor.execute(() -> run(call));
        }
    }

    private void run(CommandCall call) {
        try {
            java.util.Objects.requireNonNull(owner).command(call);
        } finally {
            lastAsked = System.nanoTime();
            commands.decrementAndGet();
        }
    }

    /** Not a constant: to load the logging takes ten milliseconds of a daemon's start, and nothing may ever be logged. */
    private static System.Logger log() {
        return System.getLogger(PodRegistry.class.getName());
    }
}
