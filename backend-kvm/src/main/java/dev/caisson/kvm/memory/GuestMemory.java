package dev.caisson.kvm.memory;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.MemFd;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.Mapping;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A guest's physical memory: one memory file, of which the part up to {@link #HOLE} lies at address 0 and the rest at 4 GiB. The space between
 * is for devices. Any thread. Guests change it at any time: read what you decide by once.
 */
public final class GuestMemory implements AutoCloseable {
    /** First address that is never memory. */
    public static final long HOLE = 0xc000_0000L;

    static final long HIGH = 1L << 32;
    static final long PAGE = 4096;
    private static final long NO_COPY = -1;
    private static final long SAVE_BYTES = 4 << 20;
    private static final int SYS_LSEEK = 8;
    private static final int SYS_PWRITE64 = 18;
    private static final int SYS_FTRUNCATE = 77;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;

    private final Fd file;
    private final Mapping mapping;
    private final long lowSize;
    /** Where the memory begins in the file; -1 when the file is the memory itself. */
    private final long copyOf;
    /** Where files' bytes are in its place; those are not in the memory file. */
    private final List<Extent> lent = new CopyOnWriteArrayList<>();

    private record Extent(long from, long to) {}

    /** A part without holes. */
    public record Region(long guestAddress, long offset, long size) {}

    private GuestMemory(Fd file, Mapping mapping, long copyOf) {
        this.file = file;
        this.copyOf = copyOf;
        this.mapping = mapping;
        this.lowSize = Math.min(mapping.size(), HOLE);
    }

    /**
     * Makes memory of zeros. The host's memory is used as it is touched.
     *
     * @param size in bytes, a multiple of 4096 and at least 1 MiB
     */
    public static GuestMemory allocate(long size) throws ErrnoException {
        check(size);
        Fd file = MemFd.memory("caisson-guest", size);
        try {
            return new GuestMemory(file, Mapping.shared(file, size), NO_COPY);
        } catch (ErrnoException e) {
            file.close();
            throw e;
        }
    }

    private static void check(long size) {
        if (size % PAGE != 0 || size < 1 << 20) {
            throw new IllegalArgumentException("size of memory: " + size);
        }
    }

    /**
     * Makes memory with the bytes of a file that {@link #save} has written: a page is the file's until it is written to.
     *
     * @param file open for reading, consumed; must neither change nor become shorter
     * @param at where the memory begins there, a multiple of 4096
     * @param size as {@link #allocate}'s
     */
    public static GuestMemory copyOf(Fd file, long at, long size) throws ErrnoException {
        check(size);
        try {
            return new GuestMemory(file, Mapping.copyOnWrite(file, at, size), at);
        } catch (ErrnoException e) {
            file.close();
            throw e;
        }
    }

    /** Where it is. */
    public List<Region> regions() {
        List<Region> regions = new ArrayList<>();
        regions.add(new Region(0, 0, lowSize));
        if (mapping.size() > lowSize) {
            regions.add(new Region(HIGH, lowSize, mapping.size() - lowSize));
        }
        return regions;
    }

    /** Bytes of the part that begins at address 0. */
    public long lowSize() {
        return lowSize;
    }

    /** What it is mapped as here, for {@code KVM_SET_USER_MEMORY_REGION}. */
    public Mapping mapping() {
        return mapping;
    }

    /** The only way from a guest's address to a place here. */
    private long offset(long address, long length) throws GuestFault {
        if (length >= 0) {
            if (address >= 0 && address <= lowSize - length) {
                return address;
            }
            long high = address - HIGH;
            if (high >= 0 && high <= mapping.size() - lowSize - length) {
                return lowSize + high;
            }
        }
        throw new GuestFault(
                "no memory at 0x" + Long.toHexString(address) + ", length " + Long.toUnsignedString(length));
    }

    /**
     * Bytes of the host's memory that it alone takes; what the kernel's file lends is not counted until it is written to, and then not here. Of a copy, what
     * was written to.
     */
    public long used() throws ErrnoException {
        if (copyOf != NO_COPY) {
            return PageMap.own(mapping.address(0, mapping.size()), mapping.size())
                            .cardinality()
                    * PAGE;
        }
        return FileBlocks.of(file);
    }

    /** Which pages were touched, by the guest or from here. */
    public Footprint footprint() throws ErrnoException {
        return PageMap.footprint(mapping.address(0, mapping.size()), mapping.size());
    }

    /** How many pages it has. */
    public int pages() {
        return Math.toIntExact(mapping.size() / PAGE);
    }

    /** Has a copy's own of those pages made now and not when they are written to. Nobody else may write to them meanwhile. */
    public void own(BitSet pages) {
        for (int page = pages.nextSetBit(0); page >= 0; page = pages.nextSetBit(page + 1)) {
            long at = page * PAGE;
            mapping.putByte(at, mapping.getByte(at));
        }
    }

    /** Whether all of it is memory. */
    public boolean contains(long address, long length) {
        try {
            offset(address, length);
            return true;
        } catch (GuestFault e) {
            return false;
        }
    }

    /** An address of this process that a system call may use for so many bytes, as long as this is open. */
    public long hostAddress(long address, long length) throws GuestFault {
        return mapping.address(offset(address, length), length);
    }

    /**
     * Puts a file's bytes there without copying them; see {@link Mapping#replace}. All of it in whole pages.
     *
     * @param from must neither change nor become shorter while this is open
     */
    public void map(long address, Fd from, long fileOffset, long length) throws GuestFault, ErrnoException {
        long at = offset(address, length);
        mapping.replace(at, from, fileOffset, length);
        lent.add(new Extent(at, at + length));
    }

    /**
     * Writes all of it to a file, region after region; what was never touched becomes a hole.
     *
     * @param at where it begins there
     */
    public void save(Fd to, long at) throws ErrnoException {
        try (KernelCalls calls = new KernelCalls()) {
            BitSet touched = touched(calls);
            for (int first = touched.nextSetBit(0); first >= 0; ) {
                int end = touched.nextClearBit(first);
                for (long each = first * PAGE; each < end * PAGE; ) {
                    long length = Math.min(end * PAGE - each, SAVE_BYTES);
                    each += check(
                            calls.call(SYS_PWRITE64, to.number(), mapping.address(each, length), length, at + each),
                            "pwrite64",
                            to);
                }
                first = touched.nextSetBit(end);
            }
            // The file is as long as the memory, whatever its end is.
            check(calls.call(SYS_FTRUNCATE, to.number(), at + mapping.size()), "ftruncate", to);
        }
    }

    /** Pages that have something: of the memory's file, of files in its place, and, in a copy, what was written. */
    private BitSet touched(KernelCalls calls) throws ErrnoException {
        BitSet touched = new BitSet();
        long begin = Math.max(copyOf, 0);
        for (long from = begin; from < begin + mapping.size(); ) {
            long data = calls.call(SYS_LSEEK, file.number(), from, SEEK_DATA);
            if (data == -Errno.ENXIO.number()) {
                break;
            }
            from = check(calls.call(SYS_LSEEK, file.number(), check(data, "lseek", file), SEEK_HOLE), "lseek", file);
            set(touched, data - begin, Math.min(from - begin, mapping.size()));
        }
        for (Extent each : lent) {
            set(touched, each.from(), each.to());
        }
        if (copyOf != NO_COPY) {
            touched.or(PageMap.own(mapping.address(0, mapping.size()), mapping.size()));
        }
        return touched;
    }

    private static void set(BitSet pages, long from, long to) {
        if (from < to) {
            pages.set((int) (from / PAGE), (int) Math.ceilDiv(to, PAGE));
        }
    }

    private static long check(long result, String call, Fd fd) throws ErrnoException {
        if (result < 0) {
            throw new ErrnoException((int) -result, call, fd.name());
        }
        return result;
    }

    public int getByte(long address) throws GuestFault {
        return mapping.getByte(offset(address, 1));
    }

    public int getShort(long address) throws GuestFault {
        return mapping.getShort(offset(address, Short.BYTES));
    }

    public int getInt(long address) throws GuestFault {
        return mapping.getInt(offset(address, Integer.BYTES));
    }

    public long getLong(long address) throws GuestFault {
        return mapping.getLong(offset(address, Long.BYTES));
    }

    public void putByte(long address, int value) throws GuestFault {
        mapping.putByte(offset(address, 1), value);
    }

    public void putShort(long address, int value) throws GuestFault {
        mapping.putShort(offset(address, Short.BYTES), value);
    }

    public void putInt(long address, int value) throws GuestFault {
        mapping.putInt(offset(address, Integer.BYTES), value);
    }

    public void putLong(long address, long value) throws GuestFault {
        mapping.putLong(offset(address, Long.BYTES), value);
    }

    /** Reads an index that the guest publishes: what it wrote before is seen afterwards. */
    public int getIndex(long address) throws GuestFault {
        return mapping.getShortAcquire(even(address));
    }

    /** Publishes an index: the guest sees everything that was written before. */
    public void putIndex(long address, int value) throws GuestFault {
        mapping.putShortRelease(even(address), value);
    }

    private long even(long address) throws GuestFault {
        if ((address & 1) != 0) {
            throw new GuestFault("an index at the odd address 0x" + Long.toHexString(address));
        }
        return offset(address, Short.BYTES);
    }

    /** Copies from the guest. */
    public void read(long address, byte[] to, int at, int length) throws GuestFault {
        mapping.read(offset(address, length), to, at, length);
    }

    /** Copies to the guest. */
    public void write(long address, byte[] from, int at, int length) throws GuestFault {
        mapping.write(offset(address, length), from, at, length);
    }

    public void write(long address, byte[] from) throws GuestFault {
        write(address, from, 0, from.length);
    }

    public void zero(long address, long length) throws GuestFault {
        mapping.zero(offset(address, length), length);
    }

    @Override
    public void close() {
        mapping.close();
        file.close();
    }
}
