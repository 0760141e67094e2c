package dev.caisson.trap.dispatch;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;

/**
 * The working directories of the threads whose calls were answered last: most names are relative, and asking procfs for the directory is three calls.
 *
 * <p>One is believed for a second, as {@link Callers} is, and only while nobody in the container has changed a directory. That is enough where nobody but
 * the thread itself can change it, since a stopped thread does not: so only those of processes with a single thread are kept. Of one thread.
 */
final class KnownDirectories implements AutoCloseable {
    private static final long TRUST_NANOS = 1_000_000_000L;
    private static final int O_PATH_CLOEXEC = 0x200000 | 0x80000;
    private static final int STAT_SIZE = 144;
    private static final int STAT_NLINK = 16;
    /** Of /proc/PID/task: itself, its parent, and one for each thread (proc_pid_task(5)). */
    private static final long LINKS_OF_ONE_THREAD = 3;

    private final KernelCalls kernel;
    private final ContainerView container;
    private final NativeMemory text = new NativeMemory(64);
    private final NativeMemory stat = new NativeMemory(STAT_SIZE);
    private final KeptDescriptors directories;
    private final int[] moves = new int[KeptDescriptors.PLACES];
    private final long[] since = new long[KeptDescriptors.PLACES];
    /** What the call at hand was given already: it gets no other, and nothing is closed under it. */
    private long inUse = KeptDescriptors.NONE;

    KnownDirectories(KernelCalls kernel, ContainerView container) {
        this.kernel = kernel;
        this.container = container;
        this.directories = new KeptDescriptors(kernel);
    }

    /** Another call is answered. */
    void begin() {
        inUse = KeptDescriptors.NONE;
    }

    /** Whether a descriptor is kept here, and so is not to be closed by who uses it. */
    boolean keeps(long fd) {
        return fd == inUse;
    }

    /**
     * A descriptor of a thread's working directory, opened with O_PATH.
     *
     * @param tid host id of the thread, which is stopped
     * @return a descriptor that is the caller's to close unless it is kept here, or a negative errno
     */
    long of(int tid) {
        if (inUse >= 0) {
            return inUse;
        }
        int at = KeptDescriptors.place(tid);
        int count = container.moves().count();
        long now = System.nanoTime();
        long known = directories.get(tid);
        if (known >= 0 && moves[at] == count && now - since[at] <= TRUST_NANOS) {
            inUse = known;
            return inUse;
        }
        directories.forget(tid);
        text.putString(0, tid + "/cwd");
        long fd = kernel.call(Nr.openat, container.hostProc(), text.address(), O_PATH_CLOEXEC);
        if (fd >= 0 && isOwn(tid) && !isProc(fd)) {
            moves[at] = count;
            since[at] = now;
            directories.put(tid, fd);
            inUse = fd;
        }
        return fd;
    }

    private boolean isOwn(int tid) {
        // Who unmounts is told that it is busy for what is kept here.
        if (container.moves().areShared() || container.mounts() != null) {
            return false;
        }
        text.putString(0, tid + "/task");
        return kernel.call(Nr.newfstatat, container.hostProc(), text.address(), stat.address(), 0) == 0
                && stat.getLong(STAT_NLINK) == LINKS_OF_ONE_THREAD;
    }

    /** Names below /proc are not looked up by the kernel alone. */
    private boolean isProc(long fd) {
        return kernel.call(Nr.fstat, fd, stat.address()) != 0 || stat.getLong(0) == container.procDevice();
    }

    @Override
    public void close() {
        directories.close();
        stat.close();
        text.close();
    }
}
