package dev.caisson.linux.cgroup;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;
import java.time.Duration;
import java.util.List;

/** Removes a container's directories within a time. */
final class CgroupRemoval {
    private static final long LONGEST_PAUSE_MILLIS = 32;

    private final Deadline deadline;

    CgroupRemoval(Duration timeout) {
        this.deadline = new Deadline(timeout);
    }

    void remove(List<String> directories, List<String> created) throws ErrnoException {
        ErrnoException first = null;
        for (String directory : directories) {
            try {
                removeTree(directory);
            } catch (ErrnoException e) {
                if (first == null) {
                    first = e;
                } else {
                    first.addSuppressed(e);
                }
            }
        }
        for (String parent : created.reversed()) {
            if (!directories.contains(parent)) {
                // Another container may live there by now; its presence is no error, and it removes what it has made.
                HostFiles.tryRmdir(parent);
            }
        }
        if (first != null) {
            throw first;
        }
    }

    private void removeTree(String directory) throws ErrnoException {
        long pause = 1;
        while (true) {
            Errno errno = HostFiles.tryRmdir(directory);
            if (errno.ok() || errno == Errno.ENOENT) {
                return;
            }
            if (errno != Errno.EBUSY && errno != Errno.ENOTEMPTY) {
                throw new ErrnoException(errno, "rmdir", directory);
            }
            CgroupTree.remove(directory);
            if (!HostFiles.exists(directory)) {
                return;
            }
            if (!deadline.pause(pause)) {
                throw new ErrnoException(errno, "rmdir", directory + blockers(directory));
            }
            pause = Math.min(LONGEST_PAUSE_MILLIS, pause * 2);
        }
    }

    /** The processes that are still there, each with its name and state: one in state D waits for a device, one in T is stopped. */
    private static String blockers(String directory) throws ErrnoException {
        StringBuilder found = new StringBuilder();
        CgroupTree.walk(directory, group -> {
            String processes = CgroupFile.text(group, "cgroup.procs");
            if (processes != null) {
                for (String pid : CgroupLayout.lines(processes)) {
                    found.append(found.isEmpty() ? " (processes " : ", ")
                            .append(Processes.describe(Integer.parseInt(pid)));
                }
            }
        });
        return found.isEmpty() ? "" : found.append(')').toString();
    }
}
