package dev.caisson.kvm.memory;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.direct.KernelCalls;
import java.util.ArrayList;
import java.util.List;

/** Where a file has something, and where it has holes (lseek(2), SEEK_DATA). */
public final class FileExtents {
    private static final int SYS_LSEEK = 8;
    private static final int SEEK_END = 2;
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;

    private FileExtents() {}

    /** From an offset to another one. */
    public record Extent(long from, long to) {}

    /** The parts that are no holes, in their order. */
    public static List<Extent> of(Fd file) throws ErrnoException {
        List<Extent> found = new ArrayList<>();
        try (KernelCalls calls = new KernelCalls()) {
            long size = length(file);
            for (long at = 0; at < size; ) {
                long data = calls.call(SYS_LSEEK, file.number(), at, SEEK_DATA);
                if (data == -Errno.ENXIO.number()) {
                    break;
                }
                at = check(calls.call(SYS_LSEEK, file.number(), check(data, file), SEEK_HOLE), file);
                found.add(new Extent(data, at));
            }
        }
        return found;
    }

    /** How long it is. */
    public static long length(Fd file) throws ErrnoException {
        try (KernelCalls calls = new KernelCalls()) {
            return check(calls.call(SYS_LSEEK, file.number(), 0, SEEK_END), file);
        }
    }

    private static long check(long result, Fd file) throws ErrnoException {
        if (result < 0) {
            throw new ErrnoException((int) -result, "lseek", file.name());
        }
        return result;
    }
}
