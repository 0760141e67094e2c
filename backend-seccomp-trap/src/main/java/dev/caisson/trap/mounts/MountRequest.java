package dev.caisson.trap.mounts;

/**
 * A request to a guard, one message of {@link #SIZE} bytes with at most two descriptors: numbers at the beginning, then texts that end with a zero,
 * none of which is a path. The answer is a result (0 or a negative errno), and the id of the mount that was made.
 */
public final class MountRequest {
    /** The guard's descriptor of the socket's other end; there only where the container may mount. */
    public static final int FD = 100;

    public static final int SIZE = 512;
    public static final int ANSWER_SIZE = 16;
    public static final int ANSWER_ID = 8;

    // ---- operations ----

    /** {@link #ATTRIBUTES}, options; descriptors: where to. */
    public static final int NEW_TMPFS = 1;
    /** {@link #FLAGS} of open_tree(2), {@link #ATTR} unless that is zero; descriptors: what, where to. */
    public static final int BIND = 2;
    /** Descriptors: what, where to. */
    public static final int MOVE = 3;
    /** {@link #FLAGS} and {@link #ATTR} of mount_setattr(2); descriptors: what. */
    public static final int SET = 4;
    /** Options of a tmpfs; descriptors: what. */
    public static final int RESIZE = 5;
    /** {@link #FLAGS} of umount2(2), {@link #NAME}; descriptors: the directory that it is in. */
    public static final int UNMOUNT = 6;

    // ---- places ----

    public static final int OP = 0;
    public static final int FLAGS = 4;
    /** Of fsmount(2). */
    public static final int ATTRIBUTES = 8;
    /** struct mount_attr. */
    public static final int ATTR = 16;

    public static final int NAME = 64;
    public static final int NAME_MAX = 255;

    /** What may be said of a tmpfs (tmpfs(5)), and where; none is an empty text. */
    public enum Option {
        SIZE("size", 64, 24),
        INODES("nr_inodes", 96, 24),
        MODE("mode", 128, 8),
        USER("uid", 144, 12),
        GROUP("gid", 160, 12),
        SOURCE("source", 256, 128);

        private final String key;
        private final int at;
        private final int max;

        Option(String key, int at, int max) {
            this.key = key;
            this.at = at;
            this.max = max;
        }

        public String key() {
            return key;
        }

        public int at() {
            return at;
        }

        /** The longest text, without its end. */
        int max() {
            return max;
        }
    }

    private MountRequest() {}
}
