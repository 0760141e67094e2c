package dev.caisson.linux.direct;

import dev.caisson.linux.Libc;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * A zeroed block of native memory that calls may be given pointers to. Every access is checked against its bounds
 * ({@link IndexOutOfBoundsException}). Any thread, but not two at once, and none after {@link #close}.
 */
public final class NativeMemory implements AutoCloseable {
    private static final int SYS_MMAP = 9;
    private static final int SYS_MUNMAP = 11;
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;

    private final long address;
    private final int size;
    private final boolean isMapped;
    private ByteBuffer bytes;
    private boolean freed;

    /** Allocates a block, aligned to 16 bytes. */
    public NativeMemory(int size) {
        this.size = size;
        isMapped = false;
        address = Libc.allocate(Math.max(1, size));
        if (address == 0) {
            throw new OutOfMemoryError("malloc of " + size + " bytes for system calls");
        }
        bytes = Libc.view(address, size).order(ByteOrder.nativeOrder());
    }

    private NativeMemory(long address, int size) {
        this.size = size;
        this.address = address;
        isMapped = true;
        bytes = Libc.view(address, size).order(ByteOrder.nativeOrder());
    }

    /**
     * The beginning of a file, shared with whoever has it too (mmap(2)).
     *
     * @param fd may be closed afterwards; the file must not become shorter
     * @param size a multiple of a page
     * @throws IllegalStateException the kernel does not, with the errno
     */
    public static NativeMemory shared(KernelCalls kernel, int fd, int size) {
        // NATIVE: void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset), sys/mman.h.
        // Unmapped by close.
        long address = kernel.call(SYS_MMAP, 0, size, PROT_READ_WRITE, MAP_SHARED, fd, 0);
        if (address < 0 && address >= -4095) {
            throw new IllegalStateException("mmap: errno " + -address);
        }
        return new NativeMemory(address, size);
    }

    /** Address of its first byte. */
    public long address() {
        return address;
    }

    /** Address of a byte of it. */
    public long address(int offset) {
        if (offset < 0 || offset > size) {
            throw new IndexOutOfBoundsException(offset);
        }
        return address + offset;
    }

    public int size() {
        return size;
    }

    public int getByte(int offset) {
        return bytes.get(offset) & 0xff;
    }

    public int getShort(int offset) {
        return bytes.getShort(offset) & 0xffff;
    }

    public int getInt(int offset) {
        return bytes.getInt(offset);
    }

    public long getLong(int offset) {
        return bytes.getLong(offset);
    }

    public void putByte(int offset, int value) {
        bytes.put(offset, (byte) value);
    }

    public void putShort(int offset, int value) {
        bytes.putShort(offset, (short) value);
    }

    public void putInt(int offset, int value) {
        bytes.putInt(offset, value);
    }

    public void putLong(int offset, long value) {
        bytes.putLong(offset, value);
    }

    /** A copy of some bytes. */
    public byte[] getBytes(int offset, int length) {
        byte[] copy = new byte[length];
        bytes.get(offset, copy);
        return copy;
    }

    public void putBytes(int offset, byte[] value) {
        bytes.put(offset, value);
    }

    /**
     * Copies bytes from elsewhere in this process.
     *
     * @param from where {@code length} bytes are, which nobody frees meanwhile
     */
    public void copyFrom(int offset, long from, int length) {
        bytes.put(offset, Libc.view(from, length), 0, length);
    }

    /** Bytes of UTF-8 and a NUL; returns the offset behind it. */
    public int putString(int offset, String text) {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        putBytes(offset, encoded);
        putByte(offset + encoded.length, 0);
        return offset + encoded.length + 1;
    }

    public void zero(int offset, int length) {
        int at = offset;
        for (; at <= offset + length - Long.BYTES; at += Long.BYTES) {
            bytes.putLong(at, 0);
        }
        for (; at < offset + length; at++) {
            bytes.put(at, (byte) 0);
        }
    }

    /** Length of the NUL-ended string at an offset, or -1 when there is no NUL before {@code limit}. */
    public int stringLength(int offset, int limit) {
        for (int i = offset; i < limit; i++) {
            if (bytes.get(i) == 0) {
                return i - offset;
            }
        }
        return -1;
    }

    /** Frees it. Idempotent; an access afterwards is out of its bounds. */
    @Override
    public void close() {
        if (!freed) {
            freed = true;
            bytes = ByteBuffer.allocate(0);
            if (isMapped) {
                Libc.call(SYS_MUNMAP, address, size, 0, 0, 0, 0);
            } else {
                Libc.free(address);
            }
        }
    }
}
