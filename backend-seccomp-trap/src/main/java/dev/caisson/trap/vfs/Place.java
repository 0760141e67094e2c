package dev.caisson.trap.vfs;

import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.proc.ProcPlaces;

/**
 * Something that a path led to.
 *
 * @param fd a descriptor of ours, opened with O_PATH; or a negative errno, and then nothing else counts
 * @param mount id of the mount that it is on
 * @param isRoot whether it is all that the mount shows
 * @param device number of its file system
 * @param path what it is called; empty if it has no name
 */
record Place(long fd, long mount, boolean isRoot, boolean isDirectory, long device, String path) {
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_TYPE_MNT_ID = 0x1001;
    private static final int STX_ATTRIBUTES = 8;
    private static final int STX_MODE = 28;
    private static final int STX_MNT_ID = 144;
    private static final long ATTR_MOUNT_ROOT = 0x2000;
    private static final int S_IFMT = 0xf000;
    private static final int S_IFDIR = 0x4000;
    private static final int OUT = GuestCall.TEXT + 64;

    /** Of a descriptor that was just opened, or an errno. */
    static Place of(GuestCall c, long fd) {
        if (fd < 0) {
            return failed(fd);
        }
        c.memory().putByte(GuestCall.TEXT, 0);
        long result = c.kernel()
                .call(
                        Nr.statx,
                        fd,
                        c.memory().address(GuestCall.TEXT),
                        AT_EMPTY_PATH,
                        STATX_TYPE_MNT_ID,
                        c.memory().address(OUT));
        if (result < 0) {
            c.kernel().call(Nr.close, fd);
            return failed(result);
        }
        boolean isRoot = (c.memory().getLong(OUT + STX_ATTRIBUTES) & ATTR_MOUNT_ROOT) != 0;
        boolean isDirectory = (c.memory().getShort(OUT + STX_MODE) & S_IFMT) == S_IFDIR;
        long mount = c.memory().getLong(OUT + STX_MNT_ID);
        c.kernel().call(Nr.fstat, fd, c.memory().address(OUT));
        long device = c.memory().getLong(OUT);
        String path = ProcPlaces.pathOf(c, fd);
        return new Place(fd, mount, isRoot, isDirectory, device, path == null ? "" : path);
    }

    static Place failed(long errno) {
        return new Place(errno, -1, false, false, -1, "");
    }

    void close(GuestCall c) {
        if (fd >= 0) {
            c.kernel().call(Nr.close, fd);
        }
    }
}
