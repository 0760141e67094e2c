package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Execution domains (personality(2)) that the spec allows. */
public enum PersonalityDomain {
    /** PER_LINUX. */
    LINUX("LINUX"),
    /** PER_LINUX32: uname(2) tells a 32-bit machine. */
    LINUX32("LINUX32");

    private final String wire;

    PersonalityDomain(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable PersonalityDomain of(String wire) {
        return switch (wire) {
            case "LINUX" -> LINUX;
            case "LINUX32" -> LINUX32;
            default -> null;
        };
    }
}
