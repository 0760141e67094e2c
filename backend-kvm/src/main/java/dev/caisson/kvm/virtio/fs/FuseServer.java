package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.guest.CacheMode;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.virtio.Chain;
import dev.caisson.linux.Errno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Answers FUSE requests (fuse(4), version 7.37) with the host's files. Unless its share's {@link CacheMode} says otherwise nothing may be
 * kept by the guest but the contents of files, and those only as long as size and time of change stay the same: what the host does is seen by the next call. Permissions are the guest's kernel's business, as
 * with all virtio file systems ({@code default_permissions}). Any thread, each with a worker of its own.
 */
final class FuseServer {
    private static final int INIT_OUT = 64;
    private static final int MAX_WRITE = 1 << 20;
    private static final int MAX_PAGES = 256;
    private static final int BACKGROUND = 64;
    private static final int FEATURES = FuseAbi.INIT_ASYNC_READ
            | FuseAbi.INIT_POSIX_LOCKS
            | FuseAbi.INIT_ATOMIC_O_TRUNC
            | FuseAbi.INIT_BIG_WRITES
            | FuseAbi.INIT_FLOCK_LOCKS
            | FuseAbi.INIT_AUTO_INVAL_DATA
            | FuseAbi.INIT_ASYNC_DIO
            | FuseAbi.INIT_PARALLEL_DIROPS
            | FuseAbi.INIT_POSIX_ACL
            | FuseAbi.INIT_MAX_PAGES
            | FuseAbi.INIT_SUBMOUNTS
            | FuseAbi.INIT_HANDLE_KILLPRIV_V2;

    private final SharedFiles files;
    private final NameRequests names;
    private final AttributeRequests attributes;
    private final FileRequests contents;
    private final DirectoryRequests directories;
    private final LockRequests locks;
    private final ChangeRelay relay;

    /** @param hear has {@link ChangeQueue#happened} called once, when something has happened */
    FuseServer(SharedFiles files, LockRequests locks, LockRequests.Completion completion, Runnable hear) {
        this.files = files;
        this.locks = locks;
        names = new NameRequests(files);
        attributes = new AttributeRequests(files);
        contents = new FileRequests(files);
        directories = new DirectoryRequests(files);
        relay = new ChangeRelay(files, attributes, completion, hear);
    }

    /** What the guest has not heard of yet. */
    ChangeQueue changes() {
        return relay.queue();
    }

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    /**
     * Works off a request.
     *
     * @return whether it is complete; if not, {@link LockRequests} or {@link ChangeRelay} has it
     * @throws GuestFault it is no request, or has no room for its answer
     */
    boolean handle(Chain chain, Worker w) throws GuestFault {
        FuseRequest q = FuseRequest.read(chain);
        if (q.opcode() == FuseAbi.READ && q.node() != FuseAbi.CHANGES_ID) {
            read(q, w);
            return true;
        }
        try {
            ByteBuffer body = perform(q, w);
            if (body != null) {
                answer(q, 0, body);
            }
            return body != null || isForgetting(q);
        } catch (FuseError e) {
            if (!isForgetting(q)) {
                answer(q, e.number(), NOTHING);
            }
            return true;
        }
    }

    private static boolean isForgetting(FuseRequest q) {
        return q.opcode() == FuseAbi.FORGET || q.opcode() == FuseAbi.BATCH_FORGET;
    }

    private static byte[] head(FuseRequest q, int errno, int body) {
        return ByteBuffer.allocate(FuseAbi.OUT_HEADER)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(FuseAbi.OUT_HEADER + body)
                .putInt(-errno)
                .putLong(q.unique())
                .array();
    }

    /** @param body written up to its position */
    static void answer(FuseRequest q, int errno, ByteBuffer body) throws GuestFault {
        byte[] bytes = new byte[body.position()];
        body.get(0, bytes);
        q.chain().write(head(q, errno, bytes.length), 0, FuseAbi.OUT_HEADER);
        q.chain().write(bytes, 0, bytes.length);
    }

    private void read(FuseRequest q, Worker w) throws GuestFault {
        int got = 0;
        int errno = 0;
        long room = q.chain().writable();
        try {
            got = contents.read(q, w);
        } catch (FuseError e) {
            errno = e.number();
            if (q.chain().writable() == room) {
                q.chain().skipWritable(FuseAbi.OUT_HEADER);
            }
        }
        q.chain().overwrite(head(q, errno, got));
    }

    /** Returns the answer's body up to its position; null when there is none to be given, or not yet. */
    private @Nullable ByteBuffer perform(FuseRequest q, Worker w) throws FuseError, GuestFault {
        if (!isForgetting(q) && q.opcode() != FuseAbi.READ) {
            ChangeRelay.Answer relayed = relay.answer(q, w);
            if (relayed != null) {
                return relayed.body();
            }
        }
        return switch (q.opcode()) {
            case FuseAbi.INIT -> initialise(q);
            case FuseAbi.FORGET -> {
                files.nodes().forget(q.node(), q.getLong());
                yield null;
            }
            case FuseAbi.BATCH_FORGET -> {
                forgetAll(q);
                yield null;
            }
            case FuseAbi.LOOKUP -> names.lookUp(q, w);
            case FuseAbi.MKDIR -> names.makeDirectory(q, w);
            case FuseAbi.MKNOD -> names.makeNode(q, w);
            case FuseAbi.SYMLINK -> names.makeLink(q, w);
            case FuseAbi.LINK -> names.link(q, w);
            case FuseAbi.READLINK -> {
                byte[] target = names.readLink(q, w);
                yield ByteBuffer.wrap(target).position(target.length);
            }
            case FuseAbi.GETATTR -> attributes.get(q, w);
            case FuseAbi.SETATTR -> attributes.set(q, w);
            case FuseAbi.STATFS -> attributes.fileSystem(q, w);
            case FuseAbi.GETXATTR -> attributes.getExtended(q, w);
            case FuseAbi.LISTXATTR -> attributes.listExtended(q, w);
            case FuseAbi.OPEN -> contents.open(q, w);
            case FuseAbi.CREATE -> contents.create(q, w);
            case FuseAbi.READ -> relay.queue().read(q);
            case FuseAbi.WRITE -> contents.write(q, w);
            case FuseAbi.LSEEK -> contents.seek(q, w);
            case FuseAbi.COPY_FILE_RANGE -> contents.copy(q, w);
            case FuseAbi.OPENDIR -> directories.open(q, w);
            case FuseAbi.READDIR -> directories.read(q, w);
            case FuseAbi.GETLK -> locks.test(q, w);
            case FuseAbi.SETLK -> locks.set(q, w, false);
            case FuseAbi.SETLKW -> locks.set(q, w, true);
            default -> {
                performSilently(q, w);
                yield NOTHING;
            }
        };
    }

    /** Those whose answer is that it is done. */
    private void performSilently(FuseRequest q, Worker w) throws FuseError, GuestFault {
        switch (q.opcode()) {
            case FuseAbi.UNLINK -> names.unlink(q, w, false);
            case FuseAbi.RMDIR -> names.unlink(q, w, true);
            case FuseAbi.RENAME -> names.rename(q, w, false);
            case FuseAbi.RENAME2 -> names.rename(q, w, true);
            case FuseAbi.SETXATTR -> attributes.setExtended(q, w);
            case FuseAbi.REMOVEXATTR -> attributes.removeExtended(q, w);
            case FuseAbi.SYNCFS -> attributes.sync(q, w);
            case FuseAbi.FLUSH -> locks.flush(q);
            case FuseAbi.RELEASE, FuseAbi.RELEASEDIR -> contents.release(q);
            case FuseAbi.FSYNC, FuseAbi.FSYNCDIR -> contents.sync(q, w);
            case FuseAbi.FALLOCATE -> contents.allocate(q, w);
            case FuseAbi.DESTROY -> {
                relay.queue().clear();
                locks.clear();
                files.clear();
            }
            // The guest remembers, and does without: ACCESS, BMAP, IOCTL, POLL, READDIRPLUS, TMPFILE and what comes
            // later.
            default -> throw new FuseError(Errno.ENOSYS);
        }
    }

    private void forgetAll(FuseRequest q) throws FuseError {
        int count = q.getInt();
        q.skip(4);
        for (int i = 0; Integer.compareUnsigned(i, count) < 0; i++) {
            long node = q.getLong();
            files.nodes().forget(node, q.getLong());
        }
    }

    private static ByteBuffer initialise(FuseRequest q) throws FuseError {
        int major = q.getInt();
        int minor = q.getInt();
        int readAhead = q.getInt();
        int offered = q.getInt();
        ByteBuffer out = ByteBuffer.allocate(INIT_OUT).order(ByteOrder.LITTLE_ENDIAN);
        if (Integer.compareUnsigned(major, FuseAbi.MAJOR) > 0) {
            // It will come back with ours (fuse.h, "protocol versioning").
            return out.putInt(FuseAbi.MAJOR).putInt(FuseAbi.MINOR).position(INIT_OUT);
        }
        if (major != FuseAbi.MAJOR || Integer.compareUnsigned(minor, FuseAbi.OLDEST_MINOR) < 0) {
            throw new FuseError(Errno.EPROTO);
        }
        out.putInt(FuseAbi.MAJOR).putInt(FuseAbi.MINOR).putInt(readAhead).putInt(offered & FEATURES);
        // In the background at most, of which so many are a congestion; a nanosecond is a time's unit.
        out.putShort((short) BACKGROUND).putShort((short) (BACKGROUND * 3 / 4));
        out.putInt(MAX_WRITE).putInt(1).putShort((short) MAX_PAGES);
        return out.position(INIT_OUT);
    }
}
