package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Flags of sched_setattr(2). */
public enum SchedulerFlag {
    RESET_ON_FORK("SCHED_FLAG_RESET_ON_FORK"),
    RECLAIM("SCHED_FLAG_RECLAIM"),
    DL_OVERRUN("SCHED_FLAG_DL_OVERRUN"),
    KEEP_POLICY("SCHED_FLAG_KEEP_POLICY"),
    KEEP_PARAMS("SCHED_FLAG_KEEP_PARAMS"),
    UTIL_CLAMP_MIN("SCHED_FLAG_UTIL_CLAMP_MIN"),
    UTIL_CLAMP_MAX("SCHED_FLAG_UTIL_CLAMP_MAX");

    private final String wire;

    SchedulerFlag(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable SchedulerFlag of(String wire) {
        return switch (wire) {
            case "SCHED_FLAG_RESET_ON_FORK" -> RESET_ON_FORK;
            case "SCHED_FLAG_RECLAIM" -> RECLAIM;
            case "SCHED_FLAG_DL_OVERRUN" -> DL_OVERRUN;
            case "SCHED_FLAG_KEEP_POLICY" -> KEEP_POLICY;
            case "SCHED_FLAG_KEEP_PARAMS" -> KEEP_PARAMS;
            case "SCHED_FLAG_UTIL_CLAMP_MIN" -> UTIL_CLAMP_MIN;
            case "SCHED_FLAG_UTIL_CLAMP_MAX" -> UTIL_CLAMP_MAX;
            default -> null;
        };
    }
}
