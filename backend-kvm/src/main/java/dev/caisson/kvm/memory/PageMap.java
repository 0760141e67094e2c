package dev.caisson.kvm.memory;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.util.BitSet;

/** What of this process's memory is its own, page by page (/proc/self/pagemap; Linux Documentation/admin-guide/mm/pagemap.rst). */
final class PageMap {
    private static final int SYS_PREAD64 = 17;
    private static final int CHUNK = 64 << 10;
    private static final long PRESENT = 1L << 63;
    private static final long SWAPPED = 1L << 62;
    /** A file's page, or one that processes share. */
    private static final long OF_FILE = 1L << 61;

    private PageMap() {}

    /** The pages from an address on that were written to, and so are no file's any more. */
    static BitSet own(long address, long length) throws ErrnoException {
        return footprint(address, length).own();
    }

    /** The pages from an address on that are mapped; reading one maps its neighbours as well (fault_around_bytes). */
    static Footprint footprint(long address, long length) throws ErrnoException {
        BitSet own = new BitSet();
        BitSet seen = new BitSet();
        try (KernelCalls calls = new KernelCalls();
                NativeMemory chunk = new NativeMemory(CHUNK);
                Fd file = HostFiles.open("/proc/self/pagemap", HostFiles.O_RDONLY | HostFiles.O_CLOEXEC, 0)) {
            long first = address / GuestMemory.PAGE;
            int pages = Math.toIntExact(length / GuestMemory.PAGE);
            for (int done = 0; done < pages; ) {
                long wanted = Math.min(CHUNK, (long) (pages - done) * Long.BYTES);
                long got = calls.call(SYS_PREAD64, file.number(), chunk.address(), wanted, (first + done) * Long.BYTES);
                if (got < Long.BYTES) {
                    throw new ErrnoException((int) -Math.min(got, 0), "read", file.name());
                }
                for (int i = 0; i < got / Long.BYTES; i++) {
                    long entry = chunk.getLong(i * Long.BYTES);
                    if ((entry & SWAPPED) != 0 || (entry & (PRESENT | OF_FILE)) == PRESENT) {
                        own.set(done + i);
                    } else if ((entry & PRESENT) != 0) {
                        seen.set(done + i);
                    }
                }
                done += (int) (got / Long.BYTES);
            }
        }
        return new Footprint(own, seen);
    }
}
