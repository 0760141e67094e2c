package dev.caisson.kvm.virtio.fs;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Something that happened to files of the host's, as fanotify(7) tells a group that was made with FAN_REPORT_DFID_NAME_TARGET (Linux 5.17). What
 * happened to one entry may come together; then it happened in the order of {@link #PARTS}.
 *
 * @param mask FAN_ bits
 * @param pid who did it; 0 when that is not to be known
 * @param at the entry; of a renaming, where it was, and null when nobody watches that directory
 * @param to of a renaming, where it is, and null when nobody watches that directory
 * @param object what the entry stood for
 */
record HostChange(
        int mask,
        int pid,
        @Nullable Entry at,
        @Nullable Entry to,
        @Nullable FileHandle object) {
    // spotless:off
    static final int MODIFY      = 0x2;
    static final int ATTRIB      = 0x4;
    static final int CLOSE_WRITE = 0x8;
    static final int CREATE      = 0x100;
    static final int DELETE      = 0x200;
    static final int OVERFLOW    = 0x4000;
    static final int RENAME      = 0x10000000;
    static final int ONDIR       = 0x40000000;

    private static final int EVENT        = 24;
    private static final int EVENT_MASK   = 8;
    private static final int EVENT_PID    = 20;
    private static final int INFO         = 4;
    private static final int FID          = 1;
    private static final int DFID_NAME    = 2;
    private static final int OLD_DFID_NAME = 10;
    private static final int NEW_DFID_NAME = 12;
    // spotless:on

    /** What can happen to an entry, in the order in which it does. */
    static final List<Integer> PARTS = List.of(CREATE, RENAME, MODIFY, ATTRIB, CLOSE_WRITE, DELETE);

    /** A name in a directory; {@code .} is the directory itself. */
    record Entry(FileHandle directory, byte[] name) {}

    boolean has(int bits) {
        return (mask & bits) != 0;
    }

    /** Takes apart what one read(2) gave. */
    static List<HostChange> parse(byte[] events, int length) {
        ByteBuffer all = ByteBuffer.wrap(events, 0, length).order(ByteOrder.LITTLE_ENDIAN);
        List<HostChange> changes = new ArrayList<>();
        int next;
        for (int at = 0; at + EVENT <= length; at = next) {
            next = at + all.getInt(at);
            if (next < at + EVENT || next > length) {
                break;
            }
            changes.add(one(all, at, next));
        }
        return changes;
    }

    private static HostChange one(ByteBuffer all, int from, int end) {
        Entry at = null;
        Entry to = null;
        FileHandle object = null;
        int next;
        // struct fanotify_event_metadata: the length of the part that is always there is 6.
        for (int info = from + (all.getShort(from + 6) & 0xffff); info + INFO + FileHandle.HEAD <= end; info = next) {
            next = info + (all.getShort(info + 2) & 0xffff);
            int handle = FileHandle.HEAD + all.getInt(info + INFO + FileHandle.LENGTH);
            if (next > end || handle < FileHandle.HEAD || handle > next - info - INFO) {
                break;
            }
            FileHandle who = new FileHandle(ByteBuffer.wrap(bytes(all, info + INFO, handle)));
            int type = all.get(info);
            if (type == FID) {
                object = who;
            } else if (type == DFID_NAME || type == OLD_DFID_NAME) {
                at = new Entry(who, string(all, info + INFO + handle, next));
            } else if (type == NEW_DFID_NAME) {
                to = new Entry(who, string(all, info + INFO + handle, next));
            }
        }
        return new HostChange(all.getInt(from + EVENT_MASK), all.getInt(from + EVENT_PID), at, to, object);
    }

    private static byte[] bytes(ByteBuffer from, int at, int length) {
        byte[] bytes = new byte[length];
        from.get(at, bytes);
        return bytes;
    }

    private static byte[] string(ByteBuffer from, int at, int end) {
        byte[] bytes = bytes(from, at, end - at);
        int length = 0;
        while (length < bytes.length && bytes[length] != 0) {
            length++;
        }
        return Arrays.copyOf(bytes, length);
    }
}
