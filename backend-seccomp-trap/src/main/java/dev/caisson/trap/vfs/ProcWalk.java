package dev.caisson.trap.vfs;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.mounts.Mounts;
import dev.caisson.trap.proc.ProcFiles;
import dev.caisson.trap.proc.ProcPlaces;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Follows a path component by component, as path_resolution(7) says, to see whether a symlink leads it below /proc: /etc/mtab and /dev/fd do. */
final class ProcWalk {
    private static final int MAX_LINKS = 40;

    private ProcWalk() {}

    /**
     * The path below /proc that a path comes to, or null.
     *
     * @param start absolute path of the directory that a relative path starts from
     * @param follow whether a symlink at the end counts
     */
    static @Nullable String find(GuestCall c, @Nullable String start, String path, boolean follow) {
        if (start == null) {
            return null;
        }
        Map<String, String> elsewhere = places(c);
        Deque<String> left = new ArrayDeque<>();
        push(left, path);
        String at = path.startsWith("/") || start.equals("/") ? "" : start;
        int links = 0;
        while (!left.isEmpty()) {
            String name = left.pop();
            if (name.equals("..")) {
                at = at.isEmpty() ? "" : at.substring(0, at.lastIndexOf('/'));
                continue;
            }
            String next = at + "/" + name;
            String inProc = ProcFiles.isBelow(next + "/") ? next : elsewhere.get(next);
            if (inProc != null) {
                StringBuilder rest = new StringBuilder(inProc);
                left.forEach(n -> rest.append('/').append(n));
                return rest.toString();
            }
            if (left.isEmpty() && !follow) {
                return null;
            }
            String target = readLink(c, next);
            if (target == null) {
                at = next;
                continue;
            }
            if (++links > MAX_LINKS) {
                return null;
            }
            push(left, target);
            at = target.startsWith("/") ? "" : at;
        }
        return null;
    }

    private static Map<String, String> places(GuestCall c) {
        Mounts mounts = c.container().mounts();
        return mounts != null && mounts.isProcElsewhere() ? ProcPlaces.elsewhere(c) : Map.of();
    }

    private static void push(Deque<String> left, String path) {
        String[] names = path.split("/", -1);
        for (int i = names.length - 1; i >= 0; i--) {
            if (!names[i].isEmpty() && !names[i].equals(".")) {
                left.push(names[i]);
            }
        }
    }

    private static @Nullable String readLink(GuestCall c, String path) {
        if (path.length() >= GuestCall.PATH_MAX) {
            return null;
        }
        c.putPath(GuestCall.TEXT, path);
        long length = c.kernel()
                .call(
                        Nr.readlinkat,
                        GuestCall.AT_FDCWD,
                        c.memory().address(GuestCall.TEXT),
                        c.memory().address(GuestCall.TEXT),
                        GuestCall.PATH_MAX);
        return length <= 0 || length == -Errno.EINVAL.number() ? null : c.path(GuestCall.TEXT, (int) length);
    }
}
