package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What a guest has of the host's files, from one machine to the next: written down by the names that things have at that moment, found again by these names in
 * what is shared with the next machine. So that may lie elsewhere, and have changed in the meantime: what is not there any more is ESTALE to the guest, unless it
 * was open. Thread-safe.
 */
final class SavedFiles {
    private static final int S_IFDIR = 0x4000;

    private final FsState state;
    private final SharedFiles files;
    private final LockRequests locks;
    private final Map<Long, FsState.Inode> inodes = new HashMap<>();
    /** Of which share an inode is. */
    private final Map<Long, String> shares = new HashMap<>();

    /** What is to be found when it is shared. */
    SavedFiles(FsState state, SharedFiles files, LockRequests locks) {
        this.state = state;
        this.files = files;
        this.locks = locks;
        files.nodes().goOnFrom(state.nextNode());
        files.handles().goOnFrom(state.nextHandle());
        for (FsState.Inode each : state.nodes()) {
            inodes.put(each.id(), each);
            String parents = shares.get(each.parent());
            shares.put(each.id(), parents == null ? each.name() : parents);
        }
    }

    // ---- writing down ----

    /**
     * Writes it down, while the guest stands still.
     *
     * @throws IOException something is open, or locked, and has no name any more
     */
    static FsState of(SharedFiles files, LockRequests locks, long lastChange) throws IOException {
        List<FsState.Inode> nodes = named(files);
        Map<Long, FsState.Inode> known = new HashMap<>();
        nodes.forEach(each -> known.put(each.id(), each));
        List<FsState.Open> handles = new ArrayList<>();
        for (Handle each : files.handles().all()) {
            need(files, known, each.node());
            handles.add(new FsState.Open(each.id(), each.node(), each.flags(), each.appends(), each.whole()));
        }
        List<FsState.Locks> held = locks.held();
        for (FsState.Locks each : held) {
            need(files, known, each.node());
        }
        return new FsState(files.nodes().next(), files.handles().next(), lastChange, nodes, handles, held);
    }

    private static void need(SharedFiles files, Map<Long, FsState.Inode> known, long node) throws IOException {
        if (!known.containsKey(node)) {
            Node nameless = files.nodes().find(node);
            String last = nameless == null ? "" : text(nameless.place().bytes());
            throw new IOException(
                    "a file of the host's that is open in the guest has no name any more; it was " + last);
        }
    }

    /** Names are bytes. */
    private static byte[] bytes(String name) {
        return name.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static String text(byte[] name) {
        return new String(name, StandardCharsets.ISO_8859_1);
    }

    /** Directories first. */
    private static List<FsState.Inode> named(SharedFiles files) {
        Map<Long, List<Node>> children = new HashMap<>();
        for (Node each : files.nodes().all()) {
            children.computeIfAbsent(each.place().parent(), parent -> new ArrayList<>())
                    .add(each);
        }
        List<FsState.Inode> found = new ArrayList<>();
        Deque<Node> directories = new ArrayDeque<>();
        try (FileCalls calls = new FileCalls()) {
            for (Node each : children.getOrDefault(FuseAbi.ROOT_ID, List.of())) {
                add(each, found, directories);
            }
            while (!directories.isEmpty()) {
                Node parent = directories.remove();
                for (Node each : children.getOrDefault(parent.id(), List.of())) {
                    if (isThere(each, parent, calls)) {
                        add(each, found, directories);
                    }
                }
            }
        }
        return found;
    }

    private static void add(Node node, List<FsState.Inode> found, Deque<Node> directories) {
        Node.Place place = node.place();
        found.add(new FsState.Inode(node.id(), node.type(), node.lookups(), place.parent(), text(place.bytes())));
        if (node.isDirectory()) {
            directories.add(node);
        }
    }

    /** Whether it is still what stands there under its name. */
    private static boolean isThere(Node node, Node parent, FileCalls calls) {
        if (node.share() != parent.share()) {
            return false;
        }
        try (Fd now = calls.find(parent.fd(), node.place().bytes())) {
            FileStatus status = calls.status(now.number());
            return status.device() == node.key().device()
                    && status.inode() == node.key().inode();
        } catch (FuseError e) {
            return false;
        }
    }

    // ---- going on ----

    /**
     * Has what the guest had of it before, in what is shared now.
     *
     * @throws ErrnoException it cannot be the same, as something that was open is not there, or may not be opened so any more; or somebody else has its locks
     */
    synchronized void revive(Share share) throws ErrnoException {
        byte[] name = share.name().getBytes(StandardCharsets.UTF_8);
        Set<Long> revived = new LinkedHashSet<>();
        try (FileCalls calls = new FileCalls()) {
            for (FsState.Inode each : state.nodes()) {
                if (each.parent() == FuseAbi.ROOT_ID && each.name().equals(text(name))) {
                    reviveRoot(each, share, calls);
                    revived.add(each.id());
                } else if (revived.contains(each.parent()) && isRevived(each, share, calls)) {
                    revived.add(each.id());
                }
            }
            for (FsState.Open each : state.handles()) {
                if (text(name).equals(shares.get(each.node()))) {
                    with(each.node(), "open", node -> reopen(each, node, calls));
                }
            }
            for (FsState.Locks each : state.locks()) {
                if (text(name).equals(shares.get(each.node()))) {
                    with(each.node(), "lock", node -> locks.hold(each, node, calls));
                }
            }
        }
        revived.forEach(files::hear);
    }

    private void reviveRoot(FsState.Inode was, Share share, FileCalls calls) throws ErrnoException {
        try {
            if (!isRevived(was, share, calls.reference(share.root().number()), calls)) {
                throw new FuseError(was.type() == S_IFDIR ? Errno.ENOTDIR : Errno.EISDIR);
            }
        } catch (FuseError e) {
            throw new ErrnoException(e.number(), "go on with", "volume " + share.name());
        }
    }

    private boolean isRevived(FsState.Inode was, Share share, FileCalls calls) {
        try {
            return files.with(
                    was.parent(), parent -> isRevived(was, share, calls.find(parent.fd(), bytes(was.name())), calls));
        } catch (FuseError e) {
            return false; // it is gone
        }
    }

    /** @param fd consumed */
    private boolean isRevived(FsState.Inode was, Share share, Fd fd, FileCalls calls) throws FuseError {
        Node node = new Node(fd, share, calls.statusOrClose(fd));
        if (node.type() != was.type()) {
            fd.close();
            return false;
        }
        files.nodes().revive(node, was.id(), was.lookups(), new Node.Place(was.parent(), bytes(was.name())));
        return true;
    }

    private void reopen(FsState.Open was, Node node, FileCalls calls) throws FuseError {
        if (node.share().isReadOnly() && (was.flags() & FileCalls.O_ACCMODE) != FileCalls.O_RDONLY) {
            throw new FuseError(Errno.EROFS);
        }
        Fd fd = calls.reopen(node.fd(), was.flags());
        Handle open = new Handle(fd, was.node(), node.share(), was.flags(), was.append());
        files.handles().add(open, was.id());
        LockRequests.holdWhole(open, was.whole(), calls);
    }

    private interface Deed {
        void perform(Node node) throws FuseError;
    }

    private void with(long id, String what, Deed deed) throws ErrnoException {
        try {
            var _ = files.with(id, node -> {
                deed.perform(node);
                return true;
            });
        } catch (FuseError e) {
            // Without its inode it is not there under its name.
            int errno = e.number() == Errno.ESTALE.number() ? Errno.ENOENT.number() : e.number();
            throw new ErrnoException(errno, what + " again", path(id));
        }
    }

    /** For messages. */
    private String path(long id) {
        StringBuilder path = new StringBuilder();
        for (FsState.Inode each = inodes.get(id); each != null; each = inodes.get(each.parent())) {
            path.insert(0, "/" + each.name());
        }
        return "volume " + path.substring(Math.min(1, path.length()));
    }
}
