package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/** Requests about what files are: attributes, extended attributes, file systems. */
final class AttributeRequests {
    private static final int ATTRIBUTES_OUT = 16 + FuseAbi.ATTRIBUTES;
    private static final int FILE_SYSTEM_OUT = 80;
    private static final int PERMISSIONS = 0xfff;
    private static final int ROOT_MODE = 0x4000 | 0755;
    private static final int NAME_MAX = 255;
    private static final int PAGE = 4096;
    private static final long UTIME_NOW = 0x3fff_ffff;
    private static final long UTIME_OMIT = 0x3fff_fffe;
    private static final long SECOND = 1_000_000_000;

    private static final String USER = "user.";
    /** What a container may have of its host's: security modules' labels and trusted attributes are the host's own. */
    private static final Set<String> NAMES =
            Set.of("system.posix_acl_access", "system.posix_acl_default", "security.capability");

    private final SharedFiles files;

    AttributeRequests(SharedFiles files) {
        this.files = files;
    }

    private static ByteBuffer buffer(int size) {
        return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    }

    /** {@code struct fuse_attr_out}. */
    private ByteBuffer attributes(FileStatus status, Share share) {
        return attributes(status, files.validity(share));
    }

    private ByteBuffer attributes(FileStatus status, long seconds) {
        ByteBuffer out = buffer(ATTRIBUTES_OUT);
        out.putLong(seconds).putLong(0);
        status.put(out, 0, files.changes().nanos(status));
        return out;
    }

    private static FileStatus root() {
        return new FileStatus(FuseAbi.ROOT_ID, 0, 0, 0, 0, 0, 0, 0, 0, ROOT_MODE, 2, 0, 0, 0, 0, PAGE, 0);
    }

    ByteBuffer get(FuseRequest q, Worker w) throws FuseError, GuestFault {
        int flags = q.getInt();
        q.skip(4);
        long handle = q.getLong();
        if (q.node() == FuseAbi.ROOT_ID) {
            return attributes(root(), 0);
        }
        if ((flags & FuseAbi.GETATTR_FH) != 0) {
            return files.open(handle, q.node(), open -> attributes(w.calls().status(open.fd()), open.share()));
        }
        return files.with(q.node(), node -> attributes(w.calls().status(node.fd()), node.share()));
    }

    /** An answer to SETATTR that has changed nothing. */
    ByteBuffer asTheyAre(long id, Worker w) throws FuseError {
        return files.with(id, node -> attributes(w.calls().status(node.fd()), node.share()));
    }

    ByteBuffer set(FuseRequest q, Worker w) throws FuseError, GuestFault {
        int valid = q.getInt();
        q.skip(4);
        long handle = q.getLong();
        long size = q.getLong();
        q.skip(8);
        long access = q.getLong();
        long modified = q.getLong();
        q.skip(8);
        int accessNanos = q.getInt();
        int modifiedNanos = q.getInt();
        q.skip(4);
        int mode = q.getInt();
        q.skip(4);
        int uid = q.getInt();
        int gid = q.getInt();
        if ((valid & FuseAbi.SETATTR_SIZE) != 0) {
            truncate(
                    q.node(),
                    (valid & FuseAbi.SETATTR_FH) != 0,
                    handle,
                    size,
                    w,
                    (valid & FuseAbi.SETATTR_KILL_SUIDGID) != 0);
        }
        return files.changing(q.node(), node -> {
            FileCalls calls = w.calls();
            int owner = valid & (FuseAbi.SETATTR_UID | FuseAbi.SETATTR_GID);
            if (owner != 0) {
                calls.changeOwner(
                        node.fd(),
                        (owner & FuseAbi.SETATTR_UID) != 0 ? uid : -1,
                        (owner & FuseAbi.SETATTR_GID) != 0 ? gid : -1);
            }
            if ((valid & FuseAbi.SETATTR_MODE) != 0) {
                calls.changeMode(node.fd(), mode & PERMISSIONS);
            }
            if ((valid & (FuseAbi.SETATTR_ATIME | FuseAbi.SETATTR_MTIME)) != 0) {
                calls.changeTimes(
                        node.fd(),
                        access,
                        nanos(valid, FuseAbi.SETATTR_ATIME, FuseAbi.SETATTR_ATIME_NOW, accessNanos),
                        modified,
                        nanos(valid, FuseAbi.SETATTR_MTIME, FuseAbi.SETATTR_MTIME_NOW, modifiedNanos));
            }
            return attributes(calls.status(node.fd()), node.share());
        });
    }

    private static long nanos(int valid, int set, int now, int value) throws FuseError {
        if ((valid & set) == 0) {
            return UTIME_OMIT;
        }
        if ((valid & now) != 0) {
            return UTIME_NOW;
        }
        long nanos = Integer.toUnsignedLong(value);
        if (nanos >= SECOND) {
            throw new FuseError(Errno.EINVAL);
        }
        return nanos;
    }

    private void truncate(long id, boolean hasHandle, long handle, long size, Worker w, boolean killPrivileges)
            throws FuseError, GuestFault {
        if (hasHandle) {
            // Open for writing, or the host's kernel says no.
            var _ = files.open(handle, id, open -> cut(open.fd(), size, w, killPrivileges));
            return;
        }
        var _ = files.changing(id, node -> {
            if (!node.isRegular()) {
                throw new FuseError(node.isDirectory() ? Errno.EISDIR : Errno.EINVAL);
            }
            try (Fd file = w.calls().reopen(node.fd(), FileCalls.O_WRONLY)) {
                return cut(file.number(), size, w, killPrivileges);
            }
        });
    }

    private static boolean cut(int fd, long size, Worker w, boolean killPrivileges) throws FuseError {
        Identity.Deed<Boolean> deed = () -> {
            w.calls().truncate(fd, size);
            return true;
        };
        return killPrivileges ? w.identity().withoutKeepingPrivileges(deed) : deed.perform();
    }

    // ---- extended attributes ----

    private static boolean isShared(String name) {
        return name.startsWith(USER) || NAMES.contains(name);
    }

    private static byte[] shared(byte[] name) throws FuseError {
        if (!isShared(new String(name, StandardCharsets.UTF_8))) {
            throw new FuseError(Errno.EOPNOTSUPP);
        }
        return name;
    }

    ByteBuffer getExtended(FuseRequest q, Worker w) throws FuseError {
        int room = q.getInt();
        q.skip(4);
        byte[] name = shared(q.attributeName());
        if (q.node() == FuseAbi.ROOT_ID) {
            throw new FuseError(Errno.ENODATA);
        }
        return fitting(files.with(q.node(), node -> w.calls().attribute(node.fd(), name)), room);
    }

    ByteBuffer listExtended(FuseRequest q, Worker w) throws FuseError {
        int room = q.getInt();
        if (q.node() == FuseAbi.ROOT_ID) {
            return fitting(new byte[0], room);
        }
        byte[] all = files.with(q.node(), node -> w.calls().attributes(node.fd()));
        ByteArrayOutputStream shown = new ByteArrayOutputStream();
        int from = 0;
        for (int at = 0; at < all.length; at++) {
            if (all[at] == 0) {
                if (isShared(new String(all, from, at - from, StandardCharsets.UTF_8))) {
                    shown.write(all, from, at + 1 - from);
                }
                from = at + 1;
            }
        }
        return fitting(shown.toByteArray(), room);
    }

    /** A room of 0 asks how much is needed. */
    private static ByteBuffer fitting(byte[] value, int room) throws FuseError {
        if (room == 0) {
            return buffer(8).putInt(value.length).putInt(0);
        }
        if (Integer.compareUnsigned(value.length, room) > 0) {
            throw new FuseError(Errno.ERANGE);
        }
        return ByteBuffer.wrap(value).position(value.length);
    }

    void setExtended(FuseRequest q, Worker w) throws FuseError {
        int size = q.getInt();
        int flags = q.getInt();
        byte[] name = shared(q.attributeName());
        byte[] value = q.bytes(size);
        if (value.length > FileCalls.DATA) {
            throw new FuseError(Errno.E2BIG);
        }
        var _ = files.changing(q.node(), node -> {
            w.calls().setAttribute(node.fd(), name, value, flags);
            return true;
        });
    }

    void removeExtended(FuseRequest q, Worker w) throws FuseError {
        byte[] name = shared(q.attributeName());
        var _ = files.changing(q.node(), node -> {
            w.calls().removeAttribute(node.fd(), name);
            return true;
        });
    }

    // ---- file systems ----

    /** {@code struct fuse_kstatfs} from {@code struct statfs}. */
    ByteBuffer fileSystem(FuseRequest q, Worker w) throws FuseError {
        ByteBuffer out = buffer(FILE_SYSTEM_OUT);
        if (q.node() == FuseAbi.ROOT_ID) {
            return out.putInt(40, PAGE).putInt(44, NAME_MAX).putInt(48, PAGE).position(FILE_SYSTEM_OUT);
        }
        ByteBuffer in = ByteBuffer.wrap(files.with(q.node(), node -> w.calls().fileSystem(node.fd())))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 16; at <= 48; at += Long.BYTES) {
            out.putLong(in.getLong(at));
        }
        out.putInt((int) in.getLong(8)).putInt((int) in.getLong(64)).putInt((int) in.getLong(72));
        return out.position(FILE_SYSTEM_OUT);
    }

    /** All that was written to a file system, or to all that are shared. */
    void sync(FuseRequest q, Worker w) throws FuseError {
        if (q.node() == FuseAbi.ROOT_ID) {
            for (Fd share : files.writable(w.calls())) {
                try (share) {
                    sync(share.number(), w);
                }
            }
            return;
        }
        var _ = files.with(q.node(), node -> {
            if (!node.share().isReadOnly() && (node.isDirectory() || node.isRegular())) {
                sync(node.fd(), w);
            }
            return true;
        });
    }

    private static void sync(int path, Worker w) throws FuseError {
        try (Fd open = w.calls().reopen(path, FileCalls.O_RDONLY)) {
            w.calls().syncFileSystem(open.number());
        }
    }
}
