package dev.caisson.kvm.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * An uncompressed kernel: a 64-bit ELF file for x86-64.
 *
 * @param entry physical address of the 64-bit entry
 * @param pvhEntry physical address of the 32-bit PVH entry, which a note tells; -1 when it has none
 * @param segments what has to be loaded, by address
 */
public record ElfKernel(long entry, long pvhEntry, List<Segment> segments) {
    private static final int SEGMENT_LIMIT = 64;
    /** Of a segment in memory, in bytes. */
    private static final long SIZE_LIMIT = 512 << 20;

    private static final int NOTES_LIMIT = 1 << 16;
    private static final int HEADER = 64;
    private static final int PROGRAM_HEADER = 56;
    private static final int EM_X86_64 = 62;
    private static final int PT_LOAD = 1;
    private static final int PT_NOTE = 4;
    private static final int XEN_ELFNOTE_PHYS32_ENTRY = 18;

    /** A part of the file, of {@code fileSize} bytes at {@code offset}, that takes {@code memorySize} bytes at a physical address. */
    public record Segment(long address, long offset, long fileSize, long memorySize) {
        long end() {
            return address + memorySize;
        }
    }

    public ElfKernel {
        segments = List.copyOf(segments);
    }

    /** How bytes of the file are got. */
    interface Source {
        long size();

        /** Reads exactly so many bytes. */
        byte[] read(long offset, int length) throws java.io.IOException;
    }

    /**
     * Reads headers and notes.
     *
     * @throws KernelFormatException it is no such file
     */
    static ElfKernel parse(Source file) throws java.io.IOException {
        if (file.size() < HEADER) {
            throw new KernelFormatException("not an ELF kernel: " + file.size() + " bytes");
        }
        ByteBuffer header = ByteBuffer.wrap(file.read(0, HEADER)).order(ByteOrder.LITTLE_ENDIAN);
        // Magic, 64-bit, little-endian.
        if (header.getInt(0) != 0x464c_457f || header.get(4) != 2 || header.get(5) != 1) {
            throw new KernelFormatException("not a 64-bit ELF kernel");
        }
        if (header.getShort(18) != EM_X86_64) {
            throw new KernelFormatException("not a kernel for x86-64: ELF machine " + header.getShort(18));
        }
        int count = header.getShort(56) & 0xffff;
        if (count == 0 || count > SEGMENT_LIMIT || header.getShort(54) != PROGRAM_HEADER) {
            throw new KernelFormatException("ELF kernel with " + count + " program headers");
        }
        long table = header.getLong(32);
        requireInside(file, table, (long) count * PROGRAM_HEADER, "program headers");
        ByteBuffer headers =
                ByteBuffer.wrap(file.read(table, count * PROGRAM_HEADER)).order(ByteOrder.LITTLE_ENDIAN);
        List<Segment> segments = new ArrayList<>();
        long pvhEntry = -1;
        for (int i = 0; i < count; i++) {
            ByteBuffer each = headers.slice(i * PROGRAM_HEADER, PROGRAM_HEADER).order(ByteOrder.LITTLE_ENDIAN);
            int type = each.getInt(0);
            if (type == PT_LOAD) {
                segments.add(segment(file, each));
            } else if (type == PT_NOTE && pvhEntry < 0) {
                pvhEntry = pvhEntry(file, each.getLong(8), each.getLong(32));
            }
        }
        segments.sort(java.util.Comparator.comparingLong(Segment::address));
        return new ElfKernel(header.getLong(24), pvhEntry, segments);
    }

    private static Segment segment(Source file, ByteBuffer header) throws KernelFormatException {
        long offset = header.getLong(8);
        long address = header.getLong(24);
        long fileSize = header.getLong(32);
        long memorySize = header.getLong(40);
        requireInside(file, offset, fileSize, "segment");
        if (memorySize < fileSize || memorySize > SIZE_LIMIT || address < 0 || address > 1L << 40) {
            throw new KernelFormatException(
                    "ELF kernel with a segment of " + memorySize + " bytes at 0x" + Long.toHexString(address));
        }
        return new Segment(address, offset, fileSize, memorySize);
    }

    private static void requireInside(Source file, long offset, long length, String what) throws KernelFormatException {
        if (offset < 0 || length < 0 || length > file.size() || offset > file.size() - length) {
            throw new KernelFormatException("damaged ELF kernel: " + what + " outside the file");
        }
    }

    /** Notes are name size, descriptor size, type, name, descriptor, the last two padded to 4. -1 when ours is not among them. */
    private static long pvhEntry(Source file, long offset, long length) throws java.io.IOException {
        requireInside(file, offset, length, "notes");
        if (length > NOTES_LIMIT) {
            throw new KernelFormatException("ELF kernel with " + length + " bytes of notes");
        }
        ByteBuffer notes = ByteBuffer.wrap(file.read(offset, (int) length)).order(ByteOrder.LITTLE_ENDIAN);
        while (notes.remaining() >= 12) {
            long nameSize = Integer.toUnsignedLong(notes.getInt());
            long valueSize = Integer.toUnsignedLong(notes.getInt());
            int type = notes.getInt();
            long nameRoom = nameSize + 3 & ~3L;
            if (nameRoom + (valueSize + 3 & ~3L) > notes.remaining()) {
                throw new KernelFormatException("damaged ELF kernel: a note ends outside the notes");
            }
            byte[] name = new byte[(int) nameSize];
            notes.slice().get(name);
            notes.position(notes.position() + (int) nameRoom);
            if (type == XEN_ELFNOTE_PHYS32_ENTRY
                    && new String(name, StandardCharsets.US_ASCII).equals("Xen\0")
                    && (valueSize == 4 || valueSize == 8)) {
                long value = valueSize == 4
                        ? Integer.toUnsignedLong(notes.getInt(notes.position()))
                        : notes.getLong(notes.position());
                if (value < 0 || value > 0xffff_ffffL) {
                    throw new KernelFormatException(
                            "kernel with a PVH entry that 32 bits cannot reach: 0x" + Long.toHexString(value));
                }
                return value;
            }
            notes.position(notes.position() + (int) (valueSize + 3 & ~3L));
        }
        return -1;
    }
}
