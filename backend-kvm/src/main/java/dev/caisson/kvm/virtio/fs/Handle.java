package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Fd;

/** An open file or directory of the guest's. */
final class Handle extends Resource {
    private final long node;
    private final int flags;
    private final boolean append;
    /** The lock of flock(2) that it has. */
    private volatile int whole = LockRequests.F_UNLCK;

    /**
     * What was opened.
     *
     * @param node whose
     * @param flags of open(2) by which the descriptor can be had again
     * @param append whether what the guest writes goes behind the end, wherever that is by then
     */
    Handle(Fd fd, long node, Share share, int flags, boolean append) {
        super(fd, share);
        this.node = node;
        this.flags = flags;
        this.append = append;
    }

    long node() {
        return node;
    }

    int flags() {
        return flags;
    }

    int whole() {
        return whole;
    }

    void locked(int type) {
        whole = type;
    }

    boolean appends() {
        return append;
    }
}
