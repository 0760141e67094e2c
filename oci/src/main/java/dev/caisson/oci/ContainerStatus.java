package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Where a container is in its life (runtime-spec "State"). */
public enum ContainerStatus {
    /** Being built. */
    CREATING("creating"),
    /** Built; the user's program has not been executed. */
    CREATED("created"),
    /** The user's program has been executed and has not ended. */
    RUNNING("running"),
    /** The process has ended. */
    STOPPED("stopped"),
    /** Running but frozen: runc's extension, which every caller knows. */
    PAUSED("paused");

    private final String wire;

    ContainerStatus(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable ContainerStatus of(String wire) {
        return switch (wire) {
            case "creating" -> CREATING;
            case "created" -> CREATED;
            case "running" -> RUNNING;
            case "stopped" -> STOPPED;
            case "paused" -> PAUSED;
            default -> null;
        };
    }
}
