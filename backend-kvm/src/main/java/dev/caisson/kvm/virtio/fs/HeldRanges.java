package dev.caisson.kvm.virtio.fs;

import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * Which ranges of a file an owner has locked, as the kernel sees it (fcntl(2)): a new lock takes the place of whatever it overlaps. So that they can be had again
 * elsewhere. One thread.
 */
final class HeldRanges {
    /** What one owner may have on one file: each range is memory of the host's. */
    static final int LIMIT = 4096;

    /**
     * A locked range.
     *
     * @param type F_RDLCK or F_WRLCK
     * @param end the last byte; Long.MAX_VALUE is up to the end, wherever that is by then
     */
    record Range(int type, long start, long end) {
        /** As {@code struct flock} has it: 0 is up to the end. */
        long length() {
            return end == Long.MAX_VALUE ? 0 : end - start + 1;
        }
    }

    private final NavigableMap<Long, Range> ranges = new TreeMap<>();

    /** Whether one more lock, which may split one into two, is within the limit. */
    boolean hasRoom() {
        return ranges.size() + 2 <= LIMIT;
    }

    /** A range was locked. */
    void locked(Range range) {
        unlocked(range.start(), range.end());
        ranges.put(range.start(), range);
    }

    /** A range was unlocked, whatever there was. */
    void unlocked(long start, long end) {
        var before = ranges.floorEntry(start);
        if (before != null && before.getValue().end() >= start) {
            cut(before.getValue(), start, end);
        }
        for (Range each :
                List.copyOf(ranges.tailMap(start, true).headMap(end, true).values())) {
            cut(each, start, end);
        }
    }

    private void cut(Range range, long start, long end) {
        ranges.remove(range.start());
        if (range.start() < start) {
            ranges.put(range.start(), new Range(range.type(), range.start(), start - 1));
        }
        if (range.end() > end) {
            ranges.put(end + 1, new Range(range.type(), end + 1, range.end()));
        }
    }

    /** In their order. */
    List<Range> all() {
        return List.copyOf(ranges.values());
    }
}
