package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.guest.ToldChange.Kind;
import dev.caisson.kvm.virtio.fs.ChangeQueue.Current;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Lets a guest's processes hear, by inotify(7), of what the host does to files that they watch. The guest's kernel tells of what passes through it,
 * and of nothing else; so a thread of the guest's, the <i>relay</i>, does once more what the host has done. It reads what that was from the file
 * {@code .changes} in the file system's root, which only the guest's own system reaches, and goes by system calls whose requests are known here by
 * their thread: they are answered as if they were carried out, and never are. While a change is done again, the relay sees the names that it is about as
 * they were before; everybody else sees them as they are.
 *
 * <p>A relay that lies can make its own kernel believe what it likes, as it could without. It can change nothing of the host's at all. Any thread.
 */
final class ChangeRelay {
    /** Its entry in the root. */
    private static final byte[] FILE = ".changes".getBytes(StandardCharsets.UTF_8);

    private static final byte[] ELSEWHERE = ".caisson-elsewhere".getBytes(StandardCharsets.UTF_8);
    private static final int FILE_MODE = RelayedChange.S_IFREG | 0400;
    private static final int HANDLE_OUT = 16;
    private static final int PAGE = 4096;
    /** A handle that is nobody's. */
    private static final long NO_HANDLE = -1;

    private static final Set<Integer> CHANGING = Set.of(
            FuseAbi.SETATTR,
            FuseAbi.SYMLINK,
            FuseAbi.MKNOD,
            FuseAbi.MKDIR,
            FuseAbi.UNLINK,
            FuseAbi.RMDIR,
            FuseAbi.RENAME,
            FuseAbi.RENAME2,
            FuseAbi.LINK,
            FuseAbi.OPEN,
            FuseAbi.CREATE,
            FuseAbi.WRITE,
            FuseAbi.SETXATTR,
            FuseAbi.REMOVEXATTR,
            FuseAbi.FALLOCATE,
            FuseAbi.COPY_FILE_RANGE);

    private final SharedFiles files;
    private final AttributeRequests attributes;
    private final ChangeQueue queue;

    ChangeRelay(SharedFiles files, AttributeRequests attributes, LockRequests.Completion completion, Runnable hear) {
        this.files = files;
        this.attributes = attributes;
        queue = new ChangeQueue(files, ELSEWHERE, completion, hear);
    }

    /** What the relay reads. */
    ChangeQueue queue() {
        return queue;
    }

    // ---- the relay's requests ----

    /** An answer, by its body. */
    record Answer(ByteBuffer body) {}

    private static Answer nothing() {
        return new Answer(ByteBuffer.allocate(0));
    }

    /**
     * Answers what the relay asks for, and what anybody asks of the file and of things that there are not. Returns null for what is answered as ever.
     *
     * @throws FuseError the answer is an error; so it is for whatever a relay may not do
     */
    @Nullable
    Answer answer(FuseRequest q, Worker w) throws FuseError {
        if (q.node() >= FuseAbi.CHANGES_ID) {
            return ofNothing(q, w);
        }
        if (!queue.isRelay(q.pid())) {
            return q.opcode() == FuseAbi.LOOKUP ? file(q) : null;
        }
        Current now = queue.current();
        if (now != null) {
            Answer answer = again(q, w, now);
            if (answer != null) {
                return answer;
            }
        }
        if (CHANGING.contains(q.opcode())) {
            throw new FuseError(Errno.EPERM);
        }
        return null;
    }

    private static @Nullable Answer file(FuseRequest q) throws FuseError {
        boolean isFile = q.node() == FuseAbi.ROOT_ID && Arrays.equals(q.peekName(), FILE);
        return isFile ? new Answer(entry(FuseAbi.CHANGES_ID, FILE_MODE)) : null;
    }

    /** Of the file itself, and of things that there are not. */
    private Answer ofNothing(FuseRequest q, Worker w) throws FuseError {
        Current now = queue.current();
        return switch (q.opcode()) {
            case FuseAbi.GETATTR -> {
                ByteBuffer out = ByteBuffer.allocate(HANDLE_OUT + FuseAbi.ATTRIBUTES)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .position(HANDLE_OUT);
                putStatus(out, q.node(), mode(q.node(), now));
                yield new Answer(out);
            }
            case FuseAbi.OPEN -> {
                if (q.node() != FuseAbi.CHANGES_ID) {
                    throw new FuseError(Errno.ESTALE);
                }
                yield opened(FuseAbi.OPEN_DIRECT_IO);
            }
            case FuseAbi.FLUSH, FuseAbi.RELEASE -> nothing();
            case FuseAbi.GETXATTR -> throw new FuseError(Errno.ENODATA);
            case FuseAbi.LOOKUP -> {
                if (now != null && queue.isRelay(q.pid()) && q.node() == now.elsewhere()) {
                    yield lookUpElsewhere(q, w, now);
                }
                throw new FuseError(Errno.ENOENT);
            }
            case FuseAbi.RENAME, FuseAbi.RENAME2 -> {
                if (now != null && queue.isRelay(q.pid()) && now.change().kind() == Kind.MOVED_HERE) {
                    yield nothing();
                }
                throw new FuseError(Errno.EPERM);
            }
            default -> throw new FuseError(Errno.EPERM);
        };
    }

    private static int mode(long node, @Nullable Current now) throws FuseError {
        if (node == FuseAbi.CHANGES_ID) {
            return FILE_MODE;
        }
        if (now != null && node == now.thing()) {
            return now.type() | 0600;
        }
        if (now != null && node == now.elsewhere()) {
            return RelayedChange.S_IFDIR | 0700;
        }
        throw new FuseError(Errno.ESTALE);
    }

    private static void putStatus(ByteBuffer to, long node, int mode) {
        int links = (mode & RelayedChange.S_IFDIR) != 0 ? 2 : 1;
        new FileStatus(node, 0, 0, 0, 0, 0, 0, 0, 0, mode, links, 0, 0, 0, 0, PAGE, 0).put(to, 0, 0);
    }

    /** {@code struct fuse_entry_out} of something that is not the host's. */
    private static ByteBuffer entry(long node, int mode) {
        ByteBuffer entry = ByteBuffer.allocate(FuseAbi.ENTRY).order(ByteOrder.LITTLE_ENDIAN);
        entry.putLong(node).position(FuseAbi.ENTRY - FuseAbi.ATTRIBUTES);
        putStatus(entry, node, mode);
        return entry;
    }

    private static Answer opened(int flags) {
        return new Answer(ByteBuffer.allocate(HANDLE_OUT)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(NO_HANDLE)
                .putInt(flags)
                .putInt(0));
    }

    /** The current change, done once more. */
    private @Nullable Answer again(FuseRequest q, Worker w, Current now) throws FuseError {
        RelayedChange change = now.change();
        return switch (q.opcode()) {
            case FuseAbi.LOOKUP -> lookUp(q, w, now);
            case FuseAbi.MKNOD, FuseAbi.MKDIR, FuseAbi.SYMLINK ->
                change.kind() == Kind.CREATED && q.node() == change.at().parent() ? created(w, now) : null;
            case FuseAbi.UNLINK, FuseAbi.RMDIR -> change.kind() == Kind.REMOVED ? nothing() : null;
            case FuseAbi.RENAME, FuseAbi.RENAME2 -> isMove(change.kind()) ? nothing() : null;
            case FuseAbi.SETATTR ->
                change.kind() == Kind.MODIFIED || change.kind() == Kind.ATTRIBUTES_CHANGED
                        ? new Answer(attributes.asTheyAre(q.node(), w))
                        : null;
            case FuseAbi.OPEN -> change.kind() == Kind.WRITTEN ? opened(FuseAbi.OPEN_KEEP_CACHE) : null;
            default -> null;
        };
    }

    private static boolean isMove(Kind kind) {
        return kind == Kind.MOVED || kind == Kind.MOVED_AWAY || kind == Kind.MOVED_HERE;
    }

    /** What the names that the change is about stood for before it. */
    private @Nullable Answer lookUp(FuseRequest q, Worker w, Current now) throws FuseError {
        RelayedChange change = now.change();
        Node.Place asked = new Node.Place(q.node(), q.peekName());
        if (isMove(change.kind()) && Arrays.equals(asked.bytes(), ELSEWHERE)) {
            return new Answer(entry(now.elsewhere(), RelayedChange.S_IFDIR | 0700));
        }
        boolean isAt = asked.equals(change.at());
        return switch (change.kind()) {
            case CREATED -> isAt ? absent() : null;
            case REMOVED, MOVED_AWAY -> isAt ? thing(w, now) : null;
            case MOVED_HERE -> isAt ? replaced(asked, w, now) : null;
            case MOVED -> isAt ? thing(w, now) : asked.equals(change.to()) ? replaced(asked, w, now) : null;
            default -> null;
        };
    }

    private static Answer absent() throws FuseError {
        throw new FuseError(Errno.ENOENT);
    }

    /** Elsewhere is what has come from there; the rest is not there yet. */
    private Answer lookUpElsewhere(FuseRequest q, Worker w, Current now) throws FuseError {
        Node.Place asked = new Node.Place(now.change().at().parent(), q.peekName());
        return now.change().kind() == Kind.MOVED_HERE && now.change().at().equals(asked) ? thing(w, now) : absent();
    }

    /** What the change is about: the guest's own inode, if it has one. */
    private Answer thing(Worker w, Current now) throws FuseError {
        Answer own = now.change().node() == 0
                ? null
                : known(now.change().node(), now.change().at(), w, null);
        return own == null ? new Answer(entry(now.thing(), now.type() | 0600)) : own;
    }

    /** What a name stood for before something else was moved there; who watches that hears that it is gone. */
    private Answer replaced(Node.Place place, Worker w, Current now) throws FuseError {
        Long before = files.nodes().at(place);
        if (before == null || before == now.change().node()) {
            return absent();
        }
        Answer answer = known(before, place, w, now.change().directory());
        return answer == null ? absent() : answer;
    }

    /**
     * A node that the guest has, by a name.
     *
     * @param directory whether it must be one or must be none; null for anything
     * @return null when the guest does not have it any more, or it is something else
     */
    private @Nullable Answer known(long id, Node.Place place, Worker w, @Nullable Boolean directory) throws FuseError {
        Node node;
        try {
            node = files.nodes().use(id);
        } catch (FuseError e) {
            return null;
        }
        try {
            if (directory != null && node.isDirectory() != directory) {
                return null;
            }
            Fd fd = w.calls().reference(node.fd());
            return new Answer(SharedFiles.passing(
                    files.entry(node.share(), fd, place, node.key().device(), w.calls(), 0)));
        } finally {
            files.nodes().leave(node);
        }
    }

    /** What there is now, if it is what was made; it may be something else already. */
    private Answer created(Worker w, Current now) throws FuseError {
        Node.Place at = now.change().at();
        ByteBuffer entry;
        try {
            entry = files.with(at.parent(), parent -> {
                Fd found = w.calls().find(parent.fd(), at.bytes());
                return SharedFiles.passing(
                        files.entry(parent.share(), found, at, parent.key().device(), w.calls(), 0));
            });
        } catch (FuseError e) {
            return new Answer(entry(now.thing(), now.type() | 0600));
        }
        long id = entry.getLong(0);
        Node node = files.nodes().find(id);
        if (node != null && node.type() == now.type()) {
            return new Answer(entry);
        }
        files.nodes().forget(id, 1);
        return new Answer(entry(now.thing(), now.type() | 0600));
    }
}
