package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.WallGroup;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.cgroup.CgroupException;

/** The cgroup of a machine's process, {@code /caisson-kvm/NAME}: its guest's memory, and a bound for what a guest can make it hold beside that. */
final class MachineGroup {
    private static final String PARENT = "/caisson-kvm";
    /** Java's own, and the kernel's for files that the guest has open. */
    private static final long OWN_MEMORY = 256L << 20;

    private static final int THREADS = 256;

    private MachineGroup() {}

    static void join(String name, MachineProcess process, MachineSize size) throws ContainerFault {
        try {
            var _ = WallGroup.of(PARENT, name, process.pid(), ((long) size.memoryMib() << 20) + OWN_MEMORY, THREADS);
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(Kind.FAILED, "limit virtual machine " + name + ": " + e.getMessage(), e);
        }
    }

    /** After the process's end. Idempotent. */
    static void remove(String name) throws ContainerFault {
        try {
            WallGroup.expected(PARENT, name).remove();
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(
                    Kind.FAILED, "remove the group of virtual machine " + name + ": " + e.getMessage(), e);
        }
    }
}
