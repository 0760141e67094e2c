package dev.caisson.trap.mounts;

/** The flags of mount(2), and what they are to mount_setattr(2). Pure. */
public final class MountFlags {
    public static final long RDONLY = 1;
    public static final long NOSUID = 2;
    public static final long NODEV = 4;
    public static final long NOEXEC = 8;
    public static final long REMOUNT = 0x20;
    public static final long NOSYMFOLLOW = 0x100;
    public static final long NOATIME = 0x400;
    public static final long NODIRATIME = 0x800;
    public static final long BIND = 0x1000;
    public static final long MOVE = 0x2000;
    public static final long REC = 0x4000;
    public static final long SILENT = 0x8000;
    public static final long UNBINDABLE = 1L << 17;
    public static final long PRIVATE = 1L << 18;
    public static final long SLAVE = 1L << 19;
    public static final long SHARED = 1L << 20;
    public static final long RELATIME = 1L << 21;
    public static final long STRICTATIME = 1L << 24;
    public static final long PROPAGATION = UNBINDABLE | PRIVATE | SLAVE | SHARED;

    private static final long MAGIC = 0xc0ed_0000L;
    private static final long MAGIC_MASK = 0xffff_0000L;

    private static final int ATTR_ATIME = 0x70;
    private static final int ATTR_NOATIME = 0x10;
    private static final int ATTR_STRICTATIME = 0x20;
    private static final int ATTR_NODIRATIME = 0x80;
    /** What a remount takes away where it is not said again. */
    private static final int GIVEN_UP = MountInfo.RDONLY | MountInfo.NOSUID | MountInfo.NOEXEC | MountInfo.NOSYMFOLLOW;

    private MountFlags() {}

    /** Without the number that old programs put there. */
    public static long of(long argument) {
        return (argument & MAGIC_MASK) == MAGIC ? argument & ~MAGIC_MASK : argument;
    }

    /** Attributes of a new mount. Never without {@code nodev}: a device would be opened with the sandbox process's rights. */
    public static int attributes(long flags) {
        return restrictions(flags) | MountInfo.NODEV | times(flags);
    }

    private static int restrictions(long flags) {
        int all = 0;
        all |= (flags & RDONLY) != 0 ? MountInfo.RDONLY : 0;
        all |= (flags & NOSUID) != 0 ? MountInfo.NOSUID : 0;
        all |= (flags & NODEV) != 0 ? MountInfo.NODEV : 0;
        all |= (flags & NOEXEC) != 0 ? MountInfo.NOEXEC : 0;
        all |= (flags & NOSYMFOLLOW) != 0 ? MountInfo.NOSYMFOLLOW : 0;
        return all;
    }

    private static int times(long flags) {
        int all = (flags & NODIRATIME) != 0 ? ATTR_NODIRATIME : 0;
        if ((flags & STRICTATIME) != 0) {
            return all | ATTR_STRICTATIME;
        }
        return (flags & NOATIME) != 0 ? all | ATTR_NOATIME : all;
    }

    /** The attributes that a remount sets. */
    public static int set(long flags) {
        return restrictions(flags) | times(flags);
    }

    /** Those that it takes away: how times are kept stays where nothing is said of it, {@code nodev} always. */
    public static int cleared(long flags) {
        boolean saysTimes = (flags & (NOATIME | NODIRATIME | RELATIME | STRICTATIME)) != 0;
        int times = !saysTimes ? 0 : ATTR_ATIME | ((flags & NODIRATIME) != 0 ? 0 : ATTR_NODIRATIME);
        return (GIVEN_UP & ~restrictions(flags)) | times;
    }
}
