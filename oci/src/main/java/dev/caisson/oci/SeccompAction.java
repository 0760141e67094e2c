package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** What a seccomp filter does with a system call (seccomp(2)). */
public enum SeccompAction {
    /** Old name of {@link #KILL_THREAD}. */
    KILL("SCMP_ACT_KILL"),
    /** SECCOMP_RET_KILL_PROCESS. */
    KILL_PROCESS("SCMP_ACT_KILL_PROCESS"),
    /** SECCOMP_RET_KILL_THREAD. */
    KILL_THREAD("SCMP_ACT_KILL_THREAD"),
    /** SECCOMP_RET_TRAP: SIGSYS. */
    TRAP("SCMP_ACT_TRAP"),
    /** SECCOMP_RET_ERRNO. */
    ERRNO("SCMP_ACT_ERRNO"),
    /** SECCOMP_RET_TRACE. */
    TRACE("SCMP_ACT_TRACE"),
    /** SECCOMP_RET_ALLOW. */
    ALLOW("SCMP_ACT_ALLOW"),
    /** SECCOMP_RET_LOG: allow and log. */
    LOG("SCMP_ACT_LOG"),
    /** SECCOMP_RET_USER_NOTIF. */
    NOTIFY("SCMP_ACT_NOTIFY");

    private final String wire;

    SeccompAction(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable SeccompAction of(String wire) {
        return switch (wire) {
            case "SCMP_ACT_KILL" -> KILL;
            case "SCMP_ACT_KILL_PROCESS" -> KILL_PROCESS;
            case "SCMP_ACT_KILL_THREAD" -> KILL_THREAD;
            case "SCMP_ACT_TRAP" -> TRAP;
            case "SCMP_ACT_ERRNO" -> ERRNO;
            case "SCMP_ACT_TRACE" -> TRACE;
            case "SCMP_ACT_ALLOW" -> ALLOW;
            case "SCMP_ACT_LOG" -> LOG;
            case "SCMP_ACT_NOTIFY" -> NOTIFY;
            default -> null;
        };
    }
}
