package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Fd;

/**
 * Something that the guest names by a number and that has a descriptor. While a request uses it, the descriptor stays open, whatever other requests
 * do to it: a number that another file may have by then must not be used. Guarded by its {@link ResourceTable}.
 */
abstract class Resource {
    private final Fd fd;
    private final Share share;
    private long id;
    private int users;
    private boolean retired;

    Resource(Fd fd, Share share) {
        this.fd = fd;
        this.share = share;
    }

    final Share share() {
        return share;
    }

    final long id() {
        return id;
    }

    /** The descriptor's number, for who uses this. */
    final int fd() {
        return fd.number();
    }

    final void named(long as) {
        id = as;
    }

    final void enter() {
        users++;
    }

    final void leave() {
        users--;
        closeIfUnused();
    }

    final void retire() {
        retired = true;
        closeIfUnused();
    }

    private void closeIfUnused() {
        if (retired && users == 0) {
            fd.close();
            closed();
        }
    }

    /** Nobody uses it any more, and nobody can. */
    void closed() {}
}
