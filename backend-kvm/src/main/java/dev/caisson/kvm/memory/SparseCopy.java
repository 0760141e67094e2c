package dev.caisson.kvm.memory;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.nio.file.Path;

/** Copies a file whose holes stay holes; where the file system can, both share their blocks until one is written to (ioctl_ficlone(2)). */
public final class SparseCopy {
    private static final int SYS_LSEEK = 8;
    private static final int SYS_IOCTL = 16;
    private static final int SYS_SENDFILE = 40;
    private static final int SYS_FTRUNCATE = 77;
    private static final int SYS_COPY_FILE_RANGE = 326;
    private static final int SEEK_SET = 0;
    private static final int FICLONE = 0x40049409;
    private static final long PART = 64 << 20;

    private SparseCopy() {}

    /** @param to a file that is not there yet, which gets these permissions */
    public static void of(Path from, Path to, int mode) throws ErrnoException {
        try (Fd in = HostFiles.open(from.toString(), HostFiles.O_RDONLY | HostFiles.O_CLOEXEC, 0);
                Fd out = HostFiles.open(
                        to.toString(),
                        HostFiles.O_RDWR | HostFiles.O_CREAT | HostFiles.O_EXCL | HostFiles.O_CLOEXEC,
                        mode);
                KernelCalls calls = new KernelCalls();
                NativeMemory offsets = new NativeMemory(2 * Long.BYTES)) {
            if (calls.call(SYS_IOCTL, out.number(), FICLONE, in.number()) == 0) {
                return;
            }
            for (FileExtents.Extent each : FileExtents.of(in)) {
                copy(calls, offsets, in, out, each);
            }
            check(calls.call(SYS_FTRUNCATE, out.number(), FileExtents.length(in)), "ftruncate", out);
        }
    }

    private static void copy(KernelCalls calls, NativeMemory offsets, Fd in, Fd out, FileExtents.Extent part)
            throws ErrnoException {
        for (long at = part.from(); at < part.to(); ) {
            long most = Math.min(part.to() - at, PART);
            offsets.putLong(0, at);
            offsets.putLong(Long.BYTES, at);
            long done = calls.call(
                    SYS_COPY_FILE_RANGE,
                    in.number(),
                    offsets.address(0),
                    out.number(),
                    offsets.address(Long.BYTES),
                    most,
                    0);
            if (done == -Errno.EXDEV.number() || done == -Errno.EOPNOTSUPP.number() || done == -Errno.EINVAL.number()) {
                // Between file systems of two kinds, since Linux 5.19.
                check(calls.call(SYS_LSEEK, out.number(), at, SEEK_SET), "lseek", out);
                done = calls.call(SYS_SENDFILE, out.number(), in.number(), offsets.address(0), most);
            }
            if (check(done, "copy to", out) == 0) {
                return; // it has become shorter
            }
            at += done;
        }
    }

    private static long check(long result, String call, Fd fd) throws ErrnoException {
        if (result < 0) {
            throw new ErrnoException((int) -result, call, fd.name());
        }
        return result;
    }
}
