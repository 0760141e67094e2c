package dev.caisson.kvm.vm;

import dev.caisson.kvm.virtio.DeviceEvents;
import dev.caisson.kvm.virtio.MmioTransport;
import dev.caisson.linux.Epoll;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.EventFd;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;

/** The thread that serves a machine's devices: waits for their queues' notifications and for what they have open. */
final class DeviceThread implements AutoCloseable {
    private static final long STOP = 0;

    private final Epoll epoll;
    private final EventFd stop;
    private final Consumer<String> onFailure;
    private final Map<Long, Task> tasks = new ConcurrentHashMap<>();
    private final AtomicLong nextToken = new AtomicLong(STOP + 1);
    private final Thread thread =
            Thread.ofPlatform().name("vm-devices").daemon().unstarted(this::run);

    /** What {@link #call} does. */
    interface Deed<R> {
        R run() throws IOException;
    }

    private interface Task {
        void run() throws ErrnoException;
    }

    private final Queue<Runnable> deeds = new ConcurrentLinkedQueue<>();
    private final EventFd deedsWait;

    private DeviceThread(Epoll epoll, EventFd stop, EventFd deedsWait, Consumer<String> onFailure) {
        this.epoll = epoll;
        this.stop = stop;
        this.deedsWait = deedsWait;
        this.onFailure = onFailure;
    }

    /** @param onFailure told why the thread has ended by itself */
    static DeviceThread create(Consumer<String> onFailure) throws ErrnoException {
        Epoll epoll = Epoll.open("vm-devices");
        try {
            EventFd stop = EventFd.open("vm-devices stop");
            DeviceThread made = new DeviceThread(epoll, stop, EventFd.open("vm-devices deeds"), onFailure);
            epoll.add(stop.fd(), Epoll.EPOLLIN, STOP);
            made.watch(made.deedsWait, made::doDeeds);
            return made;
        } catch (ErrnoException e) {
            epoll.close();
            throw e;
        }
    }

    void start() {
        thread.start();
    }

    /**
     * Does something on this thread: no device does anything meanwhile. Any other thread, while it runs.
     *
     * @throws IOException what the deed has thrown, or the thread ends
     */
    <R> R call(Deed<R> deed) throws IOException, InterruptedException {
        CompletableFuture<R> done = new CompletableFuture<>();
        deeds.add(() -> {
            try {
                done.complete(deed.run());
            } catch (IOException | RuntimeException e) {
                done.completeExceptionally(e);
            }
        });
        deedsWait.signal();
        try {
            return done.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException known) {
                throw known;
            }
            throw new IllegalStateException("on the device thread", e.getCause());
        }
    }

    private void doDeeds() {
        for (Runnable each = deeds.poll(); each != null; each = deeds.poll()) {
            each.run();
        }
    }

    /** Runs something whenever a counter was signalled. */
    void watch(EventFd event, Runnable action) throws ErrnoException {
        long token = nextToken.getAndIncrement();
        tasks.put(token, () -> {
            event.take();
            action.run();
        });
        epoll.add(event.fd(), Epoll.EPOLLIN, token);
    }

    /** The events of one device, whose actions run under its transport's lock. */
    DeviceEvents eventsOf(MmioTransport transport) {
        return new DeviceEvents() {
            @Override
            public Watch watch(Fd fd, Action action) throws ErrnoException {
                OneWatch made = new OneWatch(fd, nextToken.getAndIncrement());
                tasks.put(
                        made.token,
                        () -> transport.perform(() -> {
                            made.hasFired();
                            action.run();
                        }));
                return made;
            }

            @Override
            public void perform(Action action) {
                transport.perform(action);
            }

            @Override
            public void reconfigure(Change change) {
                transport.reconfigure(change);
            }
        };
    }

    /**
     * Is in the set of what is waited for only while something is wanted of it: an end of a connection that is there for good would be reported again
     * and again, whether wanted or not.
     */
    private final class OneWatch implements DeviceEvents.Watch {
        private final Fd fd;
        private final long token;
        private boolean waitedFor;
        /** What the kernel has been told to report, and has not reported yet: to tell it once more takes a call for nothing. */
        private int armedFor;

        OneWatch(Fd fd, long token) {
            this.fd = fd;
            this.token = token;
        }

        @Override
        public void arm(boolean readable, boolean writable) throws ErrnoException {
            if (!readable && !writable) {
                leave();
                return;
            }
            int events = (readable ? Epoll.EPOLLIN : 0) | (writable ? Epoll.EPOLLOUT : 0) | Epoll.EPOLLONESHOT;
            boolean armed = events == armedFor;
            // Before the kernel can report it.
            armedFor = events;
            if (!waitedFor) {
                epoll.add(fd, events, token);
                waitedFor = true;
            } else if (!armed) {
                epoll.modify(fd, events, token);
            }
        }

        /** Who arms it between the kernel's report and this is not heard of again: what was reported is about to be looked at. */
        void hasFired() {
            armedFor = 0;
        }

        private void leave() throws ErrnoException {
            if (waitedFor) {
                waitedFor = false;
                armedFor = 0;
                epoll.remove(fd);
            }
        }

        @Override
        public void close() throws ErrnoException {
            tasks.remove(token);
            leave();
        }
    }

    private void run() {
        try {
            while (true) {
                for (long token : epoll.await(-1)) {
                    if (token == STOP) {
                        return;
                    }
                    Task task = tasks.get(token);
                    if (task != null) {
                        task.run();
                    }
                }
            }
        } catch (ErrnoException e) {
            onFailure.accept(String.valueOf(e.getMessage()));
        } catch (RuntimeException | Error e) {
            // A guest whose devices have died must not be left waiting for them.
            onFailure.accept("defect in the monitor: " + e);
        }
    }

    /** Devices that have threads of their own say so when those have ended by themselves. Any thread. */
    void failed(String why) {
        onFailure.accept(why);
    }

    /** Ends the thread and waits for that; devices may still stop waiting for what they have open. */
    void end() {
        boolean interrupted = false;
        if (thread.isAlive()) {
            try {
                stop.signal();
            } catch (ErrnoException e) {
                throw new IllegalStateException("end the device thread", e);
            }
            while (thread.isAlive()) {
                try {
                    thread.join();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** As {@link #end}, and gives back what it has itself; what it watched stays the callers'. After the devices' end. */
    @Override
    public void close() {
        end();
        epoll.close();
        stop.close();
        deedsWait.close();
    }
}
