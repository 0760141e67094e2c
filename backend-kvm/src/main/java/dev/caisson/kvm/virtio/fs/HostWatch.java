package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Hears of what happens to those of the host's files that the guest knows of: each directory has a mark of its own (fanotify(7), without any
 * privilege), and whatever is shared alone. It begins when somebody wants to hear ({@link #begin}); before, nothing is marked. On file systems
 * that number no inodes for others (fanotify_mark(2), ENODEV, EOPNOTSUPP, EXDEV) nothing is heard. Any thread; knows no other lock than its own.
 */
final class HostWatch implements AutoCloseable {
    private static final int EVENTS = 64 << 10;

    private final FileCalls calls = new FileCalls();
    private final @Nullable Fd group;
    private final Map<FileHandle, Set<Long>> nodes = new HashMap<>();
    private final Map<Long, FileHandle> handles = new HashMap<>();
    private final Set<FileHandle> marked = new HashSet<>();
    private volatile boolean begun;
    private boolean closed;

    /** Makes the group, which a process may not be allowed to later. */
    HostWatch() {
        Fd made = null;
        try {
            made = calls.watchGroup();
        } catch (FuseError e) {
            // A kernel that is too old, or a user with too many groups.
            System.getLogger(HostWatch.class.getName())
                    .log(
                            System.Logger.Level.INFO,
                            "the guest will not hear of the host's changes: errno " + e.number());
        }
        group = made;
    }

    /** What is readable when something has happened; null when that is not to be known. */
    @Nullable
    Fd group() {
        return group;
    }

    boolean begun() {
        return begun;
    }

    /** From now on nodes are to be added. */
    void begin() {
        begun = group != null;
    }

    /**
     * Begins to hear of an inode's changes, and of those of its entries. Does nothing for one that it has, or of which nothing can be heard.
     *
     * @param node that is in use, so that its descriptor stays
     * @param alone whether nobody hears of it by its directory
     */
    synchronized void add(Node node, boolean alone) {
        if (!begun || closed || handles.containsKey(node.id())) {
            return;
        }
        try {
            FileHandle handle = calls.handle(node.fd());
            if ((node.isDirectory() || alone) && !marked.contains(handle)) {
                calls.mark(begunGroup(), node.fd(), node.isDirectory(), true);
                marked.add(handle);
            }
            handles.put(node.id(), handle);
            nodes.computeIfAbsent(handle, h -> new HashSet<>()).add(node.id());
        } catch (FuseError e) {
            // What nobody hears of is as it was.
        }
    }

    /** The guest has forgotten it. Before its descriptor is closed. */
    synchronized void remove(Node node) {
        FileHandle last = forget(node.id());
        if (last != null && marked.remove(last)) {
            try {
                calls.mark(begunGroup(), node.fd(), node.isDirectory(), false);
            } catch (FuseError e) {
                // The inode is gone, and its mark with it.
            }
        }
    }

    /** Returns the inode's handle when that was the last number for it; its mark, if it has one, is left. */
    synchronized @Nullable FileHandle forget(long id) {
        FileHandle handle = handles.remove(id);
        Set<Long> same = handle == null ? null : nodes.get(handle);
        if (handle == null || same == null || !same.remove(id) || !same.isEmpty()) {
            return null;
        }
        nodes.remove(handle);
        return handle;
    }

    private int begunGroup() {
        Fd made = group;
        if (made == null) {
            throw new IllegalStateException("nothing is watched");
        }
        return made.number();
    }

    /** The numbers that the guest has for an inode, one for each share that has it. */
    synchronized Set<Long> nodes(FileHandle handle) {
        return Set.copyOf(nodes.getOrDefault(handle, Set.of()));
    }

    /** What has happened; empty when there is nothing more. */
    synchronized List<HostChange> read() throws ErrnoException {
        if (closed || group == null) {
            return List.of();
        }
        byte[] events = calls.events(group.number(), EVENTS);
        return HostChange.parse(events, events.length);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            if (group != null) {
                group.close();
            }
            calls.close();
        }
    }
}
