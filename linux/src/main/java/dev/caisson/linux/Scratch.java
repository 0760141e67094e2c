package dev.caisson.linux;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Native memory for the arguments of one system call, freed on close. Confined to the calling thread. Accesses are checked
 * against the allocation that they fall into, so a wrong offset is an exception and never a stray write.
 */
final class Scratch implements AutoCloseable {
    /** Most calls' arguments fit into one block, which costs one malloc. */
    private static final int BLOCK = 2048;

    private static final int ALIGNMENT = 16;

    /** One piece of a block: what a caller was given. */
    private record Piece(long address, int size, ByteBuffer block, int offset) {}

    private final List<Long> blocks = new ArrayList<>(1);
    private final List<Piece> pieces = new ArrayList<>(4);
    private ByteBuffer block = ByteBuffer.allocate(0);
    private long base;
    private int used;

    /** Allocates zeroed memory, aligned as malloc aligns (16 bytes), and returns its address. */
    long zeroed(int size) {
        return allocate(size).address;
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
        Piece piece = allocate(encoded.length + 1); // zeroed, and so ended
        piece.block.put(piece.offset, encoded);
        return piece.address;
    }

    /** Copies bytes. */
    long bytes(byte[] content, int from, int length) {
        Piece piece = allocate(length);
        piece.block.put(piece.offset, content, from, length);
        return piece.address;
    }

    private Piece allocate(int size) {
        if (size < 0) {
            throw new IllegalArgumentException("size " + size);
        }
        int room = Math.max(1, size); // or two pieces had one address
        if (room > block.capacity() - used) {
            int capacity = Math.max(BLOCK, room);
            base = Libc.allocate(capacity);
            if (base == 0) {
                throw new OutOfMemoryError("malloc of " + capacity + " bytes for a system call");
            }
            blocks.add(base);
            block = Libc.view(base, capacity).order(ByteOrder.nativeOrder());
            used = 0;
        }
        Piece piece = new Piece(base + used, size, block, used);
        pieces.add(piece);
        used = Math.min(block.capacity(), (used + room + ALIGNMENT - 1) & -ALIGNMENT);
        return piece;
    }

    /** Where in its block an access falls. */
    private Piece at(long address, int size) {
        for (Piece piece : pieces) {
            if (address >= piece.address && address - piece.address <= piece.size - size) {
                return piece;
            }
        }
        throw new IndexOutOfBoundsException("native access of " + size + " bytes outside of this call's memory");
    }

    private static int index(Piece piece, long address) {
        return piece.offset + (int) (address - piece.address);
    }

    void putShort(long address, int value) {
        Piece piece = at(address, 2);
        piece.block.putShort(index(piece, address), (short) value);
    }

    void putInt(long address, int value) {
        Piece piece = at(address, 4);
        piece.block.putInt(index(piece, address), value);
    }

    void putLong(long address, long value) {
        Piece piece = at(address, 8);
        piece.block.putLong(index(piece, address), value);
    }

    void putBytes(long address, byte[] value) {
        Piece piece = at(address, value.length);
        piece.block.put(index(piece, address), value);
    }

    int getInt(long address) {
        Piece piece = at(address, 4);
        return piece.block.getInt(index(piece, address));
    }

    long getLong(long address) {
        Piece piece = at(address, 8);
        return piece.block.getLong(index(piece, address));
    }

    byte[] getBytes(long address, int length) {
        Piece piece = at(address, length);
        byte[] bytes = new byte[length];
        piece.block.get(index(piece, address), bytes);
        return bytes;
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
        blocks.forEach(Libc::free);
        blocks.clear();
        pieces.clear();
        block = ByteBuffer.allocate(0);
        used = 0;
    }
}
