package dev.caisson.shim.translate;

import com.google.protobuf.Timestamp;
import java.time.Instant;

/** Instants as protobuf has them. */
public final class Timestamps {
    private Timestamps() {}

    public static Timestamp of(Instant at) {
        return Timestamp.newBuilder()
                .setSeconds(at.getEpochSecond())
                .setNanos(at.getNano())
                .build();
    }
}
