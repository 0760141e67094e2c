package dev.caisson.kvm.vm;

import dev.caisson.kvm.virtio.VirtioDevice;
import dev.caisson.kvm.x86.Layout;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a machine is made of.
 *
 * @param memory in bytes
 * @param processors 1 to 8
 * @param kernel uncompressed
 * @param protocol one that the kernel has
 * @param devices virtio devices in the order of their pages; they stay the caller's
 */
public record VmConfig(
        long memory,
        int processors,
        Path kernel,
        @Nullable Path initramfs,
        BootProtocol protocol,
        String commandLine,
        List<VirtioDevice> devices) {
    /** Enough for one pod; a processor that has no thread of the host's to run on is of no use. */
    public static final int PROCESSOR_LIMIT = 8;

    public VmConfig {
        devices = List.copyOf(devices);
        if (devices.size() > Layout.VIRTIO_LIMIT) {
            throw new IllegalArgumentException(devices.size() + " devices: at most " + Layout.VIRTIO_LIMIT);
        }
        if (processors < 1 || processors > PROCESSOR_LIMIT) {
            throw new IllegalArgumentException(processors + " processors: 1 to " + PROCESSOR_LIMIT);
        }
    }
}
