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
    private static final long MEMORY_BYTES = 256L << 20;
    private static final int THREADS = 512;

    private SandboxGroup() {}

    /** Puts a process into a group of its own. */
    static WallGroup of(int pid) throws ErrnoException, CgroupException {
        return WallGroup.of(PARENT, Integer.toString(pid), pid, MEMORY_BYTES, THREADS);
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
