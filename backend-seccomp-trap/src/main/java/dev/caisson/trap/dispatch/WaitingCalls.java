package dev.caisson.trap.dispatch;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.linux.direct.SeccompListener;
import java.nio.charset.StandardCharsets;
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
    private static final int STATUS_SIZE = 4096;

    /** One of them. */
    public interface Work {
        /** A descriptor of ours. */
        long descriptor();

        /** For what of it: POLLIN or POLLOUT. */
        int events();

        /** When it gives up (nanoTime), or {@link Long#MAX_VALUE}. */
        long deadline();

        /** Tries again, without waiting: the result, {@link #NOT_YET} or another of {@link Handler}'s. */
        long attempt(GuestCall call);

        /** Whether some of it is done, so that it must not be done again from its beginning. */
        boolean isBegun();

        /** The answer when a signal comes first. */
        long interrupted();

        /** The answer where too many calls wait already: as a rule the kernel's own. */
        default long unplaced() {
            return isBegun() ? interrupted() : GuestCall.PROCEED;
        }

        /** The answer when time is up. */
        long timedOut();

        /** Its descriptor is not needed any more. */
        void close(KernelCalls kernel);
    }

    private static final class Entry {
        private final SeccompListener listener;
        private final Work work;
        private long period = FIRST_LOOK_NANOS;
        private long look;

        Entry(SeccompListener listener, Work work, long now) {
            this.listener = listener;
            this.work = work;
            this.look = now + period;
        }
    }

    private final Queue<Entry> added = new ArrayDeque<>();
    private int count;
    private boolean isRunning;
    private boolean isClosed;
    private long wakeRead = -1;
    private long wakeWrite = -1;

    /** @return false: there are too many */
    boolean add(KernelCalls kernel, SeccompListener listener, ContainerView container, Work work) {
        synchronized (this) {
            if (isClosed || count >= MOST || (!isRunning && !start(kernel, listener, container))) {
                listener.close();
                return false;
            }
            count++;
            added.add(new Entry(listener, work, System.nanoTime()));
        }
        wake(kernel);
        return true;
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
        Thread.ofPlatform().daemon().name("waiting").start(() -> run(kernel, listener, container));
        return true;
    }

    private void run(KernelCalls kernel, SeccompListener listener, ContainerView container) {
        List<Entry> entries = new ArrayList<>();
        try (GuestCall call = new GuestCall(kernel, listener, container);
                NativeMemory status = new NativeMemory(STATUS_SIZE);
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
                        look(kernel, call, entry, status, isFreezing, entries);
                    }
                    if (now >= entry.work.deadline() && entries.contains(entry)) {
                        call.turnTo(entry.listener);
                        finish(kernel, call, entry, entry.work.timedOut(), entries);
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
        for (int i = 0; i < entries.size(); i++) {
            Entry entry = entries.get(i);
            polled.putInt(POLLFD * (i + 1), (int) entry.work.descriptor());
            polled.putInt(POLLFD * (i + 1) + 4, entry.work.events());
            next = Math.min(next, Math.min(entry.look, entry.work.deadline()));
        }
        long millis = next == Long.MAX_VALUE
                ? -1
                : Math.clamp((next - System.nanoTime() + 999_999) / 1_000_000, 0, Integer.MAX_VALUE);
        if (kernel.call(Nr.poll, polled.address(), entries.size() + 1, millis) < 0) {
            polled.zero(0, POLLFD * (entries.size() + 1));
        }
    }

    private void tryReady(KernelCalls kernel, GuestCall call, List<Entry> entries, NativeMemory polled) {
        if (polled.getShort(6) != 0) {
            // What is left over wakes it once more.
            kernel.call(Nr.read, wakeRead, call.memory().address(GuestCall.TEXT), 64);
        }
        for (int i = entries.size() - 1; i >= 0; i--) {
            if (polled.getShort(POLLFD * (i + 1) + 6) != 0) {
                Entry entry = entries.get(i);
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

    private void look(
            KernelCalls kernel,
            GuestCall call,
            Entry entry,
            NativeMemory memory,
            boolean isFreezing,
            List<Entry> entries) {
        call.turnTo(entry.listener);
        TaskSignals signals = entry.listener.isValid() ? signals(kernel, call, entry, memory) : TaskSignals.GONE;
        if (signals == TaskSignals.GONE || signals == TaskSignals.CERTAIN || isFreezing) {
            finish(kernel, call, entry, entry.work.interrupted(), entries);
        } else if (signals == TaskSignals.POSSIBLE) {
            long result = entry.work.isBegun() ? entry.work.interrupted() : GuestCall.PROCEED;
            finish(kernel, call, entry, result, entries);
        }
    }

    private static TaskSignals signals(KernelCalls kernel, GuestCall call, Entry entry, NativeMemory memory) {
        memory.putString(0, entry.listener.tid() + "/status");
        long fd = kernel.call(Nr.openat, call.hostProc(), memory.address(), 0x80000 /* O_CLOEXEC */);
        long length = kernel.call(Nr.read, fd, memory.address(), STATUS_SIZE);
        kernel.call(Nr.close, fd);
        return length <= 0
                ? TaskSignals.GONE
                : TaskSignals.of(new String(memory.getBytes(0, (int) length), StandardCharsets.UTF_8));
    }

    private void finish(KernelCalls kernel, GuestCall call, Entry entry, long result, List<Entry> entries) {
        entries.remove(entry);
        synchronized (this) {
            count--;
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
