package dev.caisson.linux;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Mounting and unmounting in this process's mount namespace. */
public final class Mounts {
    // spotless:off
    public static final int MS_RDONLY      = 0x1;
    public static final int MS_NOSUID      = 0x2;
    public static final int MS_NODEV       = 0x4;
    public static final int MS_NOEXEC      = 0x8;
    public static final int MS_SYNCHRONOUS = 0x10;
    public static final int MS_REMOUNT     = 0x20;
    public static final int MS_DIRSYNC     = 0x80;
    public static final int MS_NOATIME     = 0x400;
    public static final int MS_NODIRATIME  = 0x800;
    public static final int MS_BIND        = 0x1000;
    public static final int MS_REC         = 0x4000;
    public static final int MS_SILENT      = 0x8000;
    public static final int MS_UNBINDABLE  = 0x20000;
    public static final int MS_PRIVATE     = 0x40000;
    public static final int MS_SLAVE       = 0x80000;
    public static final int MS_SHARED      = 0x100000;
    public static final int MS_RELATIME    = 0x200000;
    public static final int MS_STRICTATIME = 0x1000000;
    public static final int MS_LAZYTIME    = 0x2000000;

    public static final int MNT_DETACH      = 2;
    public static final int UMOUNT_NOFOLLOW = 8;

    /** linux/magic.h: file system types as statfs(2) tells them. */
    public static final long CGROUP_SUPER_MAGIC  = 0x27e0ebL;
    public static final long CGROUP2_SUPER_MAGIC = 0x63677270L;
    public static final long PROC_SUPER_MAGIC    = 0x9fa0L;
    public static final long TMPFS_MAGIC         = 0x01021994L;
    // spotless:on

    private static final int BUSY_ATTEMPTS = 10;
    private static final long BUSY_PAUSE_MILLIS = 5;
    /** A pass uncovers mounts that lay under others; more passes than this mean that somebody keeps mounting. */
    private static final int PASSES = 16;

    private Mounts() {}

    /**
     * Mounts, see mount(2).
     *
     * @param source a device, a path to bind, or a name; may be null for propagation changes
     * @param type the file system type, null for binds and changes
     * @param flags MS_ constants
     * @param data the file system's options, or null
     */
    public static void mount(
            @Nullable String source, String target, @Nullable String type, long flags, @Nullable String data)
            throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            // NATIVE: int mount(const char *source, const char *target, const char *type, unsigned long flags,
            // const void *data), sys/mount.h. The kernel copies all strings; data at most a page.
            long result = Libc.call(
                    Sys.mount,
                    source == null ? 0 : scratch.string(source),
                    scratch.string(target),
                    type == null ? 0 : scratch.string(type),
                    flags,
                    data == null ? 0 : scratch.string(data),
                    0);
            if (result < 0) {
                String what = type != null ? type : source != null ? source : "flags 0x" + Long.toHexString(flags);
                throw new ErrnoException((int) -result, "mount", target + " (" + what + ")");
            }
        }
    }

    /**
     * Unmounts the topmost mount at a path.
     *
     * @param flags MNT_DETACH, UMOUNT_NOFOLLOW
     * @return SUCCESS or the error; EINVAL means that nothing is mounted there
     */
    public static Errno tryUnmount(String target, int flags) {
        try (Scratch scratch = new Scratch()) {
            // NATIVE: int umount2(const char *target, int flags), sys/mount.h.
            return Libc.errno(Libc.call(Sys.umount2, scratch.string(target), flags));
        }
    }

    /** The mounts that this process sees. */
    public static List<MountInfo> table() throws ErrnoException {
        return MountInfo.parse(HostFiles.text("/proc/self/mountinfo"));
    }

    /**
     * Unmounts everything at and below a path, deepest and newest first, without following symbolic links. A busy mount is
     * tried again for some 50 ms and then detached, so the path is free afterwards in any case. Nothing mounted is success.
     *
     * @param path absolute and free of symbolic links, as mountinfo spells it
     * @throws ErrnoException for the first mount that could be neither unmounted nor detached
     */
    public static void unmountRecursively(String path) throws ErrnoException {
        for (int pass = 0; pass < PASSES; pass++) {
            List<String> targets = targets(table(), path);
            if (targets.isEmpty()) {
                return;
            }
            for (String target : targets) {
                unmountOrDetach(target);
            }
        }
        throw new ErrnoException(Errno.EBUSY, "umount", path + " (something keeps mounting below it)");
    }

    /** The mount points at and below a path in the order of unmounting; a stacked mount point appears once per layer. */
    static List<String> targets(List<MountInfo> table, String path) {
        String below = path.endsWith("/") ? path : path + "/";
        List<String> found = new ArrayList<>();
        for (int i = table.size() - 1; i >= 0; i--) {
            String point = table.get(i).mountPoint();
            if (point.equals(path) || point.startsWith(below)) {
                found.add(point);
            }
        }
        // A stable sort: among equals the newest, which comes last in the table, stays first.
        found.sort(Comparator.comparingInt(Mounts::depth).reversed());
        return found;
    }

    private static int depth(String path) {
        int slashes = 0;
        for (int i = 0; i < path.length(); i++) {
            if (path.charAt(i) == '/') {
                slashes++;
            }
        }
        return slashes;
    }

    private static void unmountOrDetach(String target) throws ErrnoException {
        Errno errno = tryUnmount(target, UMOUNT_NOFOLLOW);
        for (int attempt = 0; errno == Errno.EBUSY && attempt < BUSY_ATTEMPTS; attempt++) {
            try {
                Thread.sleep(BUSY_PAUSE_MILLIS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
            errno = tryUnmount(target, UMOUNT_NOFOLLOW);
        }
        if (errno == Errno.EBUSY) {
            errno = tryUnmount(target, UMOUNT_NOFOLLOW | MNT_DETACH);
        }
        // Gone with its parent, or uncovered by somebody else meanwhile.
        if (!errno.ok() && errno != Errno.EINVAL && errno != Errno.ENOENT) {
            throw new ErrnoException(errno, "umount", target);
        }
    }

    /** The type of the file system that holds a path, as a number of linux/magic.h. */
    public static long fileSystemType(String path) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long buffer = scratch.zeroed(Abi.STATFS_SIZE);
            // NATIVE: int statfs(const char *path, struct statfs *buf), sys/vfs.h. The buffer lives for the call.
            Libc.check(Libc.retrying(Sys.statfs, scratch.string(path), buffer, 0, 0), "statfs", path);
            return scratch.getLong(buffer + Abi.STATFS_TYPE);
        }
    }
}
