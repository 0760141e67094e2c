package dev.caisson.linux.bpf;

/** What a seccomp filter returns, by its kernel name (seccomp(2) SECCOMP_RET_*), most severe first. */
public enum SeccompAction {
    /** SECCOMP_RET_KILL_PROCESS, Linux 4.14. */
    KILL_PROCESS(0x8000_0000),
    /** SECCOMP_RET_KILL_THREAD. */
    KILL_THREAD(0x0000_0000),
    /** SECCOMP_RET_TRAP: SIGSYS. */
    TRAP(0x0003_0000),
    /** SECCOMP_RET_ERRNO: the data is the errno. */
    ERRNO(0x0005_0000),
    /** SECCOMP_RET_USER_NOTIF, Linux 5.0. */
    NOTIFY(0x7fc0_0000),
    /** SECCOMP_RET_TRACE: the data is for the tracer. */
    TRACE(0x7ff0_0000),
    /** SECCOMP_RET_LOG: allowed and logged, Linux 4.14. */
    LOG(0x7ffc_0000),
    /** SECCOMP_RET_ALLOW. */
    ALLOW(0x7fff_0000);

    private final int base;

    SeccompAction(int base) {
        this.base = base;
    }

    /** The filter's return value without data. */
    public int value() {
        return base;
    }

    /** The filter's return value with 16 bits of data. */
    public int value(int data) {
        return base | (data & 0xffff);
    }

    /** Whether the data of this action means something. */
    public boolean takesData() {
        return this == ERRNO || this == TRACE;
    }

    /** Whether a call goes on to the kernel or to somebody who may decide so in full knowledge of new calls. */
    boolean permits() {
        return this == ALLOW || this == LOG || this == TRACE;
    }

    /** The action of a filter's return value; the kernel takes an unknown one as the most severe. */
    public static SeccompAction of(int value) {
        int masked = value & 0xffff_0000;
        for (SeccompAction action : values()) {
            if (action.base == masked) {
                return action;
            }
        }
        return KILL_PROCESS;
    }

    /** A return value in words, such as {@code errno(38)}. */
    static String describe(int value) {
        SeccompAction action = of(value);
        String name = switch (action) {
            case KILL_PROCESS -> "kill_process";
            case KILL_THREAD -> "kill_thread";
            case TRAP -> "trap";
            case ERRNO -> "errno";
            case NOTIFY -> "notify";
            case TRACE -> "trace";
            case LOG -> "log";
            case ALLOW -> "allow";
        };
        return action.takesData() ? name + "(" + (value & 0xffff) + ")" : name;
    }
}
