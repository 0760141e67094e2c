package dev.caisson.namespace;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.OomWatcher;
import org.jspecify.annotations.Nullable;

/** The kernel's kills for lack of memory in one container's groups: counted, and told as they happen. Thread-safe. */
final class OomKills {
    private final OomWatcher watcher;
    private OomWatcher.@Nullable Watch watch;
    private boolean closed;

    OomKills(OomWatcher watcher) {
        this.watcher = watcher;
    }

    /** How many there were. */
    long of(Cgroup cgroup) {
        try {
            return cgroup.oomKills();
        } catch (ErrnoException e) {
            return 0; // the group is gone
        }
    }

    /** Once, and not when the groups are removed already. */
    synchronized void watch(Cgroup cgroup, Runnable onOom) {
        if (watch != null || closed) {
            return;
        }
        try {
            watch = watcher.watch(cgroup, kills -> onOom.run());
        } catch (ErrnoException | CgroupException e) {
            // The counter is read again when a process ends: a kill is reported then.
            watch = null;
        }
    }

    synchronized boolean areWatched() {
        return watch != null;
    }

    /** The groups are removed, or about to be. */
    synchronized void close() {
        if (watch != null) {
            watch.close();
            watch = null;
        }
        closed = true;
    }
}
