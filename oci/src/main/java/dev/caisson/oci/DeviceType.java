package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Kinds of device nodes (mknod(2)). */
public enum DeviceType {
    /** Character device. */
    CHAR("c"),
    /** Block device. */
    BLOCK("b"),
    /** Unbuffered character device: the same as {@link #CHAR} on Linux. */
    UNBUFFERED("u"),
    /** Named pipe, without device numbers. */
    FIFO("p");

    private final String wire;

    DeviceType(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable DeviceType of(String wire) {
        return switch (wire) {
            case "c" -> CHAR;
            case "b" -> BLOCK;
            case "u" -> UNBUFFERED;
            case "p" -> FIFO;
            default -> null;
        };
    }
}
