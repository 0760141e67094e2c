package dev.caisson.linux.direct;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Memory that is shared with the kernel or with a guest (mmap(2), MAP_SHARED). Every access is checked against its bounds ({@link
 * IndexOutOfBoundsException}) and, after {@link #close}, refused ({@link IllegalStateException}). Values are little-endian. Any thread; what
 * another party writes at the same time is seen torn unless the access is an acquiring one.
 */
public final class Mapping implements AutoCloseable {
    private static final int SYS_MMAP = 9;
    private static final int SYS_MUNMAP = 11;
    private static final int PROT_READ = 1;
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_SHARED = 1;
    private static final int MAP_PRIVATE = 2;
    private static final int MAP_FIXED = 0x10;
    private static final int MAP_NORESERVE = 0x4000;

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ALIGNED_SHORT = ValueLayout.JAVA_SHORT.varHandle();

    private final Arena arena;
    private final MemorySegment segment;

    private Mapping(Arena arena, MemorySegment segment) {
        this.arena = arena;
        this.segment = segment;
    }

    /**
     * Maps the beginning of a file, readable and writable.
     *
     * @param file stays the caller's, and may be closed
     * @param size in bytes; the file must not become shorter (SIGBUS): see {@code MemFd.memory}
     */
    public static Mapping shared(Fd file, long size) throws ErrnoException {
        return map(file, 0, size, PROT_READ_WRITE, MAP_SHARED);
    }

    /**
     * Maps a part of a file, readable and writable: a page is the file's, shared with all who have it, until it is written to, and what is written stays
     * here (MAP_PRIVATE).
     *
     * @param file open for reading; stays the caller's, and may be closed; it must neither change nor become shorter
     * @param fileOffset a multiple of a page
     * @param size in bytes
     */
    public static Mapping copyOnWrite(Fd file, long fileOffset, long size) throws ErrnoException {
        return map(file, fileOffset, size, PROT_READ_WRITE, MAP_PRIVATE);
    }

    /**
     * Maps a part of a file, or of a device's memory, to be read only: a write would end the process.
     *
     * @param file open for reading; stays the caller's, and may be closed
     * @param fileOffset a multiple of a page
     * @param size in bytes
     */
    public static Mapping readOnly(Fd file, long fileOffset, long size) throws ErrnoException {
        return map(file, fileOffset, size, PROT_READ, MAP_SHARED);
    }

    @SuppressWarnings("restricted")
    private static Mapping map(Fd file, long fileOffset, long size, int protection, int sharing) throws ErrnoException {
        try (KernelCalls calls = new KernelCalls()) {
            // NATIVE: void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset), sys/mman.h.
            // Unmapped
            // when the arena closes, which waits for accesses that are under way.
            long address =
                    calls.call(SYS_MMAP, 0, size, protection, sharing | MAP_NORESERVE, file.number(), fileOffset);
            if (address < 0 && address >= -4095) {
                throw new ErrnoException((int) -address, "mmap", file.name());
            }
            Arena arena = Arena.ofShared();
            MemorySegment segment = MemorySegment.ofAddress(address).reinterpret(size, arena, s -> {
                try (KernelCalls unmapping = new KernelCalls()) {
                    unmapping.call(SYS_MUNMAP, s.address(), size);
                }
            });
            return new Mapping(arena, segment);
        }
    }

    /**
     * Puts a file's bytes in the place of some of this memory: nothing is copied until it is written to, and what is written stays here
     * (MAP_PRIVATE). Before anybody else uses that memory.
     *
     * @param offset in this; a multiple of a page, as are {@code fileOffset} and {@code length}
     * @param file stays the caller's, and may be closed; it must neither change nor become shorter
     */
    public void replace(long offset, Fd file, long fileOffset, long length) throws ErrnoException {
        try (KernelCalls calls = new KernelCalls()) {
            // NATIVE: mmap(2) as above. MAP_FIXED within memory that is ours: address() has checked it.
            long result = calls.call(
                    SYS_MMAP,
                    address(offset, length),
                    length,
                    PROT_READ_WRITE,
                    MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
                    file.number(),
                    fileOffset);
            if (result < 0 && result >= -4095) {
                throw new ErrnoException((int) -result, "mmap", file.name());
            }
        }
    }

    /** In bytes. */
    public long size() {
        return segment.byteSize();
    }

    /** The address of some bytes of it, for a system call that ends before this is closed. */
    public long address(long offset, long length) {
        return segment.asSlice(offset, length).address();
    }

    public int getByte(long offset) {
        return segment.get(ValueLayout.JAVA_BYTE, offset) & 0xff;
    }

    public int getShort(long offset) {
        return segment.get(SHORT, offset) & 0xffff;
    }

    public int getInt(long offset) {
        return segment.get(INT, offset);
    }

    public long getLong(long offset) {
        return segment.get(LONG, offset);
    }

    public void putByte(long offset, int value) {
        segment.set(ValueLayout.JAVA_BYTE, offset, (byte) value);
    }

    public void putShort(long offset, int value) {
        segment.set(SHORT, offset, (short) value);
    }

    public void putInt(long offset, int value) {
        segment.set(INT, offset, value);
    }

    public void putLong(long offset, long value) {
        segment.set(LONG, offset, value);
    }

    /** Reads a short of which another party makes its writes visible; what it wrote before is seen afterwards. The offset must be even. */
    public int getShortAcquire(long offset) {
        return (short) ALIGNED_SHORT.getAcquire(segment, offset) & 0xffff;
    }

    /** Writes a short after which all earlier writes are visible to who reads it. The offset must be even. */
    public void putShortRelease(long offset, int value) {
        ALIGNED_SHORT.setRelease(segment, offset, (short) value);
    }

    /** Copies bytes out. */
    public void read(long offset, byte[] to, int at, int length) {
        MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, to, at, length);
    }

    /** Copies bytes in. */
    public void write(long offset, byte[] from, int at, int length) {
        MemorySegment.copy(from, at, segment, ValueLayout.JAVA_BYTE, offset, length);
    }

    public void zero(long offset, long length) {
        segment.asSlice(offset, length).fill((byte) 0);
    }

    /** Unmaps it; whoever uses it afterwards, and whoever is in it on another thread, gets an {@link IllegalStateException}. Idempotent. */
    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
