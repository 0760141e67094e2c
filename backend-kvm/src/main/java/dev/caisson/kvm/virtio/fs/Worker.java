package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;

/** What a thread that answers requests has for itself. Made on that thread. */
final class Worker implements AutoCloseable {
    /** As many pieces as a request can have: a queue's entries. */
    static final int PIECES = 256;

    private static final int IOVEC = 16;
    private static final int SYS_UMASK = 95;
    private static final int SYS_UNSHARE = 272;
    private static final int CLONE_FS = 0x200;

    private final FileCalls calls = new FileCalls();
    private final Identity identity = new Identity();
    private final NativeMemory vector = new NativeMemory(PIECES * IOVEC);

    Worker() {
        try (KernelCalls own = new KernelCalls()) {
            // The guest's kernel has applied its process's mask; this thread's own is of no concern to the others.
            long result = own.call(SYS_UNSHARE, CLONE_FS);
            if (result != 0) {
                throw new IllegalStateException("unshare CLONE_FS: errno " + -result);
            }
            own.call(SYS_UMASK, 0);
        }
    }

    FileCalls calls() {
        return calls;
    }

    Identity identity() {
        return identity;
    }

    /** For {@code struct iovec}s. */
    NativeMemory vector() {
        return vector;
    }

    @Override
    public void close() {
        calls.close();
        identity.close();
        vector.close();
    }
}
