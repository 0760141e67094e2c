package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Errno;
import java.util.HashMap;
import java.util.Map;

/** The inodes that the guest knows of. Any thread. */
final class NodeTable extends ResourceTable<Node> {
    private final Map<Node.Key, Long> ids = new HashMap<>();

    NodeTable(int limit) {
        super(limit, FuseAbi.ROOT_ID + 1, Errno.ESTALE);
    }

    /**
     * Tells the guest of an inode: the node that it has, or this one.
     *
     * @param found consumed
     */
    synchronized long lookedUp(Node found) throws FuseError {
        Long known = ids.get(found.key());
        if (known != null) {
            Node node = find(known);
            if (node != null) {
                found.retire();
                node.lookedUp();
                return known;
            }
        }
        long id = add(found);
        ids.put(found.key(), id);
        found.lookedUp();
        return id;
    }

    /** The guest gives back what it was told. */
    synchronized void forget(long id, long count) {
        Node node = find(id);
        if (node != null && node.forget(count)) {
            remove(id);
        }
    }

    @Override
    synchronized void remove(long id) {
        Node node = find(id);
        if (node != null) {
            ids.remove(node.key());
        }
        super.remove(id);
    }
}
