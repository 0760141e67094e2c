package dev.caisson.kvm.virtio.fs;

import dev.caisson.kvm.guest.ToldChange;
import dev.caisson.kvm.guest.ToldChange.Kind;
import java.io.ByteArrayOutputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A change of the host's as the guest is to do it once more.
 *
 * @param directory whether it is about one
 * @param at the entry; where it is now, if it has come from elsewhere
 * @param to of what was moved within what the guest knows, where it is now
 * @param node what it is about, if the guest knows that; else 0
 */
record RelayedChange(Kind kind, boolean directory, Node.Place at, Node.@Nullable Place to, long node) {
    /** How deep a directory may be that the guest is told of. */
    private static final int DEPTH = 256;

    private static final int PATH_LIMIT = 4000;
    static final int S_IFDIR = 0x4000;
    static final int S_IFREG = 0x8000;

    /** What the guest may know of the host's files. */
    interface Known {
        /** The numbers of an inode. */
        Set<Long> nodes(FileHandle handle);

        /** Where a node is; null for none. */
        Node.@Nullable Place place(long node);

        /** Which share it is of; null when it is none any more. */
        @Nullable
        Share share(long node);
    }

    /** What the guest is to hear of a change; nothing when it does not know where that was. */
    static List<RelayedChange> of(HostChange change, Known known) {
        List<RelayedChange> all = new ArrayList<>();
        for (int part : HostChange.PARTS) {
            if (!change.has(part)) {
                continue;
            }
            if (part == HostChange.RENAME) {
                renamed(change, known, all);
            } else {
                part(change, kind(part), known, all);
            }
        }
        return all;
    }

    private static Kind kind(int part) {
        return switch (part) {
            case HostChange.CREATE -> Kind.CREATED;
            case HostChange.DELETE -> Kind.REMOVED;
            case HostChange.MODIFY -> Kind.MODIFIED;
            case HostChange.ATTRIB -> Kind.ATTRIBUTES_CHANGED;
            default -> Kind.WRITTEN;
        };
    }

    private static void part(HostChange change, Kind kind, Known known, List<RelayedChange> to) {
        boolean directory = change.has(HostChange.ONDIR);
        boolean ofContents = kind == Kind.MODIFIED || kind == Kind.WRITTEN;
        HostChange.Entry at = change.at();
        // Of a directory itself its attributes alone are told; what becomes of its name is told by the one that it is
        // in.
        if ((directory && ofContents) || (isSelf(at) && kind != Kind.ATTRIBUTES_CHANGED)) {
            return;
        }
        Set<Long> parents = at == null ? Set.of() : known.nodes(at.directory());
        for (long parent : parents) {
            long node = in(known, change.object(), known.share(parent));
            to.add(new RelayedChange(kind, directory, new Node.Place(parent, name(at)), null, node));
        }
        boolean stays = kind != Kind.CREATED && kind != Kind.REMOVED;
        if (change.object() != null && stays) {
            // What is shared alone has another name here.
            for (long node : known.nodes(change.object())) {
                Node.Place place = known.place(node);
                if (place != null && place.parent() == FuseAbi.ROOT_ID && !directory) {
                    to.add(new RelayedChange(kind, false, place, null, node));
                }
            }
        }
    }

    private static void renamed(HostChange change, Known known, List<RelayedChange> all) {
        boolean directory = change.has(HostChange.ONDIR);
        Set<Long> sources =
                change.at() == null ? Set.of() : known.nodes(change.at().directory());
        List<Long> targets = new ArrayList<>(
                change.to() == null ? Set.of() : known.nodes(change.to().directory()));
        for (long source : sources) {
            Share share = known.share(source);
            long node = in(known, change.object(), share);
            Node.Place from = new Node.Place(source, name(change.at()));
            Node.Place to = null;
            for (long target : List.copyOf(targets)) {
                if (to == null && share != null && known.share(target) == share) {
                    to = new Node.Place(target, name(change.to()));
                    targets.remove(target);
                }
            }
            all.add(new RelayedChange(to == null ? Kind.MOVED_AWAY : Kind.MOVED, directory, from, to, node));
        }
        for (long target : targets) {
            long node = in(known, change.object(), known.share(target));
            all.add(new RelayedChange(
                    Kind.MOVED_HERE, directory, new Node.Place(target, name(change.to())), null, node));
        }
    }

    private static boolean isSelf(HostChange.@Nullable Entry at) {
        return at != null && at.name().length == 1 && at.name()[0] == '.';
    }

    private static byte[] name(HostChange.@Nullable Entry of) {
        return of == null ? new byte[0] : of.name();
    }

    private static long in(Known known, @Nullable FileHandle object, @Nullable Share share) {
        if (object != null && share != null) {
            for (long node : known.nodes(object)) {
                if (known.share(node) == share) {
                    return node;
                }
            }
        }
        return 0;
    }

    // ---- what the guest is told ----

    /**
     * The message.
     *
     * @param type what the name stands for, S_IFMT bits
     * @param elsewhere the name of the directory that there is not
     * @return null when the guest has lost the way to it
     */
    @Nullable
    ToldChange message(long sequence, long newest, int type, byte[] elsewhere, Known known) {
        byte[] from = path(at.parent(), known);
        byte[] toDirectory = to == null ? null : path(to.parent(), known);
        if (from == null || (to != null && toDirectory == null)) {
            return null;
        }
        byte[] toName = to == null ? null : to.bytes();
        return new ToldChange(sequence, newest, kind, type, from, at.bytes(), toDirectory, toName, elsewhere);
    }

    private static byte @Nullable [] path(long of, Known known) {
        Deque<byte[]> names = new ArrayDeque<>();
        int length = 0;
        for (long node = of; node != FuseAbi.ROOT_ID; ) {
            Node.Place place = known.place(node);
            if (place == null || names.size() >= DEPTH || length > PATH_LIMIT) {
                return null;
            }
            byte[] name = place.bytes();
            length += name.length + 1;
            names.push(name);
            node = place.parent();
        }
        ByteArrayOutputStream path = new ByteArrayOutputStream(length);
        for (byte[] name : names) {
            if (path.size() > 0) {
                path.write('/');
            }
            path.writeBytes(name);
        }
        return path.toByteArray();
    }
}
