package dev.caisson.linux;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Native memory for the arguments of one system call, freed on close. Confined to the calling thread. Accesses are checked
 * against the block that they fall into, so a wrong offset is an exception and never a stray write.
 */
final class Scratch implements AutoCloseable {
    private static final byte[] NUL = {0};

    private long[] starts = new long[4];
    private long[] sizes = new long[4];
    private int count;

    /** Allocates zeroed memory, aligned as malloc aligns (16 bytes), and returns its address. */
    long zeroed(int size) {
        long address = allocate(size);
        new Pointer(address).clear(Math.max(1, size));
        return address;
    }

    /**
     * Copies a string as its bytes and a NUL.
     *
     * @throws IllegalArgumentException if the string contains a NUL, which would silently cut it
     */
    long string(String text) {
        byte[] encoded = PathBytes.encode(text);
        for (byte b : encoded) {
            if (b == 0) {
                throw new IllegalArgumentException(
                        "string for the kernel contains a NUL byte: '" + text.replace('\0', '?') + "'");
            }
        }
        long address = allocate(encoded.length + 1);
        Pointer pointer = new Pointer(address);
        pointer.write(0, encoded, 0, encoded.length);
        pointer.write(encoded.length, NUL, 0, 1);
        return address;
    }

    /** Copies bytes. */
    long bytes(byte[] content, int from, int length) {
        long address = allocate(length);
        if (length > 0) {
            new Pointer(address).write(0, content, from, length);
        }
        return address;
    }

    private long allocate(int size) {
        // malloc(0) may give a null pointer, which some calls take for "absent".
        long address = Native.malloc(Math.max(1, size));
        if (address == 0) {
            throw new OutOfMemoryError("malloc of " + size + " bytes for a system call");
        }
        if (count == starts.length) {
            starts = Arrays.copyOf(starts, count * 2);
            sizes = Arrays.copyOf(sizes, count * 2);
        }
        starts[count] = address;
        sizes[count++] = size;
        return address;
    }

    private Pointer at(long address, int size) {
        for (int i = 0; i < count; i++) {
            if (address >= starts[i] && address - starts[i] <= sizes[i] - size) {
                return new Pointer(address);
            }
        }
        throw new IndexOutOfBoundsException("native access of " + size + " bytes outside of this call's memory");
    }

    void putShort(long address, int value) {
        at(address, 2).setShort(0, (short) value);
    }

    void putInt(long address, int value) {
        at(address, 4).setInt(0, value);
    }

    void putLong(long address, long value) {
        at(address, 8).setLong(0, value);
    }

    void putBytes(long address, byte[] value) {
        at(address, value.length).write(0, value, 0, value.length);
    }

    int getInt(long address) {
        return at(address, 4).getInt(0);
    }

    long getLong(long address) {
        return at(address, 8).getLong(0);
    }

    byte[] getBytes(long address, int length) {
        return at(address, length).getByteArray(0, length);
    }

    /** Reads ASCII text up to the first NUL or the given length. */
    String getAscii(long address, int length) {
        byte[] raw = getBytes(address, length);
        int end = 0;
        while (end < raw.length && raw[end] != 0) {
            end++;
        }
        return new String(raw, 0, end, StandardCharsets.US_ASCII);
    }

    @Override
    public void close() {
        for (int i = 0; i < count; i++) {
            Native.free(starts[i]);
        }
        count = 0;
    }
}
