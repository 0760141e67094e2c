package dev.caisson.kvm.pod;

import dev.caisson.kvm.vmm.ContainerLimits;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import org.jspecify.annotations.Nullable;

/** A container's limits out of its configuration, and what a change makes of them. Pure. */
public final class SpecLimits {
    private static final String CONTAINER_TYPE = "io.kubernetes.cri.container-type";
    private static final long PERIOD = 100_000;
    private static final long THOUSAND = 1000;
    private static final long MIB = 1 << 20;
    /** Of a pod's sandbox, whose one process waits: none to speak of. */
    private static final ContainerLimits SANDBOX = new ContainerLimits(1, 0);

    private SpecLimits() {}

    public static ContainerLimits of(Spec spec) {
        Resources resources = spec.linux().resources();
        ContainerLimits open =
                "sandbox".equals(spec.annotations().get(CONTAINER_TYPE)) ? SANDBOX : ContainerLimits.NONE;
        return resources == null ? open : change(open, resources);
    }

    /** What is not named stays. */
    public static ContainerLimits change(ContainerLimits before, Resources to) {
        Resources.Memory memory = to.memory();
        Long limit = memory == null ? null : memory.limit();
        Resources.Cpu cpu = to.cpu();
        Long quota = cpu == null ? null : cpu.quota();
        return new ContainerLimits(
                limit == null ? before.memoryMib() : mib(limit),
                quota == null || cpu == null ? before.milliProcessors() : milli(quota, cpu.period()));
    }

    private static long mib(long bytes) {
        return bytes <= 0 ? ContainerLimits.ANY : Math.ceilDiv(bytes, MIB);
    }

    private static long milli(long quota, @Nullable Long period) {
        long of = period == null || period <= 0 ? PERIOD : period;
        return quota <= 0
                ? ContainerLimits.ANY
                : Math.ceilDiv(Math.min(quota, Long.MAX_VALUE / THOUSAND) * THOUSAND, of);
    }
}
