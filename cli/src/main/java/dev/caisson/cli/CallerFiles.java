package dev.caisson.cli;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.nio.file.Path;

/**
 * Paths as the caller means them. A caller in a mount namespace of its own (Podman without privileges, a unit with private mounts) sees
 * other files than the daemon: its root is then reached through procfs.
 *
 * @param cwd the caller's working directory
 * @param root what leads to the caller's root; empty when it sees what the daemon sees
 */
record CallerFiles(Path cwd, String root) {
    /** The daemon's, which it never leaves. */
    private static final String OWN = link("/proc/self/ns/mnt");

    static CallerFiles of(Invocation call) {
        String proc = "/proc/" + call.pid();
        String theirs = link(proc + "/ns/mnt");
        return new CallerFiles(call.cwd(), OWN.equals(theirs) || theirs.isEmpty() ? "" : proc + "/root");
    }

    /** Whether each path means the same to the caller. */
    boolean isDaemons(int caller) {
        return root.isEmpty() && link("/proc/" + caller + "/root").equals(link("/proc/self/root"));
    }

    private static String link(String path) {
        try {
            return HostFiles.readlink(path);
        } catch (ErrnoException e) {
            return ""; // not to be seen: another user's, or gone
        }
    }

    /** The path in the caller's own namespace. */
    Path absolute(String path) {
        return cwd.resolve(path).normalize();
    }

    /** The same file as the daemon reaches it. */
    Path here(String path) {
        return here(absolute(path));
    }

    Path here(Path absolute) {
        return root.isEmpty() ? absolute : Path.of(root + absolute);
    }
}
