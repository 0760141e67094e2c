package dev.caisson.kvm.virtio.fs;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** What statx(2) says of a file; times in seconds and nanoseconds. Pure. */
record FileStatus(
        long inode,
        long size,
        long blocks,
        long access,
        int accessNanos,
        long modified,
        int modifiedNanos,
        long changed,
        int changedNanos,
        int mode,
        int links,
        int uid,
        int gid,
        int deviceMajor,
        int deviceMinor,
        int blockSize,
        long device) {

    static FileStatus of(byte[] statx) {
        ByteBuffer b = ByteBuffer.wrap(statx).order(ByteOrder.LITTLE_ENDIAN);
        return new FileStatus(
                b.getLong(32),
                b.getLong(40),
                b.getLong(48),
                b.getLong(64),
                b.getInt(72),
                b.getLong(112),
                b.getInt(120),
                b.getLong(96),
                b.getInt(104),
                b.getShort(28) & 0xffff,
                b.getInt(16),
                b.getInt(20),
                b.getInt(24),
                b.getInt(128),
                b.getInt(132),
                b.getInt(4),
                (long) b.getInt(136) << 32 | Integer.toUnsignedLong(b.getInt(140)));
    }

    /**
     * Writes {@code struct fuse_attr}.
     *
     * @param shown nanoseconds of the time of change: what {@link Changes} makes of them
     */
    void put(ByteBuffer to, int flags, int shown) {
        to.putLong(inode).putLong(size).putLong(blocks);
        to.putLong(access).putLong(modified).putLong(changed);
        to.putInt(accessNanos).putInt(shown).putInt(changedNanos);
        to.putInt(mode).putInt(links).putInt(uid).putInt(gid);
        // new_encode_dev() of Linux.
        to.putInt((deviceMinor & 0xff) | deviceMajor << 8 | (deviceMinor & ~0xff) << 12);
        to.putInt(blockSize).putInt(flags);
    }
}
