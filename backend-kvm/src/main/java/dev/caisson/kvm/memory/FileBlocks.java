package dev.caisson.kvm.memory;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;

/** What a file takes, which is less than its length where it has holes. */
public final class FileBlocks {
    private static final int SYS_FSTAT = 5;
    /** sizeof(struct stat) and st_blocks of x86-64. */
    private static final int STAT_SIZE = 144;

    private static final int STAT_BLOCKS = 64;
    private static final int BLOCK = 512;

    private FileBlocks() {}

    /** In bytes. */
    public static long of(Fd file) throws ErrnoException {
        try (KernelCalls calls = new KernelCalls();
                NativeMemory stat = new NativeMemory(STAT_SIZE)) {
            long result = calls.call(SYS_FSTAT, file.number(), stat.address());
            if (result < 0) {
                throw new ErrnoException((int) -result, "fstat", file.name());
            }
            return stat.getLong(STAT_BLOCKS) * BLOCK;
        }
    }
}
