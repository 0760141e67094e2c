package dev.caisson.shim.task;

import dev.caisson.backend.Container;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.Spec;
import dev.caisson.shim.pod.Pod;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One container of a pod with its processes. */
public final class Task {
    final Pod pod;
    final String id;
    final String bundle;
    final TaskProcess init;
    final Map<String, TaskProcess> execs = new ConcurrentHashMap<>();
    /** Serializes what changes the container; never held by State, Wait, Pids and Stats. */
    final ReentrantLock lock = new ReentrantLock();
    /** Exits of one container are worked off one after the other. */
    final SerialExecutor exits = new SerialExecutor();

    private @Nullable Container container;
    private @Nullable Supplier<@Nullable Container> recovery;
    private volatile String backendName = "namespace";
    private volatile boolean sandbox;
    private volatile boolean restored;
    private volatile boolean unwanted;
    private volatile boolean ownPids = true;
    private volatile @Nullable Spec spec;
    private long oomKillsSeen;
    private boolean settled = true;
    private boolean removed;

    Task(Pod pod, String id, String bundle, TaskProcess init) {
        this.pod = pod;
        this.id = id;
        this.bundle = bundle;
        this.init = init;
    }

    synchronized boolean isRemoved() {
        return removed;
    }

    /** Its record is gone for good. */
    synchronized void markRemoved() {
        removed = true;
    }

    /** The wall it stands behind. */
    String backendName() {
        return backendName;
    }

    void backendName(String name) {
        backendName = name;
    }

    /** Whether init's end takes every other process with it. */
    boolean hasOwnPids() {
        return ownPids;
    }

    /** Whether the monitor may tell of the end of a process by itself: nothing else must be told before. */
    boolean mayPledgeExitOf(TaskProcess p) {
        Container c;
        synchronized (this) {
            c = container;
        }
        return c != null && c.runsWhenLaunched() && endsByItself(p) && !p.exited.isDone();
    }

    /** Whether its end takes nobody along whose end would have to be told first. */
    boolean endsByItself(TaskProcess p) {
        return ownPids || !p.isInit;
    }

    /** Waits until what the monitor may have told by itself is known here, too: who heard it asks for more at once. */
    void catchUp() {
        init.catchUp(this);
        for (TaskProcess p : execs.values()) {
            p.catchUp(this);
        }
    }

    /** Whether somebody has begun to discard it: a daemon that finds it so goes on with that. */
    boolean isUnwanted() {
        return unwanted;
    }

    void markUnwanted() {
        unwanted = true;
    }

    /** Whether it holds the namespaces of a sandbox of the Sandbox service. */
    boolean isSandbox() {
        return sandbox;
    }

    void sandbox(boolean is) {
        sandbox = is;
    }

    /** Whether it goes on from an image, and so runs since it was created. */
    boolean isRestored() {
        return restored;
    }

    void restored(boolean is) {
        restored = is;
    }

    /** What it was made from; null when that could not be read again. */
    @Nullable
    Spec spec() {
        return spec;
    }

    void hasOwnPids(boolean own) {
        ownPids = own;
    }

    void spec(Spec s) {
        spec = s;
        ownPids = s.linux().hasNamespace(NamespaceType.PID);
    }

    public String id() {
        return id;
    }

    /** Host pid of its first process, 0 before there is one. */
    public int initPid() {
        return init.pid();
    }

    public Pod pod() {
        return pod;
    }

    /** The container behind it; one of an earlier daemon's is only looked up when somebody needs it. */
    synchronized @Nullable Container container() {
        if (recovery != null) {
            container = recovery.get();
            recovery = null;
        }
        return container;
    }

    /** Whether its first process was started and has not ended. */
    public boolean isRunning() {
        return init.isAlive();
    }

    /** The container of a running task, for who only watches it; null where an earlier daemon's cannot be found again. */
    public @Nullable Container running() {
        return container();
    }

    synchronized void container(Container c) {
        container = c;
    }

    synchronized void recoverLater(Supplier<@Nullable Container> how) {
        recovery = how;
    }

    /** Whether the kernel's killer has struck since the last look. */
    synchronized boolean takeOom() {
        Container c = container;
        long now = c == null ? 0 : c.oomKills();
        boolean grown = now > oomKillsSeen;
        oomKillsSeen = Math.max(now, oomKillsSeen);
        if (grown) {
            notifyAll();
        }
        return grown;
    }

    /** Waits until {@link #takeOom} has seen more than so many, or init has ended; says how many. */
    synchronized long awaitOom(long seen) throws InterruptedException {
        var _ = init.exited.thenRun(this::wakeOomWaiters);
        while (oomKillsSeen <= seen && !init.exited.isDone()) {
            wait();
        }
        return oomKillsSeen;
    }

    private synchronized void wakeOomWaiters() {
        notifyAll();
    }

    /** Sets the counter without an event: what an earlier daemon has seen. */
    synchronized void oomKillsSeen(long seen) {
        oomKillsSeen = seen;
    }

    /** Whether nothing is left to do of what can wait until a Create is answered. */
    synchronized boolean isSettled() {
        return settled;
    }

    synchronized void settled(boolean is) {
        settled = is;
    }

    synchronized long oomKillsSeen() {
        return oomKillsSeen;
    }

    @Nullable
    TaskProcess process(String execId) {
        return execId.isEmpty() ? init : execs.get(execId);
    }

    @Nullable
    TaskProcess processOfLaunch(int launch) {
        if (init.launchId == launch) {
            return init;
        }
        for (TaskProcess p : execs.values()) {
            if (p.launchId == launch) {
                return p;
            }
        }
        return null;
    }
}
