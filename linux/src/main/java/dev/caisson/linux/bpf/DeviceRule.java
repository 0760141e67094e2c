package dev.caisson.linux.bpf;

/**
 * One device access rule, as in a container's configuration and in the v1 device controller (Documentation/admin-guide/cgroup-v1/devices.rst).
 *
 * @param allow whether access is granted or taken away
 * @param kind kind of device; {@link Kind#ALL} sets the default and forgets all earlier rules, whatever the other fields say
 * @param major major number, or {@link #ANY}
 * @param minor minor number, or {@link #ANY}
 * @param access {@link #READ}, {@link #WRITE} and {@link #MKNOD} bits; none of them = a rule without effect
 */
public record DeviceRule(boolean allow, Kind kind, long major, long minor, int access) {
    /** Every number. */
    public static final long ANY = -1;
    /** Creating a node: BPF_DEVCG_ACC_MKNOD. */
    public static final int MKNOD = 1;
    /** Reading: BPF_DEVCG_ACC_READ. */
    public static final int READ = 1 << 1;
    /** Writing: BPF_DEVCG_ACC_WRITE. */
    public static final int WRITE = 1 << 2;
    /** All three. */
    public static final int RWM = READ | WRITE | MKNOD;

    /** Kinds of devices. */
    public enum Kind {
        /** Block and character devices. */
        ALL('a', 0),
        /** Block devices: BPF_DEVCG_DEV_BLOCK. */
        BLOCK('b', 1),
        /** Character devices: BPF_DEVCG_DEV_CHAR. */
        CHAR('c', 2);

        private final char letter;
        private final int bpfType;

        Kind(char letter, int bpfType) {
            this.letter = letter;
            this.bpfType = bpfType;
        }

        /** Letter in the v1 files. */
        public char letter() {
            return letter;
        }

        int bpfType() {
            return bpfType;
        }
    }

    public DeviceRule {
        if (major < ANY || major > 0xffff_ffffL || minor < ANY || minor > 0xffff_ffffL) {
            throw new IllegalArgumentException("device number " + major + ":" + minor);
        }
        if ((access & ~RWM) != 0) {
            throw new IllegalArgumentException("device access bits " + access);
        }
    }

    /** A rule that grants all access to a character device. */
    static DeviceRule character(long major, long minor) {
        return new DeviceRule(true, Kind.CHAR, major, minor, RWM);
    }

    /** The rule as it is written to {@code devices.allow} or {@code devices.deny}, such as {@code c 1:3 rwm}. */
    public String v1Text() {
        if (kind == Kind.ALL) {
            return "a";
        }
        return kind.letter + " " + number(major) + ":" + number(minor) + " " + accessText(access);
    }

    /** Access bits as letters, in the kernel's order. */
    public static String accessText(int access) {
        return ((access & READ) != 0 ? "r" : "")
                + ((access & WRITE) != 0 ? "w" : "")
                + ((access & MKNOD) != 0 ? "m" : "");
    }

    private static String number(long n) {
        return n == ANY ? "*" : Long.toString(n);
    }
}
