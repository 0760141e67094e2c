package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Modes of set_mempolicy(2). */
public enum MemoryPolicyMode {
    DEFAULT("MPOL_DEFAULT"),
    BIND("MPOL_BIND"),
    INTERLEAVE("MPOL_INTERLEAVE"),
    WEIGHTED_INTERLEAVE("MPOL_WEIGHTED_INTERLEAVE"),
    PREFERRED("MPOL_PREFERRED"),
    PREFERRED_MANY("MPOL_PREFERRED_MANY"),
    LOCAL("MPOL_LOCAL");

    private final String wire;

    MemoryPolicyMode(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable MemoryPolicyMode of(String wire) {
        return switch (wire) {
            case "MPOL_DEFAULT" -> DEFAULT;
            case "MPOL_BIND" -> BIND;
            case "MPOL_INTERLEAVE" -> INTERLEAVE;
            case "MPOL_WEIGHTED_INTERLEAVE" -> WEIGHTED_INTERLEAVE;
            case "MPOL_PREFERRED" -> PREFERRED;
            case "MPOL_PREFERRED_MANY" -> PREFERRED_MANY;
            case "MPOL_LOCAL" -> LOCAL;
            default -> null;
        };
    }
}
