package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import java.nio.ByteBuffer;

/**
 * Requests about names in directories. A name is one component, and its directory a descriptor: there is no path that could lead out of a share.
 */
final class NameRequests {
    private static final int PERMISSIONS = 0xfff;
    private static final int S_IFMT = 0xf000;
    private static final int S_IFREG = 0x8000;
    private static final int S_IFIFO = 0x1000;
    private static final int S_IFSOCK = 0xc000;
    private static final int AT_REMOVEDIR = 0x200;
    private static final int RENAME_NOREPLACE = 1;
    private static final int RENAME_EXCHANGE = 2;

    private final SharedFiles files;

    NameRequests(SharedFiles files) {
        this.files = files;
    }

    ByteBuffer lookUp(FuseRequest q, Worker w) throws FuseError {
        byte[] name = q.name();
        if (q.node() == FuseAbi.ROOT_ID) {
            return files.lookUp(name, w.calls());
        }
        return files.with(q.node(), parent -> lookUp(parent, name, w, 0));
    }

    ByteBuffer lookUp(Node parent, byte[] name, Worker w, int more) throws FuseError {
        Fd found = w.calls().find(parent.fd(), name);
        Node.Place place = new Node.Place(parent.id(), name);
        return files.entry(parent.share(), found, place, parent.key().device(), w.calls(), more);
    }

    private interface Maker {
        void make(Node parent) throws FuseError;
    }

    /** Makes something that belongs to the asking process, and tells of it. */
    private ByteBuffer make(FuseRequest q, Worker w, byte[] name, Maker maker) throws FuseError {
        return files.changing(q.node(), parent -> {
            var _ = w.identity().as(q.uid(), q.gid(), () -> {
                maker.make(parent);
                return true;
            });
            return lookUp(parent, name, w, 0);
        });
    }

    ByteBuffer makeDirectory(FuseRequest q, Worker w) throws FuseError {
        int mode = q.getInt() & PERMISSIONS;
        q.skip(4);
        byte[] name = q.name();
        return make(q, w, name, parent -> w.calls().makeDirectory(parent.fd(), name, mode));
    }

    /** Regular files, fifos and sockets; devices would be the host's. */
    ByteBuffer makeNode(FuseRequest q, Worker w) throws FuseError {
        int mode = q.getInt();
        q.skip(12);
        byte[] name = q.name();
        int type = mode & S_IFMT;
        if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK && type != 0) {
            throw new FuseError(Errno.EPERM);
        }
        return make(q, w, name, parent -> w.calls().makeNode(parent.fd(), name, type | (mode & PERMISSIONS)));
    }

    ByteBuffer makeLink(FuseRequest q, Worker w) throws FuseError {
        byte[] name = q.name();
        byte[] target = q.target();
        return make(q, w, name, parent -> w.calls().makeLink(parent.fd(), name, target));
    }

    ByteBuffer link(FuseRequest q, Worker w) throws FuseError {
        long old = q.getLong();
        byte[] name = q.name();
        return files.changing(
                q.node(),
                parent -> files.changing(old, node -> {
                    // Of another share it might be more than the guest may do with it.
                    if (node.share() != parent.share()) {
                        throw new FuseError(Errno.EXDEV);
                    }
                    w.calls().link(node.fd(), parent.fd(), name);
                    return lookUp(parent, name, w, 0);
                }));
    }

    void unlink(FuseRequest q, Worker w, boolean directory) throws FuseError {
        byte[] name = q.name();
        var _ = files.changing(q.node(), parent -> {
            w.calls().unlink(parent.fd(), name, directory ? AT_REMOVEDIR : 0);
            return true;
        });
    }

    void rename(FuseRequest q, Worker w, boolean withFlags) throws FuseError {
        long to = q.getLong();
        int flags = 0;
        if (withFlags) {
            flags = q.getInt();
            q.skip(4);
        }
        if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0) {
            throw new FuseError(Errno.EINVAL);
        }
        byte[] name = q.name();
        byte[] newName = q.name();
        int how = flags;
        var _ = files.changing(
                q.node(),
                parent -> files.changing(to, newParent -> {
                    if (newParent.share() != parent.share()) {
                        throw new FuseError(Errno.EXDEV);
                    }
                    w.calls().rename(parent.fd(), name, newParent.fd(), newName, how);
                    if (how != RENAME_EXCHANGE) {
                        files.nodes()
                                .renamed(new Node.Place(parent.id(), name), new Node.Place(newParent.id(), newName));
                    }
                    return true;
                }));
    }

    byte[] readLink(FuseRequest q, Worker w) throws FuseError {
        return files.with(q.node(), node -> {
            if (!node.isSymbolicLink()) {
                throw new FuseError(Errno.EINVAL);
            }
            return w.calls().readLink(node.fd());
        });
    }
}
