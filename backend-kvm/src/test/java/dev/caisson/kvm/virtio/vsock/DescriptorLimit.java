package dev.caisson.kvm.virtio.vsock;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;

/** Takes all descriptors away from this process for a while (RLIMIT_NOFILE, the soft limit). */
final class DescriptorLimit implements AutoCloseable {
    private static final int SYS_PRLIMIT64 = 302;
    private static final int RLIMIT_NOFILE = 7;

    private final KernelCalls calls = new KernelCalls();
    private final NativeMemory before = new NativeMemory(16);
    private final NativeMemory none = new NativeMemory(16);

    DescriptorLimit() {
        set(0, before.address());
    }

    private void set(long to, long from) {
        assertThat(calls.call(SYS_PRLIMIT64, 0, RLIMIT_NOFILE, to, from)).isZero();
    }

    /** From here on whoever wants one gets EMFILE. */
    void exhaust() throws ErrnoException {
        int lowest;
        try (Fd probe = HostFiles.open("/dev/null", HostFiles.O_RDONLY, 0)) {
            lowest = probe.number();
        }
        none.putLong(0, lowest);
        none.putLong(8, before.getLong(8));
        set(none.address(), 0);
    }

    void restore() {
        set(before.address(), 0);
    }

    @Override
    public void close() {
        restore();
        before.close();
        none.close();
        calls.close();
    }
}
