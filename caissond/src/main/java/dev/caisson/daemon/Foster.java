package dev.caisson.daemon;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Processes;

/**
 * Who this daemon is a child of. One that a command started is orphaned at once, and should then belong to the machine's first process.
 * Below a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER) it belongs to that instead, and no system call frees it: conmon 2.1, for one, stays
 * after its container's end until all of its children have ended. Such a daemon is a guest there and leaves when nobody needs it.
 */
final class Foster {
    private Foster() {}

    /** Whether the parent is one who may wait for this process: neither the first process nor a service manager. */
    static boolean isGuest() {
        int parent = Processes.parentPid();
        return parent > 1 && !isServiceManager(name(parent));
    }

    static boolean isServiceManager(String name) {
        return name.equals("systemd") || name.equals("init") || name.equals("caisson-monitor");
    }

    private static String name(int pid) {
        try {
            String text = HostFiles.textIfPresent("/proc/" + pid + "/comm");
            return text == null ? "" : text.strip();
        } catch (ErrnoException e) {
            return "";
        }
    }
}
