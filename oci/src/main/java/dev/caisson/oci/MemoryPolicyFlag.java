package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Mode flags of set_mempolicy(2). */
public enum MemoryPolicyFlag {
    NUMA_BALANCING("MPOL_F_NUMA_BALANCING"),
    RELATIVE_NODES("MPOL_F_RELATIVE_NODES"),
    STATIC_NODES("MPOL_F_STATIC_NODES");

    private final String wire;

    MemoryPolicyFlag(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable MemoryPolicyFlag of(String wire) {
        return switch (wire) {
            case "MPOL_F_NUMA_BALANCING" -> NUMA_BALANCING;
            case "MPOL_F_RELATIVE_NODES" -> RELATIVE_NODES;
            case "MPOL_F_STATIC_NODES" -> STATIC_NODES;
            default -> null;
        };
    }
}
