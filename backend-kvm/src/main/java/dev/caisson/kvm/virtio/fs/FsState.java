package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.kvm.virtio.fs.HeldRanges.Range;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * What a guest has of the host's files, written down: descriptors do not go along, so it is by names. Pure.
 *
 * @param nextNode the number of the next inode that it is told of
 * @param nextHandle the number of the next one that it opens
 * @param lastChange the number of the last change of the host's that it was told of
 * @param nodes a directory is in front of what is in it
 */
record FsState(
        long nextNode, long nextHandle, long lastChange, List<Inode> nodes, List<Open> handles, List<Locks> locks) {
    /** Nobody has lasted so long. */
    private static final long MOST = Long.MAX_VALUE / 4;

    private static final int S_IFMT = 0xf000;
    private static final int NAME_LIMIT = 255;
    private static final int FLAGS = FileCalls.O_ACCMODE | FileCalls.O_SYNC | FileCalls.O_DIRECTORY;

    /**
     * An inode.
     *
     * @param type S_IFMT bits
     * @param lookups how often the guest was told of it
     * @param parent {@link FuseAbi#ROOT_ID} for what is shared itself
     */
    record Inode(long id, int type, long lookups, long parent, String name) {}

    /**
     * An open file or directory.
     *
     * @param flags of open(2)
     * @param whole the lock of flock(2) that it has
     */
    record Open(long id, long node, int flags, boolean append, int whole) {}

    /** The ranges that one owner has locked of a file. */
    record Locks(long node, long owner, List<Range> ranges) {}

    void write(StateWriter to) {
        to.part("files").putLong(nextNode).putLong(nextHandle).putLong(lastChange);
        to.putInt(nodes.size());
        for (Inode each : nodes) {
            to.putLong(each.id()).putInt(each.type()).putLong(each.lookups()).putLong(each.parent());
            to.putBytes(each.name().getBytes(StandardCharsets.ISO_8859_1));
        }
        to.putInt(handles.size());
        for (Open each : handles) {
            to.putLong(each.id()).putLong(each.node()).putInt(each.flags());
            to.putBoolean(each.append()).putInt(each.whole());
        }
        to.putInt(locks.size());
        for (Locks each : locks) {
            to.putLong(each.node()).putLong(each.owner()).putInt(each.ranges().size());
            for (Range range : each.ranges()) {
                to.putInt(range.type()).putLong(range.start()).putLong(range.end());
            }
        }
    }

    /** @throws StateFormatException no guest can have had that */
    static FsState read(StateReader from) throws StateFormatException {
        from.part("files");
        long nextNode = number(from, FuseAbi.ROOT_ID + 1, FuseAbi.CHANGES_ID - 1);
        long nextHandle = number(from, 1, MOST);
        long lastChange = number(from, 0, MOST);
        Map<Long, Inode> nodes = new HashMap<>();
        List<Inode> inOrder = new ArrayList<>();
        int count = from.getInt(0, SharedFiles.NODES, "the number of inodes");
        for (int i = 0; i < count; i++) {
            inOrder.add(inode(from, nextNode, nodes));
        }
        Map<Long, Open> handles = new HashMap<>();
        count = from.getInt(0, SharedFiles.HANDLES, "the number of open files");
        for (int i = 0; i < count; i++) {
            Open open = new Open(
                    number(from, 1, nextHandle - 1),
                    known(from, from.getLong(), nodes),
                    from.getInt() & FLAGS,
                    from.getBoolean(),
                    from.getInt(LockRequests.F_RDLCK, LockRequests.F_UNLCK, "a lock"));
            if (handles.put(open.id(), open) != null) {
                throw from.wrong("two open files of one number");
            }
        }
        List<Locks> locks = new ArrayList<>();
        count = from.getInt(0, LockRequests.OWNERS, "the number of locks' owners");
        for (int i = 0; i < count; i++) {
            locks.add(locks(from, nodes));
        }
        return new FsState(nextNode, nextHandle, lastChange, inOrder, List.copyOf(handles.values()), locks);
    }

    private static Inode inode(StateReader from, long next, Map<Long, Inode> before) throws StateFormatException {
        Inode node = new Inode(
                number(from, FuseAbi.ROOT_ID + 1, next - 1),
                from.getInt() & S_IFMT,
                number(from, 1, MOST),
                from.getLong(),
                new String(from.getBytes(NAME_LIMIT), StandardCharsets.ISO_8859_1));
        if (node.parent() != FuseAbi.ROOT_ID) {
            known(from, node.parent(), before);
        }
        if (FuseRequest.isNoName(node.name().getBytes(StandardCharsets.ISO_8859_1))) {
            throw from.wrong("a file without a name");
        }
        if (before.put(node.id(), node) != null) {
            throw from.wrong("two inodes of one number");
        }
        return node;
    }

    private static Locks locks(StateReader from, Map<Long, Inode> nodes) throws StateFormatException {
        long node = known(from, from.getLong(), nodes);
        long owner = from.getLong();
        List<Range> ranges = new ArrayList<>();
        int count = from.getInt(1, HeldRanges.LIMIT, "the number of locks");
        for (int i = 0; i < count; i++) {
            int type = from.getInt(LockRequests.F_RDLCK, LockRequests.F_UNLCK - 1, "a lock");
            long start = number(from, 0, Long.MAX_VALUE);
            ranges.add(new Range(type, start, number(from, start, Long.MAX_VALUE)));
        }
        return new Locks(node, owner, ranges);
    }

    private static long number(StateReader from, long least, long most) throws StateFormatException {
        long value = from.getLong();
        if (value < least || value > most) {
            throw from.wrong("a number of files is " + value);
        }
        return value;
    }

    private static long known(StateReader from, long node, Map<Long, Inode> nodes) throws StateFormatException {
        if (!nodes.containsKey(node)) {
            throw from.wrong("an inode that is not there");
        }
        return node;
    }
}
