package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.guest.ToldChange;
import dev.caisson.kvm.guest.ToldChange.Kind;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.linux.Errno;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * What the host has done and the guest has not heard of yet, and the guest's thread that reads it, one change at a time: {@link ChangeRelay} says what for.
 * Any thread.
 */
final class ChangeQueue {
    /** A guest that does not follow misses what comes then; so does a watcher that inotify(7)'s own queue is too short for. */
    private static final int LIMIT = 1024;

    private static final long PATIENCE_NANOS = 5_000_000_000L;
    /**
     * Between two reports. In the meantime what happens stays with the kernel, which keeps one of what is the same: who writes all the time, the guest
     * itself for example, costs no more than some reports.
     */
    private static final long PAUSE_NANOS = 10_000_000;

    private record Numbered(long sequence, RelayedChange change) {}

    /** What the relay does at the moment. */
    record Current(long sequence, RelayedChange change, int type) {
        /** Numbers that no other change has for the things that there are not. */
        long thing() {
            return FuseAbi.CHANGES_ID + 2 * sequence;
        }

        long elsewhere() {
            return thing() + 1;
        }
    }

    private final SharedFiles files;
    private final byte[] elsewhere;
    private final LockRequests.Completion completion;
    private final Runnable hear;
    private final RelayedChange.Known known = new KnownFiles();
    private final int self = Math.toIntExact(ProcessHandle.current().pid());

    private final Deque<Numbered> queue = new ArrayDeque<>();
    private volatile int relay;
    private volatile @Nullable Current current;
    private long last;
    private long lost;
    private @Nullable FuseRequest waiting;
    private long wanted;
    private long since;
    /** Whether the next change will not be reported. */
    private boolean deaf = true;

    private long heardAt = System.nanoTime() - PAUSE_NANOS;
    private @Nullable Thread thread;
    private boolean closed;

    /**
     * An empty queue.
     *
     * @param elsewhere the name of the directory that there is not
     * @param hear has {@link #happened} called once, when something has happened
     */
    ChangeQueue(SharedFiles files, byte[] elsewhere, LockRequests.Completion completion, Runnable hear) {
        this.hear = hear;
        this.files = files;
        this.elsewhere = elsewhere;
        this.completion = completion;
    }

    private final class KnownFiles implements RelayedChange.Known {
        @Override
        public Set<Long> nodes(FileHandle handle) {
            return files.watch().nodes(handle);
        }

        @Override
        public Node.@Nullable Place place(long node) {
            return files.nodes().place(node);
        }

        @Override
        public @Nullable Share share(long id) {
            Node node = files.nodes().find(id);
            return node == null ? null : node.share();
        }
    }

    /** How many changes the guest has missed. */
    synchronized long lost() {
        return lost;
    }

    // ---- a machine that is written down, and its copy ----

    /** Lets a reader that waits go: its machine stands still, and it will ask again when it goes on. */
    void letGo() {
        FuseRequest reader;
        synchronized (this) {
            reader = waiting;
            waiting = null;
        }
        if (reader != null) {
            complete(reader);
        }
    }

    /** The number of the last change that the guest knows of. */
    synchronized long last() {
        return last;
    }

    /** The guest knows of changes up to this one. */
    synchronized void goOnFrom(long number) {
        last = number;
    }

    // ---- the host's side ----

    /** Something has happened. What the guest's own processes do comes by this process, and they have heard of it. */
    void happened(List<HostChange> changes) {
        for (HostChange change : changes) {
            if (change.has(HostChange.OVERFLOW)) {
                missed();
            }
            if (change.pid() != self) {
                RelayedChange.of(change, known).forEach(this::add);
            }
        }
        FuseRequest reader = takeReader();
        synchronized (this) {
            deaf = true;
            notifyAll();
        }
        if (reader != null) {
            completion.complete(reader.chain(), () -> answerReader(reader));
        }
    }

    private synchronized void missed() {
        lost++;
    }

    private synchronized void add(RelayedChange change) {
        if (relay == 0 || queue.size() >= LIMIT) {
            lost++;
            return;
        }
        Numbered before = queue.peekLast();
        // Contents that change again before anybody was told.
        if (before == null || !before.change.equals(change) || change.kind() != Kind.MODIFIED) {
            queue.add(new Numbered(++last, change));
        }
    }

    // ---- the reader ----

    /** Whether a thread of the guest's is the one that reads; 0 is none. */
    boolean isRelay(int thread) {
        return thread != 0 && thread == relay;
    }

    /** What the relay is doing again. */
    @Nullable
    Current current() {
        return current;
    }

    /** Takes a READ of the file of changes. Returns the answer's body; null when it waits: for a change, or some seconds, and then it is empty. */
    @Nullable
    ByteBuffer read(FuseRequest q) throws FuseError {
        q.skip(8);
        long from = q.getLong();
        if (files.watch().group() == null) {
            throw new FuseError(Errno.EOPNOTSUPP);
        }
        if (!files.watch().begun()) {
            files.hearAll();
        }
        FuseRequest before;
        ByteBuffer answer;
        synchronized (this) {
            before = waiting;
            waiting = null;
            relay = q.pid();
            current = null;
            wanted = from;
            ToldChange next = next();
            if (next == null) {
                waiting = q;
                since = System.nanoTime();
                if (thread == null) {
                    thread = Thread.ofPlatform().daemon().name("fs-changes").start(this::lookAfter);
                }
                notifyAll();
                answer = null;
            } else {
                byte[] told = next.encode();
                answer = ByteBuffer.wrap(told).position(told.length);
            }
        }
        if (before != null) {
            // Of a thread that was killed: it ends with this.
            complete(before);
        }
        return answer;
    }

    private void complete(FuseRequest reader) {
        completion.complete(reader.chain(), () -> FuseServer.answer(reader, 0, ByteBuffer.allocate(0)));
    }

    /**
     * Looks after a reader that waits: has what happens reported, now and then; and lets it go in time, since a thread that waits for a virtio file
     * system cannot be killed, and its process not either.
     */
    private void lookAfter() {
        try {
            while (true) {
                FuseRequest late = null;
                synchronized (this) {
                    while (waiting == null && !closed) {
                        wait();
                    }
                    if (closed) {
                        return;
                    }
                    long now = System.nanoTime();
                    long left = deaf ? heardAt + PAUSE_NANOS - now : since + PATIENCE_NANOS - now;
                    if (left > 0) {
                        TimeUnit.NANOSECONDS.timedWait(this, left);
                        continue;
                    }
                    if (deaf) {
                        deaf = false;
                        heardAt = now;
                    } else {
                        late = waiting;
                        waiting = null;
                    }
                }
                if (late == null) {
                    hear.run();
                } else {
                    complete(late);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized @Nullable FuseRequest takeReader() {
        FuseRequest reader = waiting;
        if (reader == null || queue.isEmpty()) {
            return null;
        }
        waiting = null;
        return reader;
    }

    private void answerReader(FuseRequest reader) throws GuestFault {
        byte[] next;
        synchronized (this) {
            ToldChange change = next();
            next = change == null ? new byte[0] : change.encode();
        }
        FuseServer.answer(reader, 0, ByteBuffer.wrap(next).position(next.length));
    }

    /** The first change that is wanted and that the guest can find; it is the current one then. */
    private @Nullable ToldChange next() {
        Numbered first = queue.poll();
        while (first != null) {
            if (first.sequence >= wanted) {
                int type = type(first.change);
                ToldChange message = first.change.message(first.sequence, last, type, elsewhere, known);
                if (message != null) {
                    current = new Current(first.sequence, first.change, type);
                    return message;
                }
            }
            first = queue.poll();
        }
        return null;
    }

    private int type(RelayedChange change) {
        if (change.directory()) {
            return RelayedChange.S_IFDIR;
        }
        Node node = files.nodes().find(change.node());
        return node == null ? RelayedChange.S_IFREG : node.type();
    }

    /** The guest starts over; nobody reads. */
    synchronized void clear() {
        relay = 0;
        waiting = null;
        current = null;
        queue.clear();
    }

    synchronized void close() {
        clear();
        closed = true;
        notifyAll();
    }
}
