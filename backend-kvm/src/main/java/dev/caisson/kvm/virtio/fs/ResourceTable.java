package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Errno;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** What a guest has numbers for. Numbers are never given twice. Any thread. */
class ResourceTable<T extends Resource> {
    private final int limit;
    private final Errno unknown;
    private final Map<Long, T> entries = new HashMap<>();
    private long next;

    /**
     * An empty table.
     *
     * @param limit how many there may be: descriptors are the host's
     * @param first the first number
     * @param unknown what a number is answered with that nothing has
     */
    ResourceTable(int limit, long first, Errno unknown) {
        this.limit = limit;
        this.next = first;
        this.unknown = unknown;
    }

    /** Gives something a number. When there are too many it is closed, and the error is ENFILE; ESTALE when its share was taken away. */
    final synchronized long add(T entry) throws FuseError {
        add(entry, next);
        return next++;
    }

    /** As {@link #add(T)}, by a number of before; EEXIST when something has that. */
    final synchronized void add(T entry, long number) throws FuseError {
        Errno problem = entry.share().isRemoved()
                ? Errno.ESTALE
                : entries.size() >= limit ? Errno.ENFILE : entries.containsKey(number) ? Errno.EEXIST : null;
        if (problem != null) {
            entry.retire();
            throw new FuseError(problem);
        }
        entry.named(number);
        entries.put(number, entry);
    }

    /** The next number that it gives. */
    final synchronized long next() {
        return next;
    }

    /** Gives no number below this one from now on. */
    final synchronized void goOnFrom(long number) {
        next = Math.max(next, number);
    }

    /** All that there is. */
    final synchronized List<T> all() {
        return new ArrayList<>(entries.values());
    }

    /** What has a number, until {@link #leave}. */
    final synchronized T use(long id) throws FuseError {
        T entry = entries.get(id);
        if (entry == null) {
            throw new FuseError(unknown);
        }
        entry.enter();
        return entry;
    }

    final synchronized void leave(T entry) {
        entry.leave();
    }

    final synchronized @Nullable T find(long id) {
        return entries.get(id);
    }

    /** Takes a number away. */
    synchronized void remove(long id) {
        T entry = entries.remove(id);
        if (entry != null) {
            entry.retire();
        }
    }

    /** Takes away what is of a share, which must be marked as removed. */
    final synchronized void removeOf(Share share) {
        removeIf(entry -> entry.share() == share);
    }

    /** Takes everything away. */
    final synchronized void clear() {
        removeIf(entry -> true);
    }

    private void removeIf(Predicate<T> which) {
        List<Long> ids = new ArrayList<>();
        entries.forEach((id, entry) -> {
            if (which.test(entry)) {
                ids.add(id);
            }
        });
        ids.forEach(this::remove);
    }

    final synchronized int size() {
        return entries.size();
    }

    /** Whether it is time to have fewer: a quarter of what there may be. */
    final synchronized boolean isCrowded() {
        return entries.size() >= limit / 4;
    }
}
