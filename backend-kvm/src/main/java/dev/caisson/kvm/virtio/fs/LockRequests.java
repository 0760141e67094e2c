package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.virtio.Chain;
import dev.caisson.kvm.virtio.fs.HeldRanges.Range;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Locks of the guest's processes, which the host's kernel has: they hold against processes of the host and of other machines. A range's lock
 * belongs to a process (its <i>owner</i>), which gets an open file of its own here for as long as it has locks on an inode; the lock of a whole file
 * (flock(2)) is the open file's. Who waits is looked after by a thread that tries again. Any thread.
 */
final class LockRequests {
    private static final int LOCK_OUT = 24;
    static final int OWNERS = 4096;
    /** Each of them keeps an entry of the guest's queue. */
    private static final int WAITING = 64;

    private static final long FIRST_NAP_MILLIS = 2;
    private static final long LONGEST_NAP_MILLIS = 100;

    static final int F_RDLCK = 0;
    static final int F_UNLCK = 2;
    /** Operations of flock(2) for F_RDLCK, F_WRLCK (1) and F_UNLCK. */
    private static final int[] FLOCK = {1, 2, 8};

    private static final int LOCK_NB = 4;

    private record Owner(long node, long id) {}

    /** A lock that somebody asks for. */
    private record Wanted(long handle, Owner owner, long start, long end, int type, boolean whole) {
        long length() {
            return end == Long.MAX_VALUE ? 0 : end - start + 1;
        }
    }

    private record Waiting(FuseRequest request, Wanted lock) {}

    /** How an answer that comes later is given. */
    interface Completion {
        /** What writes the answer. */
        interface Answer {
            void write() throws GuestFault;
        }

        /** Gives it, if the driver still waits for it. */
        void complete(Chain chain, Answer answer);
    }

    private final SharedFiles files;
    private final Completion completion;
    private final Map<Owner, OpenFile> owners = new HashMap<>();
    private final List<Waiting> waiting = new ArrayList<>();
    private @Nullable Thread thread;
    private boolean closed;

    /** An owner's open file. */
    private static final class OpenFile extends Resource {
        private final HeldRanges ranges = new HeldRanges();

        OpenFile(Fd fd, Share share) {
            super(fd, share);
        }

        /** One at a time, so that what is known of the ranges is what the kernel has. */
        synchronized void lock(FileCalls calls, int type, long start, long end) throws FuseError {
            if (!ranges.hasRoom()) {
                throw new FuseError(Errno.ENOLCK);
            }
            Range range = new Range(type, start, end);
            calls.lock(fd(), type, start, range.length());
            if (type == F_UNLCK) {
                ranges.unlocked(start, end);
            } else {
                ranges.locked(range);
            }
        }

        synchronized List<Range> ranges() {
            return ranges.all();
        }
    }

    LockRequests(SharedFiles files, Completion completion) {
        this.files = files;
        this.completion = completion;
    }

    private static Wanted wanted(FuseRequest q) throws FuseError {
        long handle = q.getLong();
        long owner = q.getLong();
        long start = q.getLong();
        long end = q.getLong();
        int type = q.getInt();
        q.skip(4);
        boolean whole = (q.getInt() & FuseAbi.LK_FLOCK) != 0;
        if (type < F_RDLCK || type > F_UNLCK || start < 0 || end < start) {
            throw new FuseError(Errno.EINVAL);
        }
        return new Wanted(handle, new Owner(q.node(), owner), start, end, type, whole);
    }

    ByteBuffer test(FuseRequest q, Worker w) throws FuseError, GuestFault {
        Wanted lock = wanted(q);
        long[] found = files.open(lock.handle, q.node(), open -> {
            try (Fd file = forLocks(open, w.calls())) {
                OpenFile own = known(lock.owner);
                int fd = own == null ? file.number() : own.fd();
                try {
                    return w.calls().testLock(fd, lock.type, lock.start, lock.length());
                } finally {
                    if (own != null) {
                        leave(own);
                    }
                }
            }
        });
        ByteBuffer out = ByteBuffer.allocate(LOCK_OUT).order(ByteOrder.LITTLE_ENDIAN);
        long end = found[2] == 0 ? Long.MAX_VALUE : found[1] + found[2] - 1;
        // A process of the host's has no number in the guest.
        return out.putLong(found[1]).putLong(end).putInt((int) found[0]).putInt(0);
    }

    /** Returns null when it waits. */
    @Nullable
    ByteBuffer set(FuseRequest q, Worker w, boolean wait) throws FuseError, GuestFault {
        Wanted lock = wanted(q);
        try {
            attempt(lock, w);
            return ByteBuffer.allocate(0);
        } catch (FuseError e) {
            if (!wait || e.number() != Errno.EAGAIN.number()) {
                throw e;
            }
        }
        await(new Waiting(q, lock));
        return null;
    }

    private void attempt(Wanted lock, Worker w) throws FuseError, GuestFault {
        var _ = files.open(lock.handle, lock.owner.node, open -> {
            if (lock.whole) {
                w.calls().lockWhole(open.fd(), FLOCK[lock.type] | LOCK_NB);
                open.locked(lock.type);
                return true;
            }
            OpenFile own = lock.type == F_UNLCK ? known(lock.owner) : own(lock.owner, open, w);
            if (own != null) {
                try {
                    own.lock(w.calls(), lock.type, lock.start, lock.end);
                } finally {
                    leave(own);
                }
            }
            return true;
        });
    }

    private static Fd forLocks(Resource open, FileCalls calls) throws FuseError {
        if (!open.share().isReadOnly()) {
            try {
                return calls.reopen(open.fd(), FileCalls.O_RDWR);
            } catch (FuseError e) {
                // A program that runs, or a file system that is read-only: locks for reading are left.
            }
        }
        return calls.reopen(open.fd(), FileCalls.O_RDONLY);
    }

    // ---- the owners' files ----

    private @Nullable OpenFile known(Owner owner) {
        synchronized (owners) {
            OpenFile file = owners.get(owner);
            if (file != null) {
                file.enter();
            }
            return file;
        }
    }

    private OpenFile own(Owner owner, Handle open, Worker w) throws FuseError {
        OpenFile known = known(owner);
        if (known != null) {
            return known;
        }
        OpenFile made = new OpenFile(forLocks(open, w.calls()), open.share());
        synchronized (owners) {
            if (!owners.containsKey(owner)) {
                if (owners.size() >= OWNERS || open.share().isRemoved()) {
                    made.retire();
                    throw new FuseError(Errno.ENOLCK);
                }
                made.enter();
                owners.put(owner, made);
                return made;
            }
        }
        made.retire();
        return own(owner, open, w);
    }

    /** Whether somebody waits for a lock. */
    boolean isAwaited() {
        synchronized (waiting) {
            return !waiting.isEmpty();
        }
    }

    /** All ranges that are locked. */
    List<FsState.Locks> held() {
        List<FsState.Locks> held = new ArrayList<>();
        synchronized (owners) {
            owners.forEach((owner, file) -> {
                List<Range> ranges = file.ranges();
                if (!ranges.isEmpty()) {
                    held.add(new FsState.Locks(owner.node, owner.id, ranges));
                }
            });
        }
        return held;
    }

    /** Has what an owner had before. */
    void hold(FsState.Locks locks, Node node, FileCalls calls) throws FuseError {
        OpenFile file = new OpenFile(forLocks(node, calls), node.share());
        synchronized (owners) {
            OpenFile before = owners.put(new Owner(locks.node(), locks.owner()), file);
            if (before != null) {
                before.retire();
            }
        }
        for (Range each : locks.ranges()) {
            file.lock(calls, each.type(), each.start(), each.end());
        }
    }

    /** Has the lock of flock(2) that an open file had before. */
    static void holdWhole(Handle open, int type, FileCalls calls) throws FuseError {
        if (type != F_UNLCK) {
            calls.lockWhole(open.fd(), FLOCK[type] | LOCK_NB);
            open.locked(type);
        }
    }

    private void leave(OpenFile file) {
        synchronized (owners) {
            file.leave();
        }
    }

    /** A process closes a file, and loses all its locks on it (fcntl(2)). */
    void flush(FuseRequest q) throws FuseError {
        q.skip(16);
        Owner owner = new Owner(q.node(), q.getLong());
        synchronized (owners) {
            OpenFile file = owners.remove(owner);
            if (file != null) {
                file.retire();
            }
        }
    }

    /** A share was taken away; it must be marked as removed. */
    void removeOf(Share share) {
        synchronized (owners) {
            for (Iterator<OpenFile> all = owners.values().iterator(); all.hasNext(); ) {
                OpenFile file = all.next();
                if (file.share() == share) {
                    all.remove();
                    file.retire();
                }
            }
        }
    }

    /** The guest starts over: no locks, and nobody waits. */
    void clear() {
        synchronized (owners) {
            owners.values().forEach(Resource::retire);
            owners.clear();
        }
        synchronized (waiting) {
            waiting.clear();
        }
    }

    // ---- who waits ----

    private void await(Waiting one) throws FuseError {
        synchronized (waiting) {
            if (closed || waiting.size() >= WAITING) {
                throw new FuseError(Errno.ENOLCK);
            }
            waiting.add(one);
            if (thread == null) {
                thread = Thread.ofPlatform().daemon().name("fs-locks").start(this::retry);
            }
            waiting.notifyAll();
        }
    }

    private void retry() {
        try (Worker w = new Worker()) {
            long nap = FIRST_NAP_MILLIS;
            while (true) {
                List<Waiting> all;
                synchronized (waiting) {
                    while (waiting.isEmpty() && !closed) {
                        nap = FIRST_NAP_MILLIS;
                        waiting.wait();
                    }
                    if (closed) {
                        return;
                    }
                    waiting.wait(nap);
                    all = List.copyOf(waiting);
                }
                nap = Math.min(2 * nap, LONGEST_NAP_MILLIS);
                for (Waiting each : all) {
                    retry(each, w);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void retry(Waiting one, Worker w) {
        int errno = 0;
        try {
            attempt(one.lock, w);
        } catch (FuseError e) {
            if (e.number() == Errno.EAGAIN.number()) {
                return;
            }
            errno = e.number();
        } catch (GuestFault e) {
            throw new AssertionError("a lock is no memory", e);
        }
        synchronized (waiting) {
            if (!waiting.remove(one)) {
                return;
            }
        }
        int result = errno;
        completion.complete(one.request.chain(), () -> FuseServer.answer(one.request, result, ByteBuffer.allocate(0)));
    }

    void close() {
        clear();
        synchronized (waiting) {
            closed = true;
            waiting.notifyAll();
        }
    }
}
