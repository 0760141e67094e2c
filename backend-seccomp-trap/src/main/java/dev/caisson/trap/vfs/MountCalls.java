package dev.caisson.trap.vfs;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.mounts.MountFlags;
import dev.caisson.trap.mounts.MountOptions;
import dev.caisson.trap.mounts.MountRequest;
import dev.caisson.trap.mounts.Mounts;
import dev.caisson.trap.proc.ProcFiles;
import dev.caisson.trap.proc.ProcPlaces;
import java.util.Map;
import java.util.Set;

/**
 * mount(2). Paths are walked as for every other call and texts are read once; what is to be done is decided by {@link MountTable}'s rules,
 * and the container's guard does it, with descriptors.
 */
public final class MountCalls {
    private static final int SOURCE = 0;
    private static final int TARGET = 1;
    private static final int TYPE = 2;
    private static final int FLAGS = 3;
    private static final int DATA = 4;
    private static final long CAP_SYS_ADMIN = 1L << 21;

    private static final long EPERM = -Errno.EPERM.number();
    private static final long EINVAL = -Errno.EINVAL.number();
    private static final long ENOTDIR = -Errno.ENOTDIR.number();
    private static final long ENOSPC = -Errno.ENOSPC.number();

    /** All mounts of a container together; the kernel's own limit is 100,000 (proc_sys_fs(5), mount-max). */
    private static final int MAX_MOUNTS = 500;

    private static final int AT_FDCWD = GuestCall.AT_FDCWD;
    private static final int O_PATH_CLOEXEC = 0x280000;
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int AT_RECURSIVE = 0x8000;
    private static final int OPEN_TREE_CLONE_CLOEXEC = 0x80001;

    /** What Linux has and a user namespace may not mount, or nobody here. */
    private static final Set<String> REFUSED = Set.of(
            "9p",
            "autofs",
            "binfmt_misc",
            "bpf",
            "btrfs",
            "cgroup",
            "cgroup2",
            "configfs",
            "debugfs",
            "devpts",
            "devtmpfs",
            "ecryptfs",
            "efivarfs",
            "erofs",
            "exfat",
            "ext2",
            "ext3",
            "ext4",
            "f2fs",
            "fuse",
            "fuseblk",
            "hugetlbfs",
            "iso9660",
            "mqueue",
            "msdos",
            "nfs",
            "nfs4",
            "nfsd",
            "nsfs",
            "ntfs3",
            "overlay",
            "pipefs",
            "pstore",
            "ramfs",
            "rpc_pipefs",
            "securityfs",
            "selinuxfs",
            "squashfs",
            "sockfs",
            "tracefs",
            "udf",
            "vfat",
            "virtiofs",
            "xfs");

    private MountCalls() {}

    /** Adds this call's handler, and that of umount2(2). */
    public static void register(Map<String, Handler> handlers) {
        handlers.put("mount", MountCalls::mount);
        handlers.put("umount2", UnmountCall::unmount);
    }

    static boolean mayMount(GuestCall c) {
        return c.container().mounts() != null && (c.caller().capabilities() & CAP_SYS_ADMIN) != 0;
    }

    private static long mount(GuestCall c) {
        long flags = MountFlags.of(c.arg(FLAGS));
        String type = "";
        if (c.arg(TYPE) != 0) {
            int length = c.readPath(c.arg(TYPE), GuestCall.PATH);
            if (length < 0) {
                return tooLong(length);
            }
            type = c.path(GuestCall.PATH, length);
        }
        String data = "";
        if (c.arg(DATA) != 0) {
            int length = c.readPath(c.arg(DATA), GuestCall.PATH);
            if (length < 0) {
                return tooLong(length);
            }
            data = c.path(GuestCall.PATH, length);
        }
        Place target = Place.of(c, NamedPlaces.open(c, TARGET, true));
        try {
            return target.fd() < 0 ? target.fd() : mayMount(c) ? mount(c, flags, type, data, target) : EPERM;
        } finally {
            target.close(c);
        }
    }

    private static long tooLong(int errno) {
        return errno == -Errno.ENAMETOOLONG.number() ? EINVAL : errno;
    }

    private static long mount(GuestCall c, long flags, String type, String data, Place target) {
        if ((flags & MountFlags.REMOUNT) != 0) {
            return changing(c, m -> remount(m, flags, data, target));
        }
        if ((flags & MountFlags.BIND) != 0) {
            return withSource(c, source -> changing(c, m -> bind(c, m, flags, source, target)));
        }
        if ((flags & MountFlags.PROPAGATION) != 0) {
            return changing(c, m -> propagation(m, flags, target));
        }
        if ((flags & MountFlags.MOVE) != 0) {
            return withSource(c, source -> changing(c, m -> move(c, m, source, target)));
        }
        if (type.isEmpty() && c.arg(TYPE) == 0) {
            return EINVAL;
        }
        return switch (type) {
            case "tmpfs" -> tmpfs(c, flags, data, target);
            case "proc", "sysfs" -> again(c, type.equals("proc") ? "/proc" : "/sys", flags, data, target);
            default -> REFUSED.contains(type) ? EPERM : -Errno.ENODEV.number();
        };
    }

    @FunctionalInterface
    interface Change {
        long on(Mounts mounts);
    }

    @FunctionalInterface
    private interface OnSource {
        long on(Place source);
    }

    /** One change after the other; names may lead elsewhere then. */
    static long changing(GuestCall c, Change change) {
        Mounts mounts = c.container().mounts();
        if (mounts == null) {
            return EPERM;
        }
        mounts.lock.lock();
        try {
            if (mounts.isClosed()) {
                return -Errno.EIO.number();
            }
            mounts.table.see(ProcPlaces.mounts(c));
            long result = change.on(mounts);
            c.container().changes().change();
            return result;
        } finally {
            mounts.lock.unlock();
        }
    }

    private static long withSource(GuestCall c, OnSource work) {
        if (c.arg(SOURCE) == 0) {
            return EINVAL;
        }
        Place source = Place.of(c, NamedPlaces.open(c, SOURCE, true));
        try {
            if (source.fd() < 0) {
                // An empty name is refused as one before it is looked for.
                boolean isEmpty = source.fd() == -Errno.ENOENT.number()
                        && c.read(c.arg(SOURCE), GuestCall.TEXT, 1) == 0
                        && c.memory().getByte(GuestCall.TEXT) == 0;
                return isEmpty ? EINVAL : source.fd();
            }
            return work.on(source);
        } finally {
            source.close(c);
        }
    }

    /** Whether something is of the container's procfs, wherever that is. */
    private static boolean isProc(GuestCall c, Place place) {
        return place.device() == c.container().procDevice();
    }

    /**
     * Below and over /proc itself nothing is mounted: what is read there is not the kernel's. Nor over the root, where another /proc could be: who enters the
     * namespace later, as this process does for an exec, gets what is on top there.
     */
    private static boolean isOurs(GuestCall c, Place target) {
        return target.path().equals("/")
                || (isProc(c, target) && (target.path().isEmpty() || ProcFiles.isBelow(target.path())));
    }

    private static long tmpfs(GuestCall c, long flags, String data, Place target) {
        MountOptions options = MountOptions.parse(data);
        if (options == null) {
            return EINVAL;
        }
        String source = "";
        if (c.arg(SOURCE) != 0) {
            int length = c.readPath(c.arg(SOURCE), GuestCall.PATH);
            if (length < 0) {
                return tooLong(length);
            }
            source = c.path(GuestCall.PATH, length);
        }
        if (!target.isDirectory()) {
            return ENOTDIR;
        }
        if (isOurs(c, target)) {
            return EPERM;
        }
        MountOptions all = options.from(source);
        return changing(c, m -> {
            if (m.table.size() >= MAX_MOUNTS) {
                return ENOSPC;
            }
            m.begin(MountRequest.NEW_TMPFS, 0);
            m.attributes(MountFlags.attributes(flags));
            m.options(all);
            long result = m.ask(target.fd());
            if (result == 0) {
                m.table.made(m.made());
            }
            return result;
        });
    }

    /** The container's own procfs or sysfs once more, which is a copy of the mount that it has: answered as that is. */
    private static long again(GuestCall c, String first, long flags, String data, Place target) {
        if (MountOptions.parse(data) == null) {
            return EINVAL;
        }
        c.putPath(GuestCall.TEXT, first);
        Place source =
                Place.of(c, c.kernel().call(Nr.openat, AT_FDCWD, c.memory().address(GuestCall.TEXT), O_PATH_CLOEXEC));
        try {
            return changing(c, m -> {
                boolean isThere = source.fd() >= 0 && source.isRoot() && m.table.isLocked(source.mount());
                if (!isThere || (first.equals("/proc") && !isProc(c, source))) {
                    return EPERM; // as where not all of one is to be seen: mount_namespaces(7)
                }
                if (target.isRoot() && target.device() == source.device()) {
                    return -Errno.EBUSY.number();
                }
                return copy(c, m, false, MountFlags.set(flags), source, target);
            });
        } finally {
            source.close(c);
        }
    }

    private static long bind(GuestCall c, Mounts m, long flags, Place source, Place target) {
        return copy(c, m, (flags & MountFlags.REC) != 0, 0, source, target);
    }

    private static long copy(GuestCall c, Mounts m, boolean recursive, long attributes, Place source, Place target) {
        if (source.path().isEmpty()
                || m.table.get(source.mount()) == null
                || (!recursive && m.table.coversLocked(source.mount(), source.path()))) {
            return EINVAL;
        }
        if (source.isDirectory() != target.isDirectory()) {
            return ENOTDIR;
        }
        if (isOurs(c, target)) {
            return EPERM;
        }
        int more = recursive ? m.table.below(source.mount(), source.path()) : 1;
        if (m.table.size() + more > MAX_MOUNTS) {
            return ENOSPC;
        }
        m.begin(MountRequest.BIND, OPEN_TREE_CLONE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));
        m.attr(attributes, 0, 0);
        if (recursive || isProc(c, source)) {
            m.procIsElsewhere();
        }
        long result = m.ask(source.fd(), target.fd());
        if (result == 0 && recursive) {
            m.table.copied(source.mount(), source.path(), ProcPlaces.mounts(c), m.made());
        } else if (result == 0) {
            m.table.copied(source.mount(), m.made());
        }
        return result;
    }

    private static long move(GuestCall c, Mounts m, Place source, Place target) {
        if (!source.isRoot() || m.table.isLocked(source.mount()) || source.isDirectory() != target.isDirectory()) {
            return EINVAL;
        }
        if (isOurs(c, target)) {
            return EPERM;
        }
        m.begin(MountRequest.MOVE, 0);
        return m.ask(source.fd(), target.fd());
    }

    private static long remount(Mounts m, long flags, String data, Place target) {
        if (!target.isRoot()) {
            return EINVAL;
        }
        int cleared = MountFlags.cleared(flags);
        if ((cleared & m.table.restrictions(target.mount())) != 0) {
            return EPERM;
        }
        boolean isAll = (flags & MountFlags.BIND) == 0;
        MountOptions options = isAll ? MountOptions.parse(data) : null;
        if (isAll && options == null) {
            return EINVAL;
        }
        if (options != null && !options.values().isEmpty()) {
            if (m.table.isLocked(target.mount())) {
                return EPERM;
            }
            m.begin(MountRequest.RESIZE, 0);
            m.options(options);
            long result = m.ask(target.fd());
            if (result < 0) {
                return result;
            }
        }
        m.begin(MountRequest.SET, AT_EMPTY_PATH);
        m.attr(MountFlags.set(flags), cleared, 0);
        return m.ask(target.fd());
    }

    /** Sharing is refused: what is mounted in one place would appear in another, with no rule for it. */
    private static long propagation(Mounts m, long flags, Place target) {
        long kind = flags & ~(MountFlags.REC | MountFlags.SILENT);
        if ((kind & ~MountFlags.PROPAGATION) != 0
                || Long.bitCount(kind) != 1
                || kind == MountFlags.SHARED
                || !target.isRoot()) {
            return EINVAL;
        }
        m.begin(MountRequest.SET, AT_EMPTY_PATH | ((flags & MountFlags.REC) != 0 ? AT_RECURSIVE : 0));
        m.attr(0, 0, kind);
        return m.ask(target.fd());
    }
}
