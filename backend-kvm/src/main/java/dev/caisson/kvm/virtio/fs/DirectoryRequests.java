package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Requests about open directories. */
final class DirectoryRequests {
    private static final int OPEN_OUT = 16;
    private static final int SEEK_SET = 0;
    private static final int TYPE_UNKNOWN = 0;
    private static final int RECORD_LENGTH = 16;
    private static final int RECORD_TYPE = 18;
    private static final int RECORD_NAME = 19;

    private final SharedFiles files;

    DirectoryRequests(SharedFiles files) {
        this.files = files;
    }

    ByteBuffer open(FuseRequest q, Worker w) throws FuseError {
        ByteBuffer out = ByteBuffer.allocate(OPEN_OUT).order(ByteOrder.LITTLE_ENDIAN);
        if (q.node() == FuseAbi.ROOT_ID) {
            return out.position(OPEN_OUT);
        }
        return files.with(q.node(), node -> {
            int flags = FileCalls.O_RDONLY | FileCalls.O_DIRECTORY;
            Fd fd = w.calls().reopen(node.fd(), flags);
            Handle handle = new Handle(fd, node.id(), node.share(), flags, false);
            return out.putLong(files.handles().add(handle)).putInt(0).putInt(0);
        });
    }

    /** Entries from a position on, as many as fit; each says where the next one is. */
    ByteBuffer read(FuseRequest q, Worker w) throws FuseError, GuestFault {
        long id = q.getLong();
        long offset = q.getLong();
        int size = q.getInt();
        int room = Math.clamp(q.chain().writable() - FuseAbi.OUT_HEADER, 0, FileCalls.DATA);
        if (Integer.compareUnsigned(size, room) < 0) {
            room = size;
        }
        ByteBuffer out = ByteBuffer.allocate(room).order(ByteOrder.LITTLE_ENDIAN);
        if (q.node() == FuseAbi.ROOT_ID) {
            return root(out, offset);
        }
        return files.open(id, q.node(), open -> {
            byte[] records;
            // Two requests with one handle: each means its own position.
            synchronized (open) {
                var _ = w.calls().seek(open.fd(), offset, SEEK_SET);
                records = w.calls().entries(open.fd(), Math.max(out.capacity(), 1024));
            }
            return convert(records, out);
        });
    }

    /** {@code struct linux_dirent64}s to {@code struct fuse_dirent}s. */
    static ByteBuffer convert(byte[] records, ByteBuffer out) throws FuseError {
        ByteBuffer in = ByteBuffer.wrap(records).order(ByteOrder.LITTLE_ENDIAN);
        int length;
        for (int at = 0; at < records.length; at += length) {
            length = in.getShort(at + RECORD_LENGTH) & 0xffff;
            int end = at + RECORD_NAME;
            while (records[end] != 0) {
                end++;
            }
            byte[] name = java.util.Arrays.copyOfRange(records, at + RECORD_NAME, end);
            if (!put(out, in.getLong(at), in.getLong(at + 8), records[at + RECORD_TYPE], name)) {
                break;
            }
        }
        if (records.length > 0 && out.position() == 0) {
            throw new FuseError(Errno.EINVAL);
        }
        return out;
    }

    private ByteBuffer root(ByteBuffer out, long offset) {
        List<String> names = files.names();
        for (int i = Math.clamp(offset, 0, names.size()); i < names.size(); i++) {
            byte[] name = names.get(i).getBytes(StandardCharsets.UTF_8);
            if (!put(out, FuseAbi.ROOT_ID, i + 1L, TYPE_UNKNOWN, name)) {
                break;
            }
        }
        return out;
    }

    /** Returns whether there was room. */
    private static boolean put(ByteBuffer out, long inode, long next, int type, byte[] name) {
        int padded = FuseAbi.DIRENT + name.length + 7 & ~7;
        if (out.remaining() < padded) {
            return false;
        }
        int from = out.position();
        out.putLong(inode).putLong(next).putInt(name.length).putInt(type).put(name);
        out.position(from + padded);
        return true;
    }
}
