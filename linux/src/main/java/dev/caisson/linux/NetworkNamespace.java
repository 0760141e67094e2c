package dev.caisson.linux;

/** Network namespaces (network_namespaces(7)). */
public final class NetworkNamespace {
    private NetworkNamespace() {}

    /**
     * Moves the calling thread, which is a platform thread, and what it starts from then on; other threads of the process stay where they are. It does not come
     * back: the thread should end when it has done what it came for.
     *
     * @param path of the namespace's file
     */
    public static void enter(String path) throws ErrnoException {
        try (Fd namespace = HostFiles.open(path, HostFiles.O_RDONLY | HostFiles.O_CLOEXEC, 0)) {
            // NATIVE: int setns(int fd, int nstype), sched.h.
            Libc.check(Libc.call(Sys.setns, namespace.number(), Abi.CLONE_NEWNET), "setns", path);
        }
    }
}
