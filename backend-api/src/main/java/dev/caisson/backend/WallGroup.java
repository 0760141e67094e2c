package dev.caisson.backend;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.linux.cgroup.CgroupPath;
import java.util.List;
import java.util.Set;

/**
 * The cgroup of one process of a wall's own, {@code PARENT/NAME} in each hierarchy: what guests can make it hold is bounded, and is not what they
 * themselves may hold.
 */
public final class WallGroup {
    private static final long REMOVAL_NANOS = 2_000_000_000L;
    private static final long NAP_MILLIS = 2;

    private final Cgroup group;
    private final boolean takesParentAlong;

    private WallGroup(Cgroup group, boolean takesParentAlong) {
        this.group = group;
        this.takesParentAlong = takesParentAlong;
    }

    /**
     * Puts a process into a group of its own.
     *
     * @param parent of all such groups of the wall: one component, with the slash in front of it
     * @param memory in bytes
     * @param threads how many there may be
     */
    public static WallGroup of(String parent, String name, int pid, long memory, int threads)
            throws ErrnoException, CgroupException {
        return at(CgroupPath.of(parent + "/" + name, name), true, pid, memory, threads);
    }

    /**
     * Puts a process into a group of its own among others', whose parent is somebody else's.
     *
     * @param memory in bytes
     * @param threads how many there may be
     */
    public static WallGroup among(CgroupPath path, int pid, long memory, int threads)
            throws ErrnoException, CgroupException {
        return at(path, false, pid, memory, threads);
    }

    private static WallGroup at(CgroupPath path, boolean takesParentAlong, int pid, long memory, int threads)
            throws ErrnoException, CgroupException {
        WallGroup made =
                new WallGroup(Cgroup.create(CgroupLayout.detect(), path, Set.of("memory", "pids")), takesParentAlong);
        made.limit("memory", List.of("memory.max", "memory.limit_in_bytes"), memory);
        made.limit("pids", List.of("pids.max"), threads);
        made.group.join(pid);
        return made;
    }

    /** One that was made before. */
    public static WallGroup expected(String parent, String name) throws ErrnoException, CgroupException {
        return new WallGroup(Cgroup.expected(CgroupLayout.detect(), CgroupPath.of(parent + "/" + name, name)), true);
    }

    /** One that {@link #among} made before. */
    public static WallGroup expectedAmong(CgroupPath path) throws ErrnoException, CgroupException {
        return new WallGroup(Cgroup.expected(CgroupLayout.detect(), path), false);
    }

    private void limit(String controller, List<String> files, long value) {
        String directory = group.directory(controller);
        if (directory != null) {
            for (String file : files) {
                // One of them is there, according to the version.
                var _ = HostFiles.tryWrite(directory + "/" + file, Long.toString(value));
            }
        }
    }

    /**
     * Takes over whatever else is in another group. A thread of the kernel's may be: before Linux 6.13 KVM makes one for each machine and puts it where the machine's maker is (kvm_vm_worker_thread()), where it
     * stays, and keeps the group from being removed, when that moves. What cannot be moved is left.
     */
    public void takeOver(WallGroup other) throws ErrnoException {
        for (int pid : other.group.pids()) {
            for (String directory : group.directories()) {
                var _ = HostFiles.tryWrite(directory + "/cgroup.procs", Integer.toString(pid));
            }
        }
    }

    /** How many of its processes the kernel has killed for lack of memory; 0 when it is gone. */
    public long oomKills() throws ErrnoException {
        return group.oomKills();
    }

    /** After the process's end, or when it has moved; with the parent, if that was made for such groups and this was the last one. */
    public void remove() {
        remove(System.nanoTime() + REMOVAL_NANOS);
    }

    /** As {@link #remove}, without waiting for whatever is still in it. */
    public void removeIfEmpty() {
        remove(System.nanoTime());
    }

    private void remove(long end) {
        for (String directory : group.directories()) {
            // A process is gone for its parent before the last of its threads has left the group.
            while (HostFiles.tryRmdir(directory) == Errno.EBUSY && System.nanoTime() < end) {
                try {
                    Thread.sleep(NAP_MILLIS);
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    return;
                }
            }
            if (takesParentAlong) {
                var _ = HostFiles.tryRmdir(directory.substring(0, directory.lastIndexOf('/')));
            }
        }
    }
}
