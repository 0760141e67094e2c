package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** IO scheduling classes (ioprio_set(2)). */
public enum IoPriorityClass {
    /** First access to the disk. */
    REALTIME("IOPRIO_CLASS_RT"),
    /** The usual class. */
    BEST_EFFORT("IOPRIO_CLASS_BE"),
    /** Only when nobody else needs the disk. */
    IDLE("IOPRIO_CLASS_IDLE");

    private final String wire;

    IoPriorityClass(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable IoPriorityClass of(String wire) {
        return switch (wire) {
            case "IOPRIO_CLASS_RT" -> REALTIME;
            case "IOPRIO_CLASS_BE" -> BEST_EFFORT;
            case "IOPRIO_CLASS_IDLE" -> IDLE;
            default -> null;
        };
    }
}
