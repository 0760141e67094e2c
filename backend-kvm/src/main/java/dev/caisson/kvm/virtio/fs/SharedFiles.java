package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.guest.CacheMode;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What a guest may see, and what it has numbers for. Any thread. */
final class SharedFiles {
    static final int NODES = 1 << 16;
    static final int HANDLES = 1 << 14;
    private static final int SHARES = 1024;
    /** Of {@code struct fuse_entry_out}. */
    private static final int ENTRY_VALID = 16;

    private static final int ATTR_VALID = 24;
    /** Of a parent whose children all are the beginning of another file system: the root. */
    private static final long NO_DEVICE = -1;

    private final Map<String, Share> shares = new TreeMap<>();
    private final Changes changes = new Changes(Clock.systemUTC());
    private final HostWatch watch = new HostWatch();
    private final NodeTable nodes;
    private final ResourceTable<Handle> handles;

    SharedFiles() {
        this(NODES, HANDLES);
    }

    SharedFiles(int nodeLimit, int handleLimit) {
        nodes = new NodeTable(nodeLimit, watch);
        handles = new ResourceTable<>(handleLimit, 1, Errno.EBADF);
    }

    Changes changes() {
        return changes;
    }

    /** What hears of the host's changes. */
    HostWatch watch() {
        return watch;
    }

    NodeTable nodes() {
        return nodes;
    }

    ResourceTable<Handle> handles() {
        return handles;
    }

    /** Shows the guest one more; {@code root} is consumed. */
    synchronized Share add(String name, Fd root, boolean readOnly, CacheMode cache) throws ErrnoException {
        if (shares.containsKey(name) || shares.size() >= SHARES) {
            root.close();
            throw new ErrnoException(shares.containsKey(name) ? Errno.EEXIST : Errno.ENOSPC, "share", name);
        }
        Share share = new Share(name, root, readOnly, cache);
        shares.put(name, share);
        return share;
    }

    /** The guest can do nothing with it any more, whatever it has open. Returns what it was; null when there is none. */
    synchronized @Nullable Share remove(String name) {
        Share share = shares.remove(name);
        if (share != null) {
            share.remove();
            handles.removeOf(share);
            nodes.removeOf(share);
        }
        return share;
    }

    /** In the order of their names. */
    synchronized List<String> names() {
        return new ArrayList<>(shares.keySet());
    }

    /** O_PATH descriptors of what the guest may change; the caller closes them. */
    synchronized List<Fd> writable(FileCalls calls) throws FuseError {
        List<Fd> roots = new ArrayList<>();
        for (Share share : shares.values()) {
            if (!share.isReadOnly()) {
                roots.add(calls.reference(share.root().number()));
            }
        }
        return roots;
    }

    /** An entry of the root: {@code struct fuse_entry_out}. */
    synchronized ByteBuffer lookUp(byte[] name, FileCalls calls) throws FuseError {
        Share share = shares.get(new String(name, StandardCharsets.UTF_8));
        if (share == null) {
            throw new FuseError(Errno.ENOENT);
        }
        Node.Place place = new Node.Place(FuseAbi.ROOT_ID, name);
        return entry(share, calls.reference(share.root().number()), place, NO_DEVICE, calls, 0);
    }

    /**
     * Tells the guest of an inode.
     *
     * @param fd O_PATH; consumed
     * @param place where it was found
     * @param parentDevice of the directory that it was found in
     * @param more bytes that the caller will put behind it
     * @return {@code struct fuse_entry_out}
     */
    ByteBuffer entry(Share share, Fd fd, Node.Place place, long parentDevice, FileCalls calls, int more)
            throws FuseError {
        FileStatus status = calls.statusOrClose(fd);
        Node node = new Node(fd, share, status);
        boolean submount = node.isDirectory() && status.device() != parentDevice;
        ByteBuffer entry = ByteBuffer.allocate(FuseAbi.ENTRY + more).order(ByteOrder.LITTLE_ENDIAN);
        long id = nodes.lookedUp(node, place);
        long valid = validity(share);
        // Number, generation, and how long name and attributes are good for.
        entry.putLong(id).putLong(0).putLong(valid).putLong(valid).putInt(0).putInt(0);
        status.put(entry, submount ? FuseAbi.ATTR_SUBMOUNT : 0, changes.nanos(status));
        hear(id);
        return entry;
    }

    /**
     * How long the guest may go by what it is told of a file, in seconds. It keeps names that are good for a while, with a number for each: no longer when
     * there are many.
     */
    long validity(Share share) {
        return nodes.isCrowded() ? 0 : share.cache().seconds();
    }

    /** Makes of what {@link #entry} has returned something that is good for no time. */
    static ByteBuffer passing(ByteBuffer entry) {
        return entry.putLong(ENTRY_VALID, 0).putLong(ATTR_VALID, 0);
    }

    /** Lets the guest hear of what happens to something that it knows. */
    void hear(long id) {
        if (!watch.begun()) {
            return;
        }
        try {
            var _ = with(id, node -> {
                watch.add(node, node.place().parent() == FuseAbi.ROOT_ID);
                return true;
            });
        } catch (FuseError e) {
            // Forgotten in the meantime.
            return;
        }
        Node node = nodes.find(id);
        if (node == null) {
            watch.forget(id);
        }
    }

    /** From now on the guest hears of what happens to all that it knows. */
    void hearAll() {
        watch.begin();
        nodes.ids().forEach(this::hear);
    }

    /** Something that is done with an inode. */
    interface WithNode<R> {
        R perform(Node node) throws FuseError;
    }

    <R> R with(long id, WithNode<R> deed) throws FuseError {
        Node node = nodes.use(id);
        try {
            return deed.perform(node);
        } finally {
            nodes.leave(node);
        }
    }

    /** As {@link #with}, for what changes something. */
    <R> R changing(long id, WithNode<R> deed) throws FuseError {
        if (id == FuseAbi.ROOT_ID) {
            throw new FuseError(Errno.EROFS);
        }
        return with(id, node -> {
            if (node.share().isReadOnly()) {
                throw new FuseError(Errno.EROFS);
            }
            return deed.perform(node);
        });
    }

    /** Something that is done with what is open; may need the guest's memory. */
    interface WithHandle<R> {
        R perform(Handle handle) throws FuseError, GuestFault;
    }

    /** Does it, if the handle is one of that inode's. */
    <R> R open(long id, long node, WithHandle<R> deed) throws FuseError, GuestFault {
        Handle handle = handles.use(id);
        try {
            if (handle.node() != node) {
                throw new FuseError(Errno.EBADF);
            }
            return deed.perform(handle);
        } finally {
            handles.leave(handle);
        }
    }

    /** The guest starts over. */
    void clear() {
        handles.clear();
        nodes.clear();
    }

    /** Nothing is shared any more. */
    synchronized void close() {
        for (String name : names()) {
            var _ = remove(name);
        }
        watch.close();
    }
}
