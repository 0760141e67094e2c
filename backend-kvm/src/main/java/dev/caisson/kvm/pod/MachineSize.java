package dev.caisson.kvm.pod;

import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import org.jspecify.annotations.Nullable;

/**
 * How large a machine is.
 *
 * @param memoryMib what its kernel finds
 * @param processors 1 to 8
 */
public record MachineSize(int memoryMib, int processors) {
    /** Of the kernel, the agent and what they need when they work; a container's limit comes on top of it. */
    private static final int OWN_MIB = 256;

    private static final int WITHOUT_LIMIT_MIB = 256;
    private static final int LIMIT_MIB = 64 << 10;

    /** For the container that is a pod's first. */
    public static MachineSize of(Spec first) {
        Resources resources = first.linux().resources();
        long limit = limit(resources);
        long wanted = limit <= 0 ? WITHOUT_LIMIT_MIB : (limit >> 20) + 1;
        return new MachineSize(OWN_MIB + (int) Math.min(wanted, LIMIT_MIB), 1);
    }

    private static long limit(@Nullable Resources resources) {
        if (resources == null
                || resources.memory() == null
                || resources.memory().limit() == null) {
            return 0;
        }
        return resources.memory().limit();
    }
}
