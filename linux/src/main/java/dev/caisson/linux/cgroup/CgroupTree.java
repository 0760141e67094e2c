package dev.caisson.linux.cgroup;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Walks a directory and all groups below it, children first. A container may have been given its group to divide as it likes,
 * so neither the depth nor the length of a path is bounded: the walk uses no recursion, and where a path comes near PATH_MAX
 * it continues from a descriptor of the directory.
 */
final class CgroupTree {
    /** Half of PATH_MAX, so that a longest name and a file in it still fit. */
    private static final int PATH_LIMIT = 2048;

    private CgroupTree() {}

    /** Called for each group when its children have been visited. */
    interface Visitor {
        void leave(String directory) throws ErrnoException;
    }

    private static final class Frame {
        final String path;
        final @Nullable Fd base;
        final Iterator<HostFiles.Entry> entries;

        Frame(String path, @Nullable Fd base) throws ErrnoException {
            this.path = path;
            this.base = base;
            List<HostFiles.Entry> found = HostFiles.listIfPresent(path);
            this.entries = found == null ? List.<HostFiles.Entry>of().iterator() : found.iterator();
        }
    }

    /** Visits a directory's groups and then itself; one that disappears meanwhile is visited or not. */
    static void walk(String directory, Visitor visitor) throws ErrnoException {
        Deque<Frame> stack = new ArrayDeque<>();
        try {
            stack.push(new Frame(directory, null));
            while (true) {
                Frame frame = stack.peek();
                if (frame == null) {
                    return;
                }
                String child = nextGroup(frame.entries);
                if (child != null) {
                    stack.push(below(frame.path, child));
                    continue;
                }
                visitor.leave(frame.path);
                stack.pop();
                close(frame.base);
            }
        } finally {
            for (Frame frame : stack) {
                close(frame.base);
            }
        }
    }

    private static Frame below(String path, String child) throws ErrnoException {
        if (path.length() <= PATH_LIMIT) {
            return new Frame(path + "/" + child, null);
        }
        Fd base = HostFiles.openIfPresent(path, HostFiles.O_PATH | HostFiles.O_DIRECTORY);
        if (base == null) {
            return new Frame(path, null);
        }
        try {
            return new Frame(base.procPath() + "/" + child, base);
        } catch (ErrnoException e) {
            base.close();
            throw e;
        }
    }

    private static @Nullable String nextGroup(Iterator<HostFiles.Entry> entries) {
        while (entries.hasNext()) {
            HostFiles.Entry entry = entries.next();
            if (entry.directory()) {
                return entry.name();
            }
        }
        return null;
    }

    private static void close(@Nullable Fd fd) {
        if (fd != null) {
            fd.close();
        }
    }
}
