package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Propagation of the root mount (mount_namespaces(7)). */
public enum RootfsPropagation {
    SHARED("shared"),
    SLAVE("slave"),
    PRIVATE("private"),
    UNBINDABLE("unbindable"),
    /** Recursive form, beyond the spec's four, that runc takes. */
    RSHARED("rshared"),
    /** Recursive form that runc takes. */
    RSLAVE("rslave"),
    /** Recursive form that runc takes. */
    RPRIVATE("rprivate"),
    /** Recursive form that runc takes. */
    RUNBINDABLE("runbindable");

    private final String wire;

    RootfsPropagation(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable RootfsPropagation of(String wire) {
        return switch (wire) {
            case "shared" -> SHARED;
            case "slave" -> SLAVE;
            case "private" -> PRIVATE;
            case "unbindable" -> UNBINDABLE;
            case "rshared" -> RSHARED;
            case "rslave" -> RSLAVE;
            case "rprivate" -> RPRIVATE;
            case "runbindable" -> RUNBINDABLE;
            default -> null;
        };
    }
}
