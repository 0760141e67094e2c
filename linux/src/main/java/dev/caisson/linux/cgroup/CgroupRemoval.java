package dev.caisson.linux.cgroup;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
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
                    found.append(found.isEmpty() ? " (processes " : ", ").append(describe(pid));
                }
            }
        });
        return found.isEmpty() ? "" : found.append(')').toString();
    }

    /** As {@code 4711 sleep in state S}; proc_pid_stat(5). */
    private static String describe(String pid) throws ErrnoException {
        String stat = HostFiles.textIfPresent("/proc/" + pid + "/stat");
        int open = stat == null ? -1 : stat.indexOf('(');
        int close = stat == null ? -1 : stat.lastIndexOf(')');
        if (stat == null || open < 0 || close < open || close + 2 >= stat.length()) {
            return pid;
        }
        StringBuilder name = new StringBuilder();
        for (char c : stat.substring(open + 1, close).toCharArray()) {
            name.append(c >= 0x20 && c < 0x7f ? c : '?'); // the process's own choice
        }
        return pid + " " + name + " in state " + stat.charAt(close + 2);
    }
}
