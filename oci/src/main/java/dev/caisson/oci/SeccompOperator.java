package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Comparisons of a system call argument, unsigned 64 bit. */
public enum SeccompOperator {
    NE("SCMP_CMP_NE"),
    LT("SCMP_CMP_LT"),
    LE("SCMP_CMP_LE"),
    EQ("SCMP_CMP_EQ"),
    GE("SCMP_CMP_GE"),
    GT("SCMP_CMP_GT"),
    /** Equal after masking the argument. */
    MASKED_EQ("SCMP_CMP_MASKED_EQ");

    private final String wire;

    SeccompOperator(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable SeccompOperator of(String wire) {
        return switch (wire) {
            case "SCMP_CMP_NE" -> NE;
            case "SCMP_CMP_LT" -> LT;
            case "SCMP_CMP_LE" -> LE;
            case "SCMP_CMP_EQ" -> EQ;
            case "SCMP_CMP_GE" -> GE;
            case "SCMP_CMP_GT" -> GT;
            case "SCMP_CMP_MASKED_EQ" -> MASKED_EQ;
            default -> null;
        };
    }
}
