package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Flags of seccomp(SECCOMP_SET_MODE_FILTER). */
public enum SeccompFlag {
    /** All threads get the filter. */
    TSYNC("SECCOMP_FILTER_FLAG_TSYNC"),
    /** Actions other than allow are logged. */
    LOG("SECCOMP_FILTER_FLAG_LOG"),
    /** No speculative store bypass mitigation. */
    SPEC_ALLOW("SECCOMP_FILTER_FLAG_SPEC_ALLOW"),
    /** Only fatal signals interrupt a call whose notification was received; Linux 5.19. */
    WAIT_KILLABLE_RECV("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");

    private final String wire;

    SeccompFlag(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable SeccompFlag of(String wire) {
        return switch (wire) {
            case "SECCOMP_FILTER_FLAG_TSYNC" -> TSYNC;
            case "SECCOMP_FILTER_FLAG_LOG" -> LOG;
            case "SECCOMP_FILTER_FLAG_SPEC_ALLOW" -> SPEC_ALLOW;
            case "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" -> WAIT_KILLABLE_RECV;
            default -> null;
        };
    }
}
