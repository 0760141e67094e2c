package dev.caisson.kvm.boot;

import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** A kernel or an initramfs on its way into a guest's memory, most of it without a copy. One thread. */
final class BootFile implements ElfKernel.Source, AutoCloseable {
    private static final int SYS_PREAD64 = 17;
    private static final long PAGE = 4096;

    private final KernelCalls calls = new KernelCalls();
    private final Fd fd;
    private final long size;

    private BootFile(Fd fd, long size) {
        this.fd = fd;
        this.size = size;
    }

    static BootFile open(Path path) throws IOException {
        Fd fd = HostFiles.open(path.toString(), HostFiles.O_RDONLY | HostFiles.O_CLOEXEC, 0);
        try {
            return new BootFile(fd, Files.size(path));
        } catch (IOException e) {
            fd.close();
            throw e;
        }
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public byte[] read(long offset, int length) throws IOException {
        try (NativeMemory memory = new NativeMemory(Math.max(length, 1))) {
            readTo(memory.address(), offset, length);
            return memory.getBytes(0, length);
        }
    }

    void load(GuestMemory memory, long address, long offset, long length) throws IOException, GuestFault {
        // Whole pages are mapped: fifty megabytes are neither copied nor the guest's own until it writes to them. The
        // rest of
        // the last page is not the segment's in the file, but zeros in memory.
        long whole = (address | offset) % PAGE == 0 ? length & -PAGE : 0;
        if (whole > 0) {
            memory.map(address, fd, offset, whole);
        }
        readTo(memory.hostAddress(address + whole, length - whole), offset + whole, length - whole);
    }

    private void readTo(long address, long offset, long length) throws ErrnoException {
        long done = 0;
        while (done < length) {
            long got = calls.call(SYS_PREAD64, fd.number(), address + done, length - done, offset + done);
            if (got <= 0 && got != -Errno.EINTR.number()) {
                // A file that became shorter meanwhile is as bad as one that cannot be read.
                throw new ErrnoException(got == 0 ? Errno.EIO.number() : (int) -got, "pread", fd.name());
            }
            done += Math.max(got, 0);
        }
    }

    @Override
    public void close() {
        fd.close();
        calls.close();
    }
}
