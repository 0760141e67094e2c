package dev.caisson.trap;

import dev.caisson.backend.WallGroup;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.linux.cgroup.CgroupPath;
import java.util.List;

/**
 * The cgroup of one sandbox process, {@code /caisson-sandbox/PID} in each hierarchy: what guests can make it hold is bounded, and is not what they
 * themselves may hold. The bounds are far above what it needs.
 */
final class SandboxGroup {
    private static final String PARENT = "/caisson-sandbox";
    private static final String BESIDE = "/caisson-sandbox-";
    private static final long MEMORY_BYTES = 256L << 20;
    private static final int THREADS = 512;
    private static final long END_NANOS = 5_000_000_000L;
    private static final long NAP_MILLIS = 5;

    private SandboxGroup() {}

    /** Puts a process into a group of its own. */
    static WallGroup of(int pid) throws ErrnoException, CgroupException {
        return WallGroup.of(PARENT, Integer.toString(pid), pid, MEMORY_BYTES, THREADS);
    }

    /**
     * Where it is beside a container's group instead, so that what the pod may use together bounds it too.
     *
     * @param container the container's, which is no child of the root
     */
    static CgroupPath beside(CgroupPath container, int pid) {
        String path = container.path();
        return new CgroupPath(path.substring(0, path.lastIndexOf('/')) + BESIDE + pid, container.relative());
    }

    /** Puts a process into a group of its own beside a container's. */
    static WallGroup beside(CgroupPath container, ProcessId sandbox) throws ErrnoException, CgroupException {
        return WallGroup.among(beside(container, sandbox.pid()), sandbox.pid(), MEMORY_BYTES, THREADS);
    }

    /** Removes such a group when the process has ended, for whom it may be no child of this one; not waited for. */
    static void removeBeside(CgroupPath container, ProcessId sandbox) {
        Thread.ofVirtual().name("after-sandbox").start(() -> {
            try {
                long giveUp = System.nanoTime() + END_NANOS;
                while (sandbox.isRunning() && System.nanoTime() < giveUp) {
                    Thread.sleep(NAP_MILLIS);
                }
                WallGroup.expectedAmong(beside(container, sandbox.pid())).remove();
            } catch (ErrnoException | CgroupException e) {
                System.getLogger(SandboxGroup.class.getName()).log(System.Logger.Level.DEBUG, e.getMessage());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    /** Those of processes that ended when no daemon was there to see it. One that is in use cannot be removed. */
    static void removeAbandoned() {
        try {
            Cgroup parent = Cgroup.expected(CgroupLayout.detect(), CgroupPath.of(PARENT, ""));
            for (String directory : parent.directories()) {
                List<HostFiles.Entry> entries = HostFiles.listIfPresent(directory);
                for (HostFiles.Entry entry : entries == null ? List.<HostFiles.Entry>of() : entries) {
                    String name = entry.name();
                    // Not of one that is just being started, by whatever daemon, and is not in it yet.
                    if (name.chars().allMatch(Character::isDigit) && !isRunning(Integer.parseInt(name))) {
                        var _ = HostFiles.tryRmdir(directory + "/" + name);
                    }
                }
                var _ = HostFiles.tryRmdir(directory);
            }
        } catch (ErrnoException | CgroupException e) {
            // A host whose groups cannot be found has none of ours.
            System.getLogger(SandboxGroup.class.getName()).log(System.Logger.Level.DEBUG, e.getMessage());
        }
    }

    private static boolean isRunning(int pid) throws ErrnoException {
        ProcessId id = ProcessId.of(pid);
        return id != null && id.isRunning();
    }
}
