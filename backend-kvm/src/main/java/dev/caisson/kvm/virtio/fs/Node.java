package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Fd;
import java.nio.ByteBuffer;

/** An inode that the guest knows of, held by an O_PATH descriptor: it stays that inode, whatever becomes of its names. */
final class Node extends Resource {
    private static final int S_IFMT = 0xf000;
    private static final int S_IFDIR = 0x4000;
    private static final int S_IFREG = 0x8000;
    private static final int S_IFLNK = 0xa000;

    /** Which inode it is; two shares of one inode are two, for they differ in what may be done. */
    record Key(Share share, long device, long inode) {}

    private final Key key;
    private final int type;
    /** How often the guest was told of it, less what it forgot. Guarded by the table. */
    private long lookups;

    /** The name by which the guest came to it last. Guarded by the table. */
    private Place place = Place.NOWHERE;

    /** @param fd consumed */
    Node(Fd fd, Share share, FileStatus status) {
        super(fd, share);
        this.key = new Key(share, status.device(), status.inode());
        this.type = status.mode() & S_IFMT;
    }

    /** A name in a directory that the guest knows. */
    record Place(long parent, ByteBuffer name) {
        static final Place NOWHERE = new Place(0, ByteBuffer.allocate(0));

        Place(long parent, byte[] name) {
            this(parent, ByteBuffer.wrap(name));
        }

        byte[] bytes() {
            byte[] bytes = new byte[name.remaining()];
            name.get(name.position(), bytes);
            return bytes;
        }
    }

    Place place() {
        return place;
    }

    void found(Place at) {
        place = at;
    }

    Key key() {
        return key;
    }

    /** S_IFMT bits. */
    int type() {
        return type;
    }

    boolean isDirectory() {
        return type == S_IFDIR;
    }

    boolean isRegular() {
        return type == S_IFREG;
    }

    boolean isSymbolicLink() {
        return type == S_IFLNK;
    }

    void lookedUp() {
        lookups++;
    }

    void lookedUp(long times) {
        lookups += times;
    }

    /** Guarded by the table. */
    long lookups() {
        return lookups;
    }

    /** Returns whether the guest knows it no more; who forgets more than it knows has forgotten all. */
    boolean forget(long count) {
        lookups = Long.compareUnsigned(count, lookups) >= 0 ? 0 : lookups - count;
        return lookups == 0;
    }
}
