package dev.caisson.linux.cgroup;

import dev.caisson.linux.Epoll;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.EventFd;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Inotify;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Tells when the kernel kills processes of a container for lack of memory. One thread, named {@code cgroup-oom} and started
 * with the first watch, serves all containers: an eventfd on memory.oom_control each on version 1, one inotify for all
 * memory.events on version 2.
 *
 * <p>A notification can come too late for a container that dies of it: read {@link Cgroup#oomKills()} again after its exit.
 */
public final class OomWatcher implements AutoCloseable {
    private static final long WAKE_UP = 0;
    private static final long INOTIFY = 1;
    private static final long FIRST_WATCH = 2;
    /** Version 1 notifies before it kills, so the counter is looked at again for a while. */
    private static final int RECHECK_MILLIS = 10;

    private static final int RECHECKS = 200;

    private final Epoll epoll;
    private final EventFd wakeUp;
    private final Inotify inotify;
    private final Map<Long, Watch> watches = new HashMap<>();
    private @Nullable Thread thread;
    private long nextToken = FIRST_WATCH;
    private boolean closed;

    private OomWatcher(Epoll epoll, EventFd wakeUp, Inotify inotify) {
        this.epoll = epoll;
        this.wakeUp = wakeUp;
        this.inotify = inotify;
    }

    /** Called on the watcher's thread; must not block. */
    @FunctionalInterface
    public interface Listener {
        /**
         * The kernel has killed.
         *
         * @param kills the counter's new value, greater than at the call before
         */
        void oomKilled(long kills);
    }

    /** A container under watch; closing it ends the calls. */
    public final class Watch implements AutoCloseable {
        private final long token;
        private final Cgroup cgroup;
        private final Listener listener;
        private final @Nullable EventFd event;
        private int inotifyWatch = -1;
        private long seen;
        private int rechecks;

        private Watch(long token, Cgroup cgroup, Listener listener, @Nullable EventFd event, long seen) {
            this.token = token;
            this.cgroup = cgroup;
            this.listener = listener;
            this.event = event;
            this.seen = seen;
        }

        /** Ends the watch; a call under way may still finish. Idempotent. */
        @Override
        public void close() {
            OomWatcher.this.remove(this);
        }
    }

    /** Prepares a watcher; costs three descriptors and no thread yet. */
    public static OomWatcher open() throws ErrnoException {
        Epoll epoll = Epoll.open("oom watcher");
        EventFd wakeUp = null;
        Inotify inotify = null;
        try {
            wakeUp = EventFd.open("oom watcher wake-up");
            inotify = Inotify.open("oom watcher inotify");
            epoll.add(wakeUp.fd(), Epoll.EPOLLIN, WAKE_UP);
            epoll.add(inotify.fd(), Epoll.EPOLLIN, INOTIFY);
            return new OomWatcher(epoll, wakeUp, inotify);
        } catch (ErrnoException e) {
            epoll.close();
            if (wakeUp != null) {
                wakeUp.close();
            }
            if (inotify != null) {
                inotify.close();
            }
            throw e;
        }
    }

    /**
     * Watches a container from now on. Kills that the counter shows already are not reported.
     *
     * @throws CgroupException if the group has no memory controller
     */
    public synchronized Watch watch(Cgroup cgroup, Listener listener) throws ErrnoException, CgroupException {
        if (closed) {
            throw new IllegalStateException("oom watcher is closed");
        }
        String directory = cgroup.directory("memory");
        if (directory == null) {
            throw new CgroupException("watch for oom: the group has no controller memory");
        }
        long token = nextToken++;
        Watch watch;
        if (directory.equals(cgroup.unifiedDirectory())) {
            watch = new Watch(token, cgroup, listener, null, cgroup.oomKills());
            watch.inotifyWatch = inotify.watch(directory + "/memory.events", Inotify.IN_MODIFY);
        } else {
            watch = new Watch(token, cgroup, listener, register(directory, token), cgroup.oomKills());
        }
        watches.put(token, watch);
        start();
        return watch;
    }

    /** Asks for events as cgroup-v1/memory.rst section 10 says; the kernel ends it when the eventfd is closed. */
    private EventFd register(String directory, long token) throws ErrnoException {
        EventFd event = EventFd.open("oom event of " + directory);
        try (Fd control = HostFiles.open(directory + "/memory.oom_control", HostFiles.O_RDONLY, 0)) {
            String request = event.fd().number() + " " + control.number();
            HostFiles.write(directory + "/cgroup.event_control", request);
            epoll.add(event.fd(), Epoll.EPOLLIN, token);
            return event;
        } catch (ErrnoException e) {
            event.close();
            throw e;
        }
    }

    private void start() {
        if (thread == null) {
            thread = Thread.ofPlatform().daemon().name("cgroup-oom").start(this::run);
        }
    }

    private synchronized void remove(Watch watch) {
        if (watches.remove(watch.token) == null) {
            return;
        }
        if (watch.event != null) {
            watch.event.close();
        } else if (!closed) {
            // EINVAL: the file is gone, and the kernel has ended the watch itself.
            inotify.unwatch(watch.inotifyWatch);
        }
    }

    private void run() {
        try {
            while (true) {
                long[] ready = epoll.await(rechecking() ? RECHECK_MILLIS : -1);
                List<Watch> due = due(ready);
                if (due == null) {
                    return;
                }
                for (Watch watch : due) {
                    check(watch);
                }
            }
        } catch (ErrnoException e) {
            // Only a bug of ours makes epoll fail; the thread's end shows in the log through its handler.
            throw new IllegalStateException("oom watcher ends", e);
        } finally {
            epoll.close();
            wakeUp.close();
            inotify.close();
        }
    }

    private synchronized boolean rechecking() {
        for (Watch watch : watches.values()) {
            if (watch.rechecks > 0) {
                return true;
            }
        }
        return false;
    }

    /** The watches to look at, or null when the watcher has been closed. */
    private synchronized @Nullable List<Watch> due(long[] ready) throws ErrnoException {
        if (closed) {
            return null;
        }
        for (long token : ready) {
            if (token == INOTIFY) {
                for (Inotify.Event event : inotify.read()) {
                    markModified(event);
                }
            } else if (token != WAKE_UP) {
                Watch watch = watches.get(token);
                if (watch != null && watch.event != null) {
                    watch.event.take();
                    watch.rechecks = RECHECKS;
                }
            }
        }
        List<Watch> due = new ArrayList<>();
        for (Watch watch : watches.values()) {
            if (watch.rechecks > 0) {
                watch.rechecks--;
                due.add(watch);
            }
        }
        return due;
    }

    private void markModified(Inotify.Event event) {
        for (Watch watch : watches.values()) {
            boolean overflow = (event.mask() & Inotify.IN_Q_OVERFLOW) != 0;
            if (watch.event == null && (overflow || watch.inotifyWatch == event.watch())) {
                watch.rechecks = 1;
            }
        }
    }

    private void check(Watch watch) {
        long kills;
        try {
            kills = watch.cgroup.oomKills();
        } catch (ErrnoException e) {
            // The group is being removed; its counter was read after the container's exit.
            return;
        }
        if (kills > watch.seen) {
            watch.seen = kills;
            watch.listener.oomKilled(kills);
        }
    }

    /** Ends all watches and the thread. Idempotent. */
    @Override
    public void close() {
        List<Watch> left;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            left = List.copyOf(watches.values());
            if (thread == null) {
                epoll.close();
                wakeUp.close();
                inotify.close();
            } else {
                try {
                    // The thread owns the descriptors from its start on and closes them at its end, which it comes to
                    // by itself if it
                    // is awake: not before this block is left.
                    wakeUp.signal();
                } catch (ErrnoException e) {
                    throw new IllegalStateException("close oom watcher", e);
                }
            }
        }
        left.forEach(Watch::close);
    }
}
