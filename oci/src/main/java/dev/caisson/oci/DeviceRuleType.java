package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Kinds of devices that an access rule speaks of. */
public enum DeviceRuleType {
    /** Block and character devices. */
    ALL("a"),
    /** Character devices. */
    CHAR("c"),
    /** Block devices. */
    BLOCK("b");

    private final String wire;

    DeviceRuleType(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable DeviceRuleType of(String wire) {
        return switch (wire) {
            case "a" -> ALL;
            case "c" -> CHAR;
            case "b" -> BLOCK;
            default -> null;
        };
    }
}
