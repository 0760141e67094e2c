package dev.caisson.oci;

import org.jspecify.annotations.Nullable;

/** Resources that setrlimit(2) limits. */
public enum RlimitType {
    AS("RLIMIT_AS"),
    CORE("RLIMIT_CORE"),
    CPU("RLIMIT_CPU"),
    DATA("RLIMIT_DATA"),
    FSIZE("RLIMIT_FSIZE"),
    LOCKS("RLIMIT_LOCKS"),
    MEMLOCK("RLIMIT_MEMLOCK"),
    MSGQUEUE("RLIMIT_MSGQUEUE"),
    NICE("RLIMIT_NICE"),
    NOFILE("RLIMIT_NOFILE"),
    NPROC("RLIMIT_NPROC"),
    RSS("RLIMIT_RSS"),
    RTPRIO("RLIMIT_RTPRIO"),
    RTTIME("RLIMIT_RTTIME"),
    SIGPENDING("RLIMIT_SIGPENDING"),
    STACK("RLIMIT_STACK");

    private final String wire;

    RlimitType(String wire) {
        this.wire = wire;
    }

    /** Spelling in JSON. */
    public String wire() {
        return wire;
    }

    /** The constant with this exact spelling, or null. */
    public static @Nullable RlimitType of(String wire) {
        return switch (wire) {
            case "RLIMIT_AS" -> AS;
            case "RLIMIT_CORE" -> CORE;
            case "RLIMIT_CPU" -> CPU;
            case "RLIMIT_DATA" -> DATA;
            case "RLIMIT_FSIZE" -> FSIZE;
            case "RLIMIT_LOCKS" -> LOCKS;
            case "RLIMIT_MEMLOCK" -> MEMLOCK;
            case "RLIMIT_MSGQUEUE" -> MSGQUEUE;
            case "RLIMIT_NICE" -> NICE;
            case "RLIMIT_NOFILE" -> NOFILE;
            case "RLIMIT_NPROC" -> NPROC;
            case "RLIMIT_RSS" -> RSS;
            case "RLIMIT_RTPRIO" -> RTPRIO;
            case "RLIMIT_RTTIME" -> RTTIME;
            case "RLIMIT_SIGPENDING" -> SIGPENDING;
            case "RLIMIT_STACK" -> STACK;
            default -> null;
        };
    }
}
