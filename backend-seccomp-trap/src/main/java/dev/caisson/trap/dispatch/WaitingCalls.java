package dev.caisson.trap.dispatch;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.linux.direct.SeccompListener;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;

/**
 * The calls of one container that wait until a descriptor is ready. One thread, which there is from the first such call on, polls them all; nobody
 * else waits for them. Thread-safe.
 *
 * <p>The kernel tells nobody that a signal came for a thread that waits for an answer, nor that somebody wants to freeze it, so those
 * are looked for: soon after a call began to wait, more and more rarely later, and never more often than {@link #LOOKS_PER_SECOND}
 * for all of them together.
 */
public final class WaitingCalls {
    /** Result of an {@link Work#attempt}: not yet. */
    public static final long NOT_YET = Long.MIN_VALUE + 3;

    /** The kernel restarts the call, or gives EINTR, as the signal's action says (ERESTARTSYS). */
    public static final long RESTART = -512;

    private static final int MOST = 4096;
    private static final long FIRST_LOOK_NANOS = 1_000_000;
    private static final long LAST_LOOK_NANOS = 50_000_000;
    private static final int LOOKS_PER_SECOND = 4000;
    private static final int O_CLOEXEC_NONBLOCK = 0x80800;
    private static final int POLLFD = 8;

    /** One of them. */
    public interface Work {
        /** For how many descriptors it waits, none included. */
        int places();

        /** Puts them down, {@link #places} times a {@code struct pollfd} (poll(2)): descriptors of ours. */
        void lay(NativeMemory polled, int at);

        /** When it gives up (nanoTime), or {@link Long#MAX_VALUE}. */
        long deadline();

        /** Tries again, without waiting: the result, {@link #NOT_YET} or another of {@link Handler}'s. */
        long attempt(GuestCall call);

        /** Whether some of it is done, so that it must not be done again from its beginning. */
        boolean isBegun();

        /** The signals that are kept from the thread while it waits, by those that it blocks itself. */
        default long blocked(long own) {
            return own;
        }

        /** The answer when a signal comes first. */
        long interrupted(GuestCall call);

        /** The answer when a signal came that may be another thread's. */
        default long doubtful(GuestCall call) {
            return unplaced(call);
        }

        /** The answer where too many calls wait already: as a rule the kernel's own. */
        default long unplaced(GuestCall call) {
            return isBegun() ? interrupted(call) : GuestCall.PROCEED;
        }

        /** The answer when time is up. */
        long timedOut(GuestCall call);

        /** Its descriptors are not needed any more. */
        void close(KernelCalls kernel);
    }

    /** One that waits for one descriptor. */
    public interface SingleWork extends Work {
        /** A descriptor of ours. */
        long descriptor();

        /** For what of it: POLLIN or POLLOUT. */
        int events();

        @Override
        default int places() {
            return 1;
        }

        @Override
        default void lay(NativeMemory polled, int at) {
            polled.putInt(at, (int) descriptor());
            polled.putInt(at + 4, events());
        }
    }

    private static final class Entry {
        private final SeccompListener listener;
        private final Work work;
        private final int places;
        private long period = FIRST_LOOK_NANOS;
        private long look;

        Entry(SeccompListener listener, Work work, long now) {
            this.listener = listener;
            this.work = work;
            this.places = work.places();
            this.look = now + period;
        }
    }

    private final Queue<Entry> added = new ArrayDeque<>();
    /** Calls and descriptors. */
    private int count;

    private boolean isRunning;
    private boolean isClosed;
    private long wakeRead = -1;
    private long wakeWrite = -1;

    /** @return false: there are too many */
    boolean add(KernelCalls kernel, SeccompListener listener, ContainerView container, Work work) {
        synchronized (this) {
            if (isClosed || count + cost(work.places()) > MOST || (!isRunning && !start(kernel, listener, container))) {
                listener.close();
                return false;
            }
            count += cost(work.places());
            added.add(new Entry(listener, work, System.nanoTime()));
        }
        wake(kernel);
        return true;
    }

    private static int cost(int places) {
        return Math.max(places, 1);
    }

    /** No call comes any more: the container has ended. */
    public void close(KernelCalls kernel) {
        synchronized (this) {
            isClosed = true;
            if (!isRunning) {
                return;
            }
        }
        wake(kernel);
    }

    private void wake(KernelCalls kernel) {
        try (NativeMemory one = new NativeMemory(8)) {
            // Full is awake.
            kernel.call(Nr.write, wakeWrite, one.address(), 1);
        }
    }

    private boolean start(KernelCalls kernel, SeccompListener listener, ContainerView container) {
        try (NativeMemory pipe = new NativeMemory(8)) {
            if (kernel.call(Nr.pipe2, pipe.address(), O_CLOEXEC_NONBLOCK) != 0) {
                return false;
            }
            wakeRead = pipe.getInt(0);
            wakeWrite = pipe.getInt(4);
        }
        isRunning = true;
        Thread.ofPlatform().daemon().name("waiting").start(() -> {
            AnyProcessor.take(kernel);
            run(kernel, listener, container);
        });
        return true;
    }

    private void run(KernelCalls kernel, SeccompListener listener, ContainerView container) {
        List<Entry> entries = new ArrayList<>();
        try (GuestCall call = new GuestCall(kernel, listener, container);
                NativeMemory polled = new NativeMemory((MOST + 1) * POLLFD)) {
            while (takeNew(entries)) {
                poll(kernel, entries, polled);
                tryReady(kernel, call, entries, polled);
                long now = System.nanoTime();
                boolean isFreezing = false;
                boolean isAsked = false;
                for (Entry entry : List.copyOf(entries)) {
                    if (now >= entry.look) {
                        if (!isAsked) {
                            isAsked = true;
                            isFreezing = container.limits().isFreezing(kernel);
                        }
                        entry.period = Math.max(
                                Math.min(2 * entry.period, LAST_LOOK_NANOS),
                                entries.size() * (1_000_000_000L / LOOKS_PER_SECOND));
                        entry.look = now + entry.period;
                        look(kernel, call, entry, isFreezing, entries);
                    }
                    if (now >= entry.work.deadline() && entries.contains(entry)) {
                        call.turnTo(entry.listener);
                        finish(kernel, call, entry, entry.work.timedOut(call), entries);
                    }
                }
            }
        } finally {
            entries.forEach(entry -> drop(kernel, entry));
            kernel.call(Nr.close, wakeRead);
            kernel.call(Nr.close, wakeWrite);
        }
    }

    private synchronized boolean takeNew(List<Entry> entries) {
        entries.addAll(added);
        added.clear();
        return !isClosed;
    }

    private void poll(KernelCalls kernel, List<Entry> entries, NativeMemory polled) {
        polled.putInt(0, (int) wakeRead);
        polled.putInt(4, 1 /* POLLIN */);
        long next = Long.MAX_VALUE;
        int at = POLLFD;
        for (Entry entry : entries) {
            entry.work.lay(polled, at);
            at += POLLFD * entry.places;
            next = Math.min(next, Math.min(entry.look, entry.work.deadline()));
        }
        long millis = next == Long.MAX_VALUE
                ? -1
                : Math.clamp((next - System.nanoTime() + 999_999) / 1_000_000, 0, Integer.MAX_VALUE);
        if (kernel.call(Nr.poll, polled.address(), at / POLLFD, millis) < 0) {
            polled.zero(0, at);
        }
    }

    private void tryReady(KernelCalls kernel, GuestCall call, List<Entry> entries, NativeMemory polled) {
        if (polled.getShort(6) != 0) {
            // What is left over wakes it once more.
            kernel.call(Nr.read, wakeRead, call.memory().address(GuestCall.TEXT), 64);
        }
        int at = POLLFD;
        for (Entry entry : List.copyOf(entries)) {
            boolean isReady = false;
            for (int end = at + POLLFD * entry.places; at < end; at += POLLFD) {
                isReady |= polled.getShort(at + 6) != 0;
            }
            if (isReady) {
                call.turnTo(entry.listener);
                // What is taken for a call that is no more is lost.
                long result;
                try {
                    result = entry.listener.isValid() ? entry.work.attempt(call) : -Errno.ESRCH.number();
                } catch (RuntimeException | Error e) {
                    System.err.println("a waiting call: " + e);
                    result = -Errno.EIO.number();
                }
                if (result != NOT_YET) {
                    finish(kernel, call, entry, result, entries);
                }
            }
        }
    }

    private void look(KernelCalls kernel, GuestCall call, Entry entry, boolean isFreezing, List<Entry> entries) {
        call.turnTo(entry.listener);
        TaskSignals signals = entry.listener.isValid() ? call.signals(entry.work::blocked) : TaskSignals.GONE;
        if (signals == TaskSignals.GONE || signals == TaskSignals.CERTAIN || isFreezing) {
            finish(kernel, call, entry, entry.work.interrupted(call), entries);
        } else if (signals == TaskSignals.POSSIBLE) {
            finish(kernel, call, entry, entry.work.doubtful(call), entries);
        }
    }

    private void finish(KernelCalls kernel, GuestCall call, Entry entry, long result, List<Entry> entries) {
        entries.remove(entry);
        synchronized (this) {
            count -= cost(entry.places);
        }
        // Before the answer: the caller may count on a pipe having no other end.
        entry.work.close(kernel);
        call.finish(result);
        entry.listener.close();
    }

    private static void drop(KernelCalls kernel, Entry entry) {
        entry.work.close(kernel);
        entry.listener.close();
    }
}
