package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.virtio.QueueNotifications;
import dev.caisson.linux.Epoll;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.EventFd;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Threads that take requests out of queues and answer them. All that are free wait for the queues' notifications, each of which wakes one of them: what
 * comes alone is answered by who has heard of it, and nobody else has to wake up. There is one more than are busy, up to a limit. Any thread.
 */
final class Workers implements AutoCloseable {
    private static final long STOP = 0;
    private static final long WORK = 1;
    private static final long QUEUES = 2;

    private final String name;
    private final int limit;
    private final Epoll epoll;
    private final EventFd stop;
    /** Raised when there is work that whoever has brought it does not do. */
    private final EventFd more;

    private final List<QueueNotifications> queues = new CopyOnWriteArrayList<>();
    /** Those who look after their work themselves when they bring some. */
    private final Set<Thread> own = ConcurrentHashMap.newKeySet();

    private final Deque<Consumer<Worker>> work = new ArrayDeque<>();
    private final List<Thread> threads = new ArrayList<>();
    private int busy;
    private boolean closed;

    private Workers(String name, int limit, Epoll epoll, EventFd stop, EventFd more) {
        this.name = name;
        this.limit = limit;
        this.epoll = epoll;
        this.stop = stop;
        this.more = more;
    }

    static Workers create(String name, int limit) throws ErrnoException {
        List<AutoCloseable> made = new ArrayList<>();
        try {
            Epoll epoll = Epoll.open(name);
            made.add(epoll);
            EventFd stop = EventFd.open(name + " stop");
            made.add(stop);
            EventFd more = EventFd.open(name + " work");
            made.add(more);
            // All of them end: this one is reported to each.
            epoll.add(stop.fd(), Epoll.EPOLLIN, STOP);
            epoll.add(more.fd(), Epoll.EPOLLIN | Epoll.EPOLLET, WORK);
            return new Workers(name, limit, epoll, stop, more);
        } catch (ErrnoException e) {
            closeAll(made);
            throw e;
        }
    }

    private static void closeAll(List<AutoCloseable> all) {
        for (AutoCloseable each : all) {
            try {
                each.close();
            } catch (Exception e) {
                throw new AssertionError("descriptors' ends throw nothing", e);
            }
        }
    }

    /** Waits for a queue's notifications from now on. */
    synchronized void attend(QueueNotifications queue) throws ErrnoException {
        queues.add(queue);
        epoll.add(queue.raised(), Epoll.EPOLLIN | Epoll.EPOLLET, QUEUES + queues.size() - 1);
        if (threads.isEmpty()) {
            begin();
        }
    }

    private void begin() {
        Thread thread = Thread.ofPlatform()
                .daemon()
                .name(name + "-" + (threads.size() + 1))
                .unstarted(this::run);
        threads.add(thread);
        own.add(thread);
        thread.start();
    }

    /** Has something done. A thread that has brought work out of a queue begins with it itself. */
    void submit(Consumer<Worker> task) {
        synchronized (this) {
            if (closed) {
                return;
            }
            work.add(task);
            if (threads.isEmpty()) {
                begin();
                return;
            }
        }
        if (!own.contains(Thread.currentThread())) {
            wake();
        }
    }

    private void wake() {
        try {
            more.signal();
        } catch (ErrnoException e) {
            throw new IllegalStateException("wake a thread", e);
        }
    }

    private void run() {
        try (Worker worker = new Worker()) {
            do {
                for (Consumer<Worker> task = take(); task != null; task = take()) {
                    try {
                        task.accept(worker);
                    } finally {
                        done();
                    }
                }
            } while (hear());
        } catch (ErrnoException e) {
            failed(String.valueOf(e.getMessage()));
        } catch (RuntimeException | Error e) {
            failed("defect in the monitor: " + e);
        }
    }

    /** Waits for something to do. Returns false at the end. */
    private boolean hear() throws ErrnoException {
        boolean goesOn = true;
        for (long token : epoll.await(-1)) {
            if (token == STOP) {
                goesOn = false;
            } else if (token != WORK) {
                queues.get((int) (token - QUEUES)).process();
            }
        }
        return goesOn;
    }

    private void failed(String why) {
        queues.forEach(each -> each.failed(why));
    }

    /** The next thing to do, with somebody else left to listen, and to do what there is beside it. */
    private @Nullable Consumer<Worker> take() {
        Consumer<Worker> task;
        boolean wake;
        synchronized (this) {
            task = closed ? null : work.poll();
            if (task == null) {
                return null;
            }
            busy++;
            boolean alone = busy == threads.size();
            wake = !alone && !work.isEmpty();
            if (alone && threads.size() < limit) {
                begin();
            }
        }
        if (wake) {
            wake();
        }
        return task;
    }

    private synchronized void done() {
        busy--;
    }

    /** What was not begun is not done. Waits until what was begun is. */
    @Override
    public void close() {
        List<Thread> all;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            work.clear();
            all = List.copyOf(threads);
        }
        try {
            stop.signal();
        } catch (ErrnoException e) {
            throw new IllegalStateException("end threads", e);
        }
        boolean interrupted = false;
        for (Thread each : all) {
            while (each.isAlive()) {
                try {
                    each.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        closeAll(List.of(epoll, stop, more));
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
