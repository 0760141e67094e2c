package dev.caisson.kvm.state;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Reads what a {@link StateWriter} has written, and doubts it: a file may be cut off, or somebody else's. One thread. */
public final class StateReader {
    private static final int NAME_LIMIT = 64;

    private final ByteBuffer in;
    private String part = "its beginning";

    public StateReader(byte[] bytes) {
        in = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private void need(int bytes) throws StateFormatException {
        if (in.remaining() < bytes) {
            throw wrong("it ends too early");
        }
    }

    /** For a value that cannot be. */
    public StateFormatException wrong(String what) {
        return new StateFormatException("state of a machine, in " + part + ": " + what);
    }

    /** Begins a part; see {@link StateWriter#part}. */
    public void part(String name) throws StateFormatException {
        byte[] found = getBytes(NAME_LIMIT);
        if (!Arrays.equals(found, name.getBytes(StandardCharsets.US_ASCII))) {
            throw wrong(name + " is expected behind it");
        }
        part = name;
    }

    public int getInt() throws StateFormatException {
        need(Integer.BYTES);
        return in.getInt();
    }

    /** One that is not less than {@code least} and not more than {@code most}. */
    public int getInt(int least, int most, String what) throws StateFormatException {
        int value = getInt();
        if (value < least || value > most) {
            throw wrong(what + " is " + value + ", not " + least + " to " + most);
        }
        return value;
    }

    public long getLong() throws StateFormatException {
        need(Long.BYTES);
        return in.getLong();
    }

    public boolean getBoolean() throws StateFormatException {
        return getInt(0, 1, "a truth") == 1;
    }

    /** As many as there are, up to a limit. */
    public byte[] getBytes(int limit) throws StateFormatException {
        int length = getInt(0, limit, "a length");
        need(length);
        byte[] bytes = new byte[length];
        in.get(bytes);
        return bytes;
    }

    /** Exactly so many. */
    public byte[] getExactly(int length) throws StateFormatException {
        byte[] bytes = getBytes(length);
        if (bytes.length != length) {
            throw wrong(bytes.length + " bytes, not " + length);
        }
        return bytes;
    }

    /** Nothing may be left. */
    public void end() throws StateFormatException {
        if (in.hasRemaining()) {
            throw wrong(in.remaining() + " bytes follow it");
        }
    }
}
