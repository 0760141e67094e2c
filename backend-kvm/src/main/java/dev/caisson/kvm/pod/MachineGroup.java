package dev.caisson.kvm.pod;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.WallGroup;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.linux.cgroup.CgroupPath;
import org.jspecify.annotations.Nullable;

/**
 * The cgroup of a machine's process: its guest's memory, and a bound for what a guest can make it hold beside that. {@code caisson-kvm-NAME} in the pod's group, where
 * the pod has one, so that the machine is charged to it; else {@code /caisson-kvm/NAME}.
 *
 * @param parent a path below the hierarchy's root
 * @param name one component
 */
record MachineGroup(String parent, String name) {
    private static final String PARENT = "/caisson-kvm";
    private static final String PREFIX = "caisson-kvm-";
    /** Java's own, and the kernel's for files that the guest has open. */
    private static final long OWN_MEMORY = 256L << 20;

    private static final int THREADS = 256;

    /** Of a machine that is nobody's yet. */
    static MachineGroup own(String machine) {
        return new MachineGroup(PARENT, machine);
    }

    /**
     * In the group that whoever made the pod has made for it.
     *
     * @param cgroupsPath of the pod's first container
     * @return null when there is none: what is not there is nobody's to be charged
     */
    static @Nullable MachineGroup inPod(String machine, String cgroupsPath) {
        try {
            if (cgroupsPath.isEmpty()) {
                return null;
            }
            CgroupPath first = CgroupPath.of(cgroupsPath, machine);
            String parent = first.path().substring(0, first.path().lastIndexOf('/'));
            if (first.relative() || parent.isEmpty()) {
                return null;
            }
            boolean isThere =
                    Cgroup.expected(CgroupLayout.detect(), CgroupPath.of(parent, machine)).directories().stream()
                            .allMatch(HostFiles::exists);
            return isThere ? new MachineGroup(parent, PREFIX + machine) : null;
        } catch (ErrnoException | CgroupException e) {
            return null; // the container's own creation in the guest says what is wrong
        }
    }

    /** What {@link #text} has made. */
    static MachineGroup parse(String text) {
        int at = text.lastIndexOf('/');
        return new MachineGroup(text.substring(0, at), text.substring(at + 1));
    }

    String text() {
        return parent + "/" + name;
    }

    private boolean isPods() {
        return !parent.equals(PARENT);
    }

    private CgroupPath path() throws CgroupException {
        return CgroupPath.of(text(), name);
    }

    private WallGroup made() throws ErrnoException, CgroupException {
        return isPods() ? WallGroup.expectedAmong(path()) : WallGroup.expected(parent, name);
    }

    void join(MachineProcess process, MachineSize size) throws ContainerFault {
        try {
            long memory = ((long) size.memoryMib() << 20) + OWN_MEMORY;
            var _ = isPods()
                    ? WallGroup.among(path(), process.pid(), memory, THREADS)
                    : WallGroup.of(parent, name, process.pid(), memory, THREADS);
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(Kind.FAILED, "limit virtual machine in " + text() + ": " + e.getMessage(), e);
        }
    }

    /** Takes over what the process has left in its last group, which is removed if that can be; else when the machine has ended. */
    void takeOver(MachineGroup last) {
        try {
            WallGroup left = last.made();
            made().takeOver(left);
            left.removeIfEmpty();
        } catch (ErrnoException | CgroupException e) {
            System.getLogger(MachineGroup.class.getName())
                    .log(System.Logger.Level.DEBUG, "empty the group " + last.text() + " of a virtual machine", e);
        }
    }

    /** Whether the kernel has killed the machine because the host's limit for it was reached. */
    boolean isOutOfMemory() {
        try {
            return made().oomKills() > 0;
        } catch (ErrnoException | CgroupException e) {
            return false;
        }
    }

    /** After the process's end. Idempotent. */
    void remove() throws ContainerFault {
        try {
            made().remove();
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(
                    Kind.FAILED, "remove the group " + text() + " of a virtual machine: " + e.getMessage(), e);
        }
    }
}
