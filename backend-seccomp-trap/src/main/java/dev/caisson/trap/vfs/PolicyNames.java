package dev.caisson.trap.vfs;

import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.policy.Subject;
import dev.caisson.trap.proc.ProcFiles;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** Which name a path is to a policy: that of the thing itself, whatever links lead to it, or of where it would be. */
final class PolicyNames {
    private static final String PROC = "/proc/";

    private PolicyNames() {}

    /**
     * Whether a call may be made on a path.
     *
     * @param directoryIndex which argument a relative path starts at, or {@link Names#NO_DIRECTORY}
     * @param slot where the path is in memory
     * @param isLink whether a link at the end is meant itself
     */
    static boolean may(GuestCall c, int directoryIndex, String path, int slot, boolean isLink) {
        if (ProcFiles.isBelow(path)) {
            return c.may(Subject.PATH, withoutPid(clean(path)));
        }
        boolean absolute = path.startsWith("/");
        long directory = absolute ? GuestCall.AT_FDCWD : Names.directory(c, directoryIndex);
        try {
            String start = absolute || directory < 0 ? "/" : String.valueOf(Names.linkText(c, directory));
            String found = existing(c, directory, slot, isLink);
            if (found == null) {
                found = missing(c, start, path);
            }
            return c.may(Subject.PATH, withoutPid(found));
        } finally {
            if (!absolute) {
                c.close(directory);
            }
        }
    }

    private static @Nullable String existing(GuestCall c, long directory, int slot, boolean isLink) {
        c.becomeCaller();
        long fd = c.kernel()
                .call(
                        Nr.openat,
                        directory,
                        c.memory().address(slot),
                        Names.O_PATH | Names.O_CLOEXEC | (isLink ? Names.O_NOFOLLOW : 0));
        String text = fd < 0 ? null : Names.linkText(c, fd);
        c.close(fd);
        return text;
    }

    /** The directory in which it would be, and its name there. */
    private static String missing(GuestCall c, String start, String path) {
        String whole = clean(path.startsWith("/") ? path : start + "/" + path);
        int slash = whole.lastIndexOf('/');
        String parent = slash == 0 ? "/" : whole.substring(0, slash);
        if (parent.length() >= GuestCall.PATH_MAX) {
            return whole;
        }
        c.putPath(GuestCall.TEXT, parent);
        long fd = c.kernel()
                .call(
                        Nr.openat,
                        GuestCall.AT_FDCWD,
                        c.memory().address(GuestCall.TEXT),
                        Names.O_PATH | Names.O_CLOEXEC);
        String text = fd < 0 ? null : Names.linkText(c, fd);
        c.close(fd);
        return text == null ? whole : (text.equals("/") ? "" : text) + whole.substring(slash);
    }

    /** Without empty, {@code .} and {@code ..} parts. */
    static String clean(String path) {
        Deque<String> names = new ArrayDeque<>();
        for (String name : path.split("/", -1)) {
            if (name.equals("..")) {
                names.pollLast();
            } else if (!name.isEmpty() && !name.equals(".")) {
                names.addLast(name);
            }
        }
        return "/" + String.join("/", names);
    }

    /** A process is another one each time: /proc/PID/stat. */
    static String withoutPid(String path) {
        if (!path.startsWith(PROC)
                || path.length() == PROC.length()
                || !Character.isDigit(path.charAt(PROC.length()))) {
            return path;
        }
        int end = path.indexOf('/', PROC.length());
        return PROC + "PID" + (end < 0 ? "" : path.substring(end));
    }
}
