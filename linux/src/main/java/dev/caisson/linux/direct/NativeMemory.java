package dev.caisson.linux.direct;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * A zeroed block of native memory that calls may be given pointers to. Every access is checked against its bounds
 * ({@link IndexOutOfBoundsException}). Any thread, but not two at once.
 */
public final class NativeMemory implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment segment;

    /** Allocates a block, aligned to 64 bytes. */
    public NativeMemory(int size) {
        segment = arena.allocate(size, 64);
    }

    /** Address of its first byte. */
    public long address() {
        return segment.address();
    }

    /** Address of a byte of it. */
    public long address(int offset) {
        if (offset < 0 || offset > segment.byteSize()) {
            throw new IndexOutOfBoundsException(offset);
        }
        return segment.address() + offset;
    }

    public int size() {
        return (int) segment.byteSize();
    }

    public int getByte(int offset) {
        return segment.get(ValueLayout.JAVA_BYTE, offset) & 0xff;
    }

    public int getShort(int offset) {
        return segment.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset) & 0xffff;
    }

    public int getInt(int offset) {
        return segment.get(ValueLayout.JAVA_INT_UNALIGNED, offset);
    }

    public long getLong(int offset) {
        return segment.get(ValueLayout.JAVA_LONG_UNALIGNED, offset);
    }

    public void putByte(int offset, int value) {
        segment.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
    }

    public void putShort(int offset, int value) {
        segment.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, (short) value);
    }

    public void putInt(int offset, int value) {
        segment.set(ValueLayout.JAVA_INT_UNALIGNED, offset, value);
    }

    public void putLong(int offset, long value) {
        segment.set(ValueLayout.JAVA_LONG_UNALIGNED, offset, value);
    }

    /** A copy of some bytes. */
    public byte[] getBytes(int offset, int length) {
        byte[] bytes = new byte[length];
        MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, bytes, 0, length);
        return bytes;
    }

    public void putBytes(int offset, byte[] bytes) {
        MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, offset, bytes.length);
    }

    /** Bytes of UTF-8 and a NUL; returns the offset behind it. */
    public int putString(int offset, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        putBytes(offset, bytes);
        putByte(offset + bytes.length, 0);
        return offset + bytes.length + 1;
    }

    public void zero(int offset, int length) {
        segment.asSlice(offset, length).fill((byte) 0);
    }

    /** Length of the NUL-ended string at an offset, or -1 when there is no NUL before {@code limit}. */
    public int stringLength(int offset, int limit) {
        for (int i = offset; i < limit; i++) {
            if (segment.get(ValueLayout.JAVA_BYTE, i) == 0) {
                return i - offset;
            }
        }
        return -1;
    }

    @Override
    public void close() {
        arena.close();
    }
}
