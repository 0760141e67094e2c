package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.guest.CacheMode;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.kvm.virtio.Chain;
import dev.caisson.kvm.virtio.DeviceEvents;
import dev.caisson.kvm.virtio.QueueNotifications;
import dev.caisson.kvm.virtio.VirtQueue;
import dev.caisson.kvm.virtio.VirtioDevice;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * A file system of the host's files (virtio 1.2, 5.11): its root has an entry for each file or directory that is shared, while it is. Requests are
 * taken and answered by threads of the device's own: a host's file system may take its time.
 */
public final class FsDevice implements VirtioDevice, AutoCloseable {
    private static final int TYPE = 26;
    private static final int TAG_SIZE = 36;
    private static final int CONFIG_SIZE = TAG_SIZE + 4;
    private static final int QUEUES = 2;
    private static final int THREADS = 4;

    private final byte[] tag;
    private final SharedFiles files;
    private final LockRequests locks;
    private final FuseServer server;
    private final Workers workers;
    /** Requests that the driver waits for, and how many threads are at its memory. Guarded by itself. */
    private final Set<Chain> pending = Collections.newSetFromMap(new IdentityHashMap<>());

    private final LongAdder requests = new LongAdder();
    private int busy;
    /** Used with the transport's lock held. */
    private DeviceEvents.@Nullable Watch changes;

    /** What the guest had on another machine. */
    private volatile @Nullable SavedFiles saved;

    private @Nullable List<VirtQueue> active;
    private @Nullable DeviceEvents events;

    /** @param tag by which the guest mounts it: 1 to 36 bytes of ASCII */
    public FsDevice(String tag) throws ErrnoException {
        this(tag, new SharedFiles());
    }

    FsDevice(String tag, SharedFiles files) throws ErrnoException {
        byte[] name = tag.getBytes(StandardCharsets.US_ASCII);
        if (name.length == 0 || name.length > TAG_SIZE) {
            throw new IllegalArgumentException("a tag of " + name.length + " bytes");
        }
        this.tag = name;
        this.files = files;
        locks = new LockRequests(files, this::complete);
        server = new FuseServer(files, locks, this::complete, this::hear);
        workers = Workers.create("fs", THREADS);
    }

    // ---- what is shared ----

    /**
     * Shows the guest a file or directory, of which it keeps nothing. Any thread.
     *
     * @param name what the entry is called in the file system's root
     * @param root an O_PATH descriptor, consumed
     * @throws ErrnoException there is one of that name (EEXIST), or there are too many (ENOSPC); or the guest, which was restored, cannot go on with it
     */
    public void share(String name, Fd root, boolean readOnly) throws ErrnoException {
        share(name, root, readOnly, CacheMode.NEVER);
    }

    /**
     * As {@link #share(String, Fd, boolean)}.
     *
     * @param cache how long the guest may go by what it was told of it
     */
    public void share(String name, Fd root, boolean readOnly, CacheMode cache) throws ErrnoException {
        Share share = files.add(name, root, readOnly, cache);
        SavedFiles before = saved;
        if (before != null) {
            try {
                before.revive(share);
            } catch (ErrnoException e) {
                unshare(name);
                throw e;
            }
        }
    }

    /** Takes it away: whatever the guest has of it, it can do nothing with it any more. Idempotent. Any thread. */
    public void unshare(String name) {
        Share share = files.remove(name);
        if (share != null) {
            locks.removeOf(share);
        }
    }

    /** How much the guest has of the host's, how many requests there were, and of how many of the host's changes it did not hear. */
    public record Counts(int shares, int inodes, int open, long requests, long changesLost) {}

    /** What there is at the moment. Any thread. */
    public Counts counts() {
        return new Counts(
                files.names().size(),
                files.nodes().size(),
                files.handles().size(),
                requests.sum(),
                server.changes().lost());
    }

    // ---- the device ----

    @Override
    public int type() {
        return TYPE;
    }

    @Override
    public int queues() {
        return QUEUES;
    }

    /** tag 0, num_request_queues 36. */
    @Override
    public byte[] config() {
        byte[] config = Arrays.copyOf(tag, CONFIG_SIZE);
        config[TAG_SIZE] = QUEUES - 1;
        return config;
    }

    @Override
    public void attach(DeviceEvents with) {
        events = with;
    }

    @Override
    public boolean attend(QueueNotifications queue) throws ErrnoException {
        workers.attend(queue);
        return true;
    }

    @Override
    public void activate(List<VirtQueue> queues, long negotiated) {
        active = queues;
    }

    @Override
    public void process(int queue) throws GuestFault {
        List<VirtQueue> queues = active;
        if (queues == null) {
            return;
        }
        VirtQueue from = queues.get(queue);
        for (Chain chain = from.take(); chain != null; chain = from.take()) {
            Chain request = chain;
            requests.increment();
            synchronized (pending) {
                pending.add(request);
            }
            workers.submit(worker -> answer(from, request, worker));
        }
    }

    @Override
    public void settle() throws IOException {
        if (locks.isAwaited()) {
            throw new IOException("a process of the guest waits for the lock of a file of the host's");
        }
        server.changes().letGo();
    }

    @Override
    public boolean isIdle() {
        synchronized (pending) {
            return pending.isEmpty();
        }
    }

    @Override
    public void save(StateWriter to) throws IOException {
        SavedFiles.of(files, locks, server.changes().last()).write(to);
    }

    /** What the guest has comes back with what is shared. */
    @Override
    public void restore(StateReader from) throws StateFormatException {
        FsState state = FsState.read(from);
        server.changes().goOnFrom(state.lastChange());
        saved = new SavedFiles(state, files, locks);
    }

    private void answer(VirtQueue queue, Chain request, Worker worker) {
        perform(queue, request, () -> server.handle(request, worker));
    }

    /** The guest wants to hear of what happens to the host's files. */
    private void hear() {
        DeviceEvents with = events;
        if (with != null) {
            with.perform(() -> arm(with));
        }
    }

    private void arm(DeviceEvents with) {
        Fd group = files.watch().group();
        if (group == null) {
            return;
        }
        try {
            DeviceEvents.Watch own = changes;
            if (own == null) {
                own = with.watch(group, this::changed);
                changes = own;
            }
            own.arm(true, false);
        } catch (ErrnoException e) {
            System.getLogger(FsDevice.class.getName())
                    .log(
                            System.Logger.Level.WARNING,
                            "the guest does not hear of the host's changes: " + e.getMessage());
        }
    }

    private void changed() {
        try {
            server.changes().happened(files.watch().read());
        } catch (ErrnoException e) {
            System.getLogger(FsDevice.class.getName()).log(System.Logger.Level.WARNING, e.getMessage());
        }
    }

    /** A lock was granted, or something has happened; requests that are not urgent all come by the last queue. */
    private void complete(Chain request, LockRequests.Completion.Answer answer) {
        List<VirtQueue> queues = active;
        if (queues != null) {
            perform(queues.getLast(), request, () -> {
                answer.write();
                return true;
            });
        }
    }

    private interface Work {
        /** Returns whether the request is done. */
        boolean run() throws GuestFault;
    }

    private void perform(VirtQueue queue, Chain request, Work work) {
        synchronized (pending) {
            if (!pending.contains(request)) {
                return;
            }
            busy++;
        }
        boolean done = false;
        GuestFault fault = null;
        try {
            done = work.run();
        } catch (GuestFault e) {
            fault = e;
        } catch (RuntimeException e) {
            // A fault of ours: the guest loses this device, and not its answers without a word.
            System.getLogger(FsDevice.class.getName()).log(System.Logger.Level.ERROR, "shared files", e);
            fault = new GuestFault("a request that cannot be answered");
        } finally {
            synchronized (pending) {
                busy--;
                pending.notifyAll();
            }
        }
        DeviceEvents with = events;
        if (with != null && (done || fault != null)) {
            GuestFault broken = fault;
            with.perform(() -> finish(queue, request, broken));
        }
    }

    private void finish(VirtQueue queue, Chain request, @Nullable GuestFault fault) throws GuestFault {
        synchronized (pending) {
            if (!pending.remove(request)) {
                return;
            }
        }
        if (fault != null) {
            throw fault;
        }
        queue.complete(request);
    }

    /** Returns when nobody is at the driver's memory any more. */
    @Override
    public void reset() {
        active = null;
        boolean interrupted = false;
        synchronized (pending) {
            pending.clear();
            while (busy > 0) {
                try {
                    pending.wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        server.changes().clear();
        saved = null;
        locks.clear();
        files.clear();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** After the machine was closed. */
    @Override
    public void close() {
        reset();
        workers.close();
        server.changes().close();
        locks.close();
        files.close();
    }
}
