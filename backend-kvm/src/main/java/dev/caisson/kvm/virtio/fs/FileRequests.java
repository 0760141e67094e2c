package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.virtio.Chain;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Set;

/** Requests about open regular files. Nothing else is ever opened: a device, a fifo or a socket of the host's is a name to the guest. */
final class FileRequests {
    private static final int OPEN_OUT = 16;
    private static final int PERMISSIONS = 0xfff;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;
    /** With and without KEEP_SIZE: to allocate, PUNCH_HOLE, ZERO_RANGE. */
    private static final Set<Integer> ALLOCATIONS = Set.of(0, 1, 3, 0x10, 0x11);

    private final SharedFiles files;

    FileRequests(SharedFiles files) {
        this.files = files;
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    // ---- opening ----

    /** Of the guest's flags those that mean something to the host's file; the rest is between the guest and its process. */
    private static int kept(int flags) {
        return flags & (FileCalls.O_ACCMODE | FileCalls.O_SYNC);
    }

    private static boolean writes(int flags) {
        return (flags & FileCalls.O_ACCMODE) != FileCalls.O_RDONLY || (flags & FileCalls.O_TRUNC) != 0;
    }

    private Handle opened(Node node, Worker w, int flags, boolean killPrivileges) throws FuseError {
        if (!node.isRegular()) {
            throw new FuseError(node.isDirectory() ? Errno.EISDIR : Errno.ENXIO);
        }
        if (writes(flags) && node.share().isReadOnly()) {
            throw new FuseError(Errno.EROFS);
        }
        int how = kept(flags) | (flags & FileCalls.O_TRUNC);
        Fd fd = killPrivileges
                ? w.identity().withoutKeepingPrivileges(() -> w.calls().reopen(node.fd(), how))
                : w.calls().reopen(node.fd(), how);
        return new Handle(fd, node.id(), node.share(), kept(flags), (flags & FileCalls.O_APPEND) != 0);
    }

    /** {@code struct fuse_open_out}: what is cached of the file may stay, for whether it is still right is looked at all the time ({@link Changes}). */
    private ByteBuffer handle(ByteBuffer to, Handle handle) throws FuseError {
        return to.putLong(files.handles().add(handle))
                .putInt(FuseAbi.OPEN_KEEP_CACHE)
                .putInt(0);
    }

    ByteBuffer open(FuseRequest q, Worker w) throws FuseError {
        int flags = q.getInt();
        boolean kill = (q.getInt() & FuseAbi.OPEN_KILL_SUIDGID) != 0;
        if (q.node() == FuseAbi.ROOT_ID) {
            throw new FuseError(Errno.EISDIR);
        }
        return files.with(q.node(), node -> handle(buffer(OPEN_OUT), opened(node, w, flags, kill)));
    }

    ByteBuffer create(FuseRequest q, Worker w) throws FuseError {
        int flags = q.getInt();
        int mode = q.getInt() & PERMISSIONS;
        q.skip(4);
        boolean kill = (q.getInt() & FuseAbi.OPEN_KILL_SUIDGID) != 0;
        byte[] name = q.name();
        return files.changing(q.node(), parent -> {
            Fd file;
            try {
                file = w.identity().as(q.uid(), q.gid(), () -> w.calls().create(parent.fd(), name, kept(flags), mode));
            } catch (FuseError e) {
                if (e.number() != Errno.EEXIST.number() || (flags & FileCalls.O_EXCL) != 0) {
                    throw e;
                }
                return existing(parent, name, w, flags, kill);
            }
            ByteBuffer entry;
            try {
                entry = files.entry(
                        parent.share(),
                        w.calls().reference(file.number()),
                        new Node.Place(parent.id(), name),
                        parent.key().device(),
                        w.calls(),
                        OPEN_OUT);
            } catch (FuseError e) {
                file.close();
                throw e;
            }
            boolean append = (flags & FileCalls.O_APPEND) != 0;
            return withHandle(entry, new Handle(file, entry.getLong(0), parent.share(), kept(flags), append));
        });
    }

    /** The host has made it since the guest looked. */
    private ByteBuffer existing(Node parent, byte[] name, Worker w, int flags, boolean kill) throws FuseError {
        ByteBuffer entry = files.entry(
                parent.share(),
                w.calls().find(parent.fd(), name),
                new Node.Place(parent.id(), name),
                parent.key().device(),
                w.calls(),
                OPEN_OUT);
        try {
            return files.with(entry.getLong(0), node -> withHandle(entry, opened(node, w, flags, kill)));
        } catch (FuseError e) {
            files.nodes().forget(entry.getLong(0), 1);
            throw e;
        }
    }

    private ByteBuffer withHandle(ByteBuffer entry, Handle handle) throws FuseError {
        try {
            return handle(entry, handle);
        } catch (FuseError e) {
            files.nodes().forget(entry.getLong(0), 1);
            throw e;
        }
    }

    void release(FuseRequest q) throws FuseError {
        files.handles().remove(q.getLong());
    }

    // ---- contents ----

    /** Lets the host's kernel put the bytes into the guest's memory; returns how many. The answer's head goes in front of them. */
    int read(FuseRequest q, Worker w) throws FuseError, GuestFault {
        long handle = q.getLong();
        long offset = q.getLong();
        long size = Integer.toUnsignedLong(q.getInt());
        Chain chain = q.chain();
        return files.open(handle, q.node(), open -> {
            chain.skipWritable(FuseAbi.OUT_HEADER);
            int pieces = chain.gatherWritable(w.vector(), Worker.PIECES, size);
            long got = pieces == 0 ? 0 : FuseError.check(w.calls().read(open.fd(), w.vector(), pieces, offset));
            chain.skipWritable(got);
            return (int) got;
        });
    }

    ByteBuffer write(FuseRequest q, Worker w) throws FuseError, GuestFault {
        long handle = q.getLong();
        long offset = q.getLong();
        long size = Integer.toUnsignedLong(q.getInt());
        int flags = q.getInt();
        Chain chain = q.chain();
        if (chain.readable() != size) {
            throw new FuseError(Errno.EINVAL);
        }
        return files.open(handle, q.node(), open -> {
            // What a mapping has changed belongs where it was, whatever the file was opened for.
            boolean append = open.appends() && (flags & FuseAbi.WRITE_CACHE) == 0;
            int pieces = chain.gatherReadable(w.vector(), Worker.PIECES, size);
            Identity.Deed<Long> deed = () ->
                    pieces == 0 ? 0 : FuseError.check(w.calls().write(open.fd(), w.vector(), pieces, offset, append));
            long written = (flags & FuseAbi.WRITE_KILL_SUIDGID) != 0
                    ? w.identity().withoutKeepingPrivileges(deed)
                    : deed.perform();
            return buffer(8).putInt((int) written).putInt(0);
        });
    }

    void sync(FuseRequest q, Worker w) throws FuseError, GuestFault {
        long handle = q.getLong();
        boolean dataOnly = (q.getInt() & FuseAbi.FSYNC_DATA) != 0;
        var _ = files.open(handle, q.node(), open -> {
            w.calls().sync(open.fd(), dataOnly);
            return true;
        });
    }

    void allocate(FuseRequest q, Worker w) throws FuseError, GuestFault {
        long handle = q.getLong();
        long offset = q.getLong();
        long length = q.getLong();
        int mode = q.getInt();
        if (!ALLOCATIONS.contains(mode)) {
            throw new FuseError(Errno.EOPNOTSUPP);
        }
        var _ = files.open(handle, q.node(), open -> {
            w.calls().allocate(open.fd(), mode, offset, length);
            return true;
        });
    }

    /** Holes and data only: the position of a file is the guest's own affair. */
    ByteBuffer seek(FuseRequest q, Worker w) throws FuseError, GuestFault {
        long handle = q.getLong();
        long offset = q.getLong();
        int whence = q.getInt();
        if (whence != SEEK_DATA && whence != SEEK_HOLE) {
            throw new FuseError(Errno.EINVAL);
        }
        return files.open(handle, q.node(), open -> buffer(8).putLong(w.calls().seek(open.fd(), offset, whence)));
    }

    ByteBuffer copy(FuseRequest q, Worker w) throws FuseError, GuestFault {
        long from = q.getLong();
        long fromOffset = q.getLong();
        long toNode = q.getLong();
        long to = q.getLong();
        long toOffset = q.getLong();
        long length = q.getLong();
        // One request may not keep a thread for as long as it takes to copy everything.
        long most = Math.clamp(length, 0, 64L << 20);
        return files.open(
                from,
                q.node(),
                source -> files.open(
                        to,
                        toNode,
                        target -> buffer(8)
                                .putInt((int) w.calls().copy(source.fd(), fromOffset, target.fd(), toOffset, most))
                                .putInt(0)));
    }
}
