package dev.caisson.kvm.virtio.fs;

import java.nio.ByteBuffer;

/**
 * An inode of the host's, in whatever way it was come to: its file system's number (8 bytes) and {@code struct file_handle}, as
 * {@code struct fanotify_event_info_fid} has them (fanotify(7)).
 */
record FileHandle(ByteBuffer bytes) {
    /** Where the length of the handle's own bytes is. */
    static final int LENGTH = 8;
    /** What is in front of them: the file system's number, their length, the handle's type. */
    static final int HEAD = 16;
}
