package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Errno;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The inodes that the guest knows of. Any thread. */
final class NodeTable extends ResourceTable<Node> {
    private final Map<Node.Key, Long> ids = new HashMap<>();
    private final Map<Node.Place, Long> places = new HashMap<>();
    private final HostWatch watch;

    /** @param watch told of what the guest has forgotten */
    NodeTable(int limit, HostWatch watch) {
        super(limit, FuseAbi.ROOT_ID + 1, Errno.ESTALE);
        this.watch = watch;
    }

    /**
     * Tells the guest of an inode: the node that it has, or this one.
     *
     * @param found consumed
     * @param place by which name it was found
     */
    synchronized long lookedUp(Node found, Node.Place place) throws FuseError {
        Long known = ids.get(found.key());
        if (known != null) {
            Node node = find(known);
            if (node != null) {
                found.retire();
                node.lookedUp();
                move(node, place);
                return known;
            }
        }
        long id = add(found);
        ids.put(found.key(), id);
        found.lookedUp();
        move(found, place);
        return id;
    }

    /**
     * Has an inode under the number that the guest knows it by from before.
     *
     * @param node consumed
     * @param lookups how often the guest was told of it
     */
    synchronized void revive(Node node, long id, long lookups, Node.Place place) throws FuseError {
        add(node, id);
        // Two files of before may be one now.
        ids.putIfAbsent(node.key(), id);
        node.lookedUp(lookups);
        move(node, place);
    }

    /** The guest has renamed something that it knows. */
    synchronized void renamed(Node.Place from, Node.Place to) {
        Long id = places.get(from);
        Node node = id == null ? null : find(id);
        if (node != null) {
            move(node, to);
        }
    }

    private void move(Node node, Node.Place place) {
        if (!node.place().equals(place)) {
            places.remove(node.place(), node.id());
            node.found(place);
        }
        places.put(place, node.id());
    }

    /** What the guest came to last by a name; null when it knows nothing there any more. */
    synchronized @Nullable Long at(Node.Place place) {
        return places.get(place);
    }

    /** The name by which the guest came to a node last; null when it does not know it. */
    synchronized Node.@Nullable Place place(long id) {
        Node node = find(id);
        return node == null ? null : node.place();
    }

    /** All that the guest knows. */
    synchronized List<Long> ids() {
        return List.copyOf(ids.values());
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
            ids.remove(node.key(), id);
            places.remove(node.place(), id);
            watch.remove(node);
        }
        super.remove(id);
    }
}
