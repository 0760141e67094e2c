package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Scheduling policies (sched(7)). */
public enum SchedulerPolicy {
    OTHER("SCHED_OTHER"),
    FIFO("SCHED_FIFO"),
    RR("SCHED_RR"),
    BATCH("SCHED_BATCH"),
    /** Reserved by the kernel, never implemented. */
    ISO("SCHED_ISO"),
    IDLE("SCHED_IDLE"),
    DEADLINE("SCHED_DEADLINE");

    private final String wire;

    SchedulerPolicy(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable SchedulerPolicy of(String wire) {
        return switch (wire) {
            case "SCHED_OTHER" -> OTHER;
            case "SCHED_FIFO" -> FIFO;
            case "SCHED_RR" -> RR;
            case "SCHED_BATCH" -> BATCH;
            case "SCHED_ISO" -> ISO;
            case "SCHED_IDLE" -> IDLE;
            case "SCHED_DEADLINE" -> DEADLINE;
            default -> null;
        };
    }
}
