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
 * so neither depth nor names are bounded (kernfs takes names far beyond NAME_MAX): the walk uses no recursion, and where a
 * path comes near PATH_MAX it continues from a descriptor.
 */
final class CgroupTree {
    /** In characters, of which each is at most three bytes: leaves room for a file's name below PATH_MAX. */
    private static final int PATH_LIMIT = 1200;

    private CgroupTree() {}

    /** Called for each group when its children have been visited. */
    interface Visitor {
        /**
         * Looks at a group.
         *
         * @param directory a path that leads to it now; not its name
         */
        void leave(String directory) throws ErrnoException;
    }

    /** A group on the way down. */
    private static final class Frame implements AutoCloseable {
        final String path;
        /** Beyond the limit: the parent's descriptor with the name in it, and the group's own, which path goes through. */
        final @Nullable Fd parent;

        final @Nullable Fd self;
        final String name;
        final Iterator<HostFiles.Entry> entries;

        Frame(String path, @Nullable Fd parent, @Nullable Fd self, String name) throws ErrnoException {
            this.path = path;
            this.parent = parent;
            this.self = self;
            this.name = name;
            List<HostFiles.Entry> found = HostFiles.listIfPresent(path);
            this.entries = found == null ? List.<HostFiles.Entry>of().iterator() : found.iterator();
        }

        /** The next child, or null after the last. */
        @Nullable
        String nextGroup() {
            while (entries.hasNext()) {
                HostFiles.Entry entry = entries.next();
                if (entry.directory()) {
                    return entry.name();
                }
            }
            return null;
        }

        /** Errors are not looked at: whoever removes tries again from the top until its time is over. */
        void remove() {
            if (parent == null) {
                HostFiles.tryRmdir(path);
            } else {
                HostFiles.tryRmdir(parent, name);
            }
        }

        @Override
        public void close() {
            if (parent != null) {
                parent.close();
            }
            if (self != null) {
                self.close();
            }
        }
    }

    /** Visits all groups below a directory and then itself; one that disappears meanwhile is visited or not. */
    static void walk(String directory, Visitor visitor) throws ErrnoException {
        walk(directory, visitor, false);
    }

    /** Tries once to remove a directory with all groups below it. */
    static void remove(String directory) throws ErrnoException {
        walk(directory, group -> {}, true);
    }

    private static void walk(String directory, Visitor visitor, boolean remove) throws ErrnoException {
        Deque<Frame> stack = new ArrayDeque<>();
        try {
            stack.push(new Frame(directory, null, null, ""));
            for (Frame frame = stack.peek(); frame != null; frame = stack.peek()) {
                String child = frame.nextGroup();
                if (child != null) {
                    Frame below = below(frame.path, child);
                    if (below != null) {
                        stack.push(below);
                    }
                    continue;
                }
                visitor.leave(frame.path);
                if (remove) {
                    frame.remove();
                }
                stack.pop().close();
            }
        } finally {
            stack.forEach(Frame::close);
        }
    }

    private static @Nullable Frame below(String path, String child) throws ErrnoException {
        if (path.length() + child.length() < PATH_LIMIT) {
            return new Frame(path + "/" + child, null, null, child);
        }
        Fd parent = null;
        Fd self = null;
        try {
            parent = HostFiles.openIfPresent(path, HostFiles.O_PATH | HostFiles.O_DIRECTORY);
            self = parent == null
                    ? null
                    : HostFiles.openIfPresent(parent, child, HostFiles.O_PATH | HostFiles.O_DIRECTORY);
            if (self != null) {
                Frame frame = new Frame(self.procPath(), parent, self, child);
                parent = null;
                self = null;
                return frame;
            }
            return null;
        } finally {
            if (parent != null) {
                parent.close();
            }
            if (self != null) {
                self.close();
            }
        }
    }
}
