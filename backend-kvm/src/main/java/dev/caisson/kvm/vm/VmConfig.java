package dev.caisson.kvm.vm;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * What a machine is made of.
 *
 * @param memory in bytes
 * @param processors 1 to 8
 * @param kernel uncompressed
 */
public record VmConfig(
        long memory, int processors, Path kernel, @Nullable Path initramfs, String commandLine) {
    /** Enough for one pod; a processor that has no thread of the host's to run on is of no use. */
    public static final int PROCESSOR_LIMIT = 8;

    public VmConfig {
        if (processors < 1 || processors > PROCESSOR_LIMIT) {
            throw new IllegalArgumentException(processors + " processors: 1 to " + PROCESSOR_LIMIT);
        }
    }
}
