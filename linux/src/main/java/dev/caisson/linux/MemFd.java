package dev.caisson.linux;

/** Anonymous files (memfd_create(2)): programs that nobody can change any more, and memory to share. */
public final class MemFd {
    private MemFd() {}

    /**
     * Creates an executable memory file with the given content and seals it against every change, so that what enters a
     * container cannot be overwritten from inside it (CVE-2019-5736).
     *
     * @param name shown in /proc/PID/exe as {@code /memfd:name}; at most 249 bytes
     * @param content the bytes
     * @return a close-on-exec descriptor, positioned at the end
     */
    public static Fd sealed(String name, byte[] content) throws ErrnoException {
        int flags = Abi.MFD_CLOEXEC | Abi.MFD_ALLOW_SEALING;
        int seals = Abi.F_SEAL_SEAL | Abi.F_SEAL_SHRINK | Abi.F_SEAL_GROW | Abi.F_SEAL_WRITE;
        // Linux 6.3 wants the intention stated (sysctl vm.memfd_noexec may otherwise drop the execute bits); before,
        // the flag
        // is EINVAL and files are executable anyway.
        long created = create(name, flags | Abi.MFD_EXEC);
        if (Libc.errno(created) == Errno.EINVAL) {
            created = create(name, flags);
        } else {
            seals |= Abi.F_SEAL_EXEC;
        }
        Fd fd = Fd.of(created, "memfd_create", name);
        try {
            HostFiles.writeAll(fd, content);
            // NATIVE: int fcntl(int fd, int cmd, int seals), fcntl.h. EBUSY while a writable mapping exists: there is
            // none.
            Libc.check(Libc.call(Sys.fcntl, fd.number(), Abi.F_ADD_SEALS, seals), "fcntl F_ADD_SEALS", name);
            return fd;
        } catch (ErrnoException e) {
            fd.close();
            throw e;
        }
    }

    /**
     * Creates a memory file of a fixed size that reads as zeros, for memory that is mapped by several parties: sealed against changes of its
     * size, since whoever touches a mapping behind a file's end is killed.
     *
     * @param name shown in /proc/PID/maps as {@code /memfd:name}
     * @param size in bytes; nothing is reserved
     */
    public static Fd memory(String name, long size) throws ErrnoException {
        Fd fd = Fd.of(create(name, Abi.MFD_CLOEXEC | Abi.MFD_ALLOW_SEALING), "memfd_create", name);
        try {
            // NATIVE: int ftruncate(int fd, off_t length), unistd.h.
            Libc.check(Libc.call(Sys.ftruncate, fd.number(), size), "ftruncate", name);
            int seals = Abi.F_SEAL_SEAL | Abi.F_SEAL_SHRINK | Abi.F_SEAL_GROW;
            // NATIVE: int fcntl(int fd, int cmd, int seals), fcntl.h.
            Libc.check(Libc.call(Sys.fcntl, fd.number(), Abi.F_ADD_SEALS, seals), "fcntl F_ADD_SEALS", name);
            return fd;
        } catch (ErrnoException e) {
            fd.close();
            throw e;
        }
    }

    private static long create(String name, int flags) {
        try (Scratch scratch = new Scratch()) {
            // NATIVE: int memfd_create(const char *name, unsigned int flags), sys/mman.h, since 3.17. The kernel copies
            // it.
            return Libc.call(Sys.memfd_create, scratch.string(name), flags);
        }
    }
}
