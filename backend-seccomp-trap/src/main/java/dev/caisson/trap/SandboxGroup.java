package dev.caisson.trap;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.linux.cgroup.CgroupPath;
import java.util.List;
import java.util.Set;

/**
 * The cgroup of one sandbox process, {@code /caisson-sandbox/PID} in each hierarchy: what guests can make it hold is bounded, and is not what they
 * themselves may hold. The bounds are far above what it needs.
 */
final class SandboxGroup {
    private static final String PARENT = "/caisson-sandbox";
    private static final long MEMORY_BYTES = 256L << 20;
    private static final int THREADS = 512;

    private final Cgroup group;

    private SandboxGroup(Cgroup group) {
        this.group = group;
    }

    /** Puts a process into a group of its own. */
    static SandboxGroup of(int pid) throws ErrnoException, CgroupException {
        SandboxGroup made = new SandboxGroup(Cgroup.create(
                CgroupLayout.detect(),
                CgroupPath.of(PARENT + "/" + pid, Integer.toString(pid)),
                Set.of("memory", "pids")));
        made.limit("memory", List.of("memory.max", "memory.limit_in_bytes"), MEMORY_BYTES);
        made.limit("pids", List.of("pids.max"), THREADS);
        made.group.join(pid);
        return made;
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

    /** After the process's end. */
    void remove() {
        for (String directory : group.directories()) {
            var _ = HostFiles.tryRmdir(directory);
            var _ = HostFiles.tryRmdir(directory.substring(0, directory.lastIndexOf('/')));
        }
    }
}
