package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Fd;

/** An open file or directory of the guest's. */
final class Handle extends Resource {
    private final long node;
    private final boolean append;

    /**
     * What was opened.
     *
     * @param node whose
     * @param append whether what the guest writes goes behind the end, wherever that is by then
     */
    Handle(Fd fd, long node, Share share, boolean append) {
        super(fd, share);
        this.node = node;
        this.append = append;
    }

    long node() {
        return node;
    }

    boolean appends() {
        return append;
    }
}
