package dev.caisson.kvm.state;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Writes down numbers and bytes, little-endian, for a {@link StateReader}. One thread. */
public final class StateWriter {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** Begins a part, whose name the reader must ask for: what was written by another version is noticed where it differs. */
    public StateWriter part(String name) {
        return putBytes(name.getBytes(StandardCharsets.US_ASCII));
    }

    public StateWriter putInt(int value) {
        out.writeBytes(ByteBuffer.allocate(Integer.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(value)
                .array());
        return this;
    }

    public StateWriter putLong(long value) {
        out.writeBytes(ByteBuffer.allocate(Long.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(value)
                .array());
        return this;
    }

    public StateWriter putBoolean(boolean value) {
        return putInt(value ? 1 : 0);
    }

    /** Their number goes in front. */
    public StateWriter putBytes(byte[] value) {
        putInt(value.length);
        out.writeBytes(value);
        return this;
    }

    /** All that was written. */
    public byte[] bytes() {
        return out.toByteArray();
    }
}
