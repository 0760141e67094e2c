package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.guest.CacheMode;
import dev.caisson.linux.Fd;

/** A file or directory of the host's that the guest may see. */
final class Share {
    private final String name;
    private final Fd root;
    private final boolean readOnly;
    private final CacheMode cache;
    private volatile boolean removed;

    /**
     * What is shared.
     *
     * @param name its entry in the file system's root
     * @param root an O_PATH descriptor, consumed
     * @param readOnly whether the guest may change nothing of it
     * @param cache how long it may go by what it was told
     */
    Share(String name, Fd root, boolean readOnly, CacheMode cache) {
        this.name = name;
        this.root = root;
        this.readOnly = readOnly;
        this.cache = cache;
    }

    String name() {
        return name;
    }

    Fd root() {
        return root;
    }

    boolean isReadOnly() {
        return readOnly;
    }

    CacheMode cache() {
        return cache;
    }

    boolean isRemoved() {
        return removed;
    }

    void remove() {
        removed = true;
        root.close();
    }
}
