package dev.caisson.trap.proc;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.Caller;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.limits.SandboxMemory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Opens, reads and lists what is below /proc. */
public final class ProcFiles {
    private static final int O_PATH = 0x200000;
    private static final int O_NOFOLLOW = 0x20000;
    private static final int O_CLOEXEC = 0x80000;
    private static final int O_ACCMODE = 3;
    private static final int RESOLVE_NO_MAGICLINKS = 2;
    private static final long ENOENT = -Errno.ENOENT.number();
    private static final long EACCES = -Errno.EACCES.number();
    /** Positions of a listing beyond those that the kernel's own entries have. */
    private static final long OWN_ENTRIES = 0x1000_0000L;

    private static final long CAP_DAC_OVERRIDE = 1L << 1;
    private static final long CAP_SYS_PTRACE = 1L << 19;
    private static final int F_GET_SEALS = 1034;
    private static final int F_SEAL_WRITE = 8;

    /** Files of a process that anybody may read. */
    private static final Set<String> PUBLIC = Set.of(
            "stat",
            "statm",
            "status",
            "cmdline",
            "comm",
            "limits",
            "oom_score",
            "oom_score_adj",
            "cgroup",
            "uid_map",
            "gid_map",
            "setgroups",
            "mounts",
            "mountinfo",
            "mountstats",
            "net",
            "coredump_filter",
            "task",
            "children",
            "schedstat",
            "timerslack_ns",
            "personality",
            "wchan");
    /** Files of a process that one needs to be allowed to trace it for (ptrace(2), PTRACE_MODE_READ_FSCREDS). */
    private static final Set<String> PRIVATE = Set.of(
            "maps",
            "smaps",
            "smaps_rollup",
            "numa_maps",
            "environ",
            "auxv",
            "io",
            "fd",
            "fdinfo",
            "ns",
            "exe",
            "cwd",
            "root");
    /** Links that lead to the thing itself and not to a name. */
    private static final Set<String> MAGIC = Set.of("exe", "cwd", "root");

    private static final Set<String> WRITABLE = Set.of("comm", "oom_score_adj", "coredump_filter", "timerslack_ns");

    private static final Pattern OF_PROCESS = Pattern.compile("/proc/[0-9]+(/task/[0-9]+)?");

    private ProcFiles() {}

    /** Whether an absolute path begins with /proc. */
    public static boolean isBelow(String path) {
        int at = 0;
        while (at + 1 < path.length() && path.charAt(at) == '/' && path.charAt(at + 1) == '/') {
            at++;
        }
        return path.startsWith("/proc", at) && (path.length() == at + 5 || path.charAt(at + 5) == '/');
    }

    /** Whether an open directory is one of procfs. */
    public static boolean mayBeIn(GuestCall c, long fd) {
        return !c.isOrdinaryDirectory(fd)
                && c.kernel().call(Nr.fstat, fd, c.memory().address(GuestCall.TEXT)) == 0
                && c.memory().getLong(GuestCall.TEXT) == c.container().procDevice();
    }

    /**
     * Opens what a path below /proc names, with O_PATH, or a memory file that was written for it.
     *
     * @param flags O_PATH, perhaps O_NOFOLLOW
     * @return a descriptor of ours, or a negative errno
     */
    public static long open(GuestCall c, String path, int flags) {
        List<String> names = new ArrayList<>();
        for (String name : path.split("/", -1)) {
            if (name.equals("..")) {
                if (!names.isEmpty()) {
                    names.removeLast();
                }
            } else if (!name.isEmpty() && !name.equals(".")) {
                names.add(name);
            }
        }
        if (names.isEmpty() || !names.getFirst().equals("proc")) {
            return openNative(c, "/" + String.join("/", names), flags);
        }
        names.removeFirst();
        boolean follow = (flags & O_NOFOLLOW) == 0;
        if (names.isEmpty()) {
            return openNative(c, "/proc", flags);
        }
        Caller caller = c.caller();
        switch (names.getFirst()) {
            case "self" -> {
                if (names.size() == 1 && !follow) {
                    return openNative(c, "/proc/self", flags);
                }
                names.set(0, Integer.toString(caller.guestTgid()));
            }
            case "thread-self" -> {
                if (names.size() == 1 && !follow) {
                    return openNative(c, "/proc/thread-self", flags);
                }
                names.set(0, Integer.toString(caller.guestTgid()));
                names.addAll(1, List.of("task", Integer.toString(caller.guestTid())));
            }
            case "mounts" -> names.addFirst(Integer.toString(caller.guestTgid()));
            case "net" -> names.addFirst(Integer.toString(caller.guestTgid()));
            default -> {}
        }
        if (isNumber(names.getFirst())) {
            return ofProcess(c, caller, names, flags);
        }
        String text = ProcText.of(c, String.join("/", names));
        return text == null ? ENOENT : memoryFile(c, names.getLast(), text);
    }

    private static boolean isNumber(String text) {
        return !text.isEmpty() && text.length() < 10 && text.chars().allMatch(ch -> ch >= '0' && ch <= '9');
    }

    private static long ofProcess(GuestCall c, Caller caller, List<String> names, int flags) {
        String whole = "/proc/" + String.join("/", names);
        int at = names.size() > 2 && names.get(1).equals("task") && isNumber(names.get(2)) ? 3 : 1;
        if (names.size() == at || (at == 1 && names.size() == 2 && names.get(1).equals("task"))) {
            return openNative(c, whole, flags);
        }
        String file = names.get(at);
        if (!PUBLIC.contains(file) && !PRIVATE.contains(file)) {
            return ENOENT;
        }
        if (PRIVATE.contains(file) && !mayInspect(c, caller, names.getFirst())) {
            return EACCES;
        }
        boolean last = names.size() == at + 1;
        if (file.equals("ns") && names.size() == at + 2) {
            // Namespaces can be told apart by the links' texts; there is nothing to be done with an open one.
            return (flags & O_NOFOLLOW) == 0 ? EACCES : openLink(c, whole, flags);
        }
        boolean lastOfFd = file.equals("fd") && names.size() == at + 2;
        if ((MAGIC.contains(file) && last) || lastOfFd) {
            return allowedTarget(c, openLink(c, whole, flags), flags);
        }
        if ((MAGIC.contains(file) || file.equals("fd")) && names.size() > at + 1) {
            int links = MAGIC.contains(file) ? at + 1 : at + 2;
            long base = openLink(c, "/proc/" + String.join("/", names.subList(0, links)), O_PATH);
            if (base < 0) {
                return base;
            }
            long fd = openAt(c, base, String.join("/", names.subList(links, names.size())), flags);
            c.close(base);
            return fd;
        }
        if (file.equals("mounts") || file.equals("mountinfo") || file.equals("mountstats")) {
            return last ? mounts(c, whole, file) : ENOENT;
        }
        return openNative(c, whole, flags);
    }

    /** What a descriptor of the caller's is open on may be a file of procfs that it could not have opened but as a place (open(2), O_PATH). */
    private static long allowedTarget(GuestCall c, long fd, int flags) {
        if (fd < 0 || (flags & O_NOFOLLOW) != 0 || !mayBeIn(c, fd)) {
            return fd;
        }
        String name = ProcPlaces.nameOf(c, fd);
        c.close(fd);
        String[] parts = name == null ? new String[0] : name.split("/", -1);
        boolean isLink = parts.length > 0 && MAGIC.contains(parts[parts.length - 1]);
        return name == null || isLink || name.contains("/fd/") ? EACCES : open(c, name, flags);
    }

    /** Whether the caller may look into a process: its own, one of its user's, or any with CAP_SYS_PTRACE. */
    private static boolean mayInspect(GuestCall c, Caller caller, String guestPid) {
        if (guestPid.equals(Integer.toString(caller.guestTgid())) || (caller.capabilities() & CAP_SYS_PTRACE) != 0) {
            return true;
        }
        String status = readText(c, "/proc/" + guestPid + "/status");
        if (status == null) {
            return true; // nothing is there
        }
        for (String line : status.split("\n", -1)) {
            if (line.startsWith("Uid:")) {
                for (String uid : line.substring(4).strip().split("\t", -1)) {
                    if (!uid.equals(Integer.toUnsignedString(caller.fsUid()))) {
                        return false;
                    }
                }
                return true;
            }
        }
        return false;
    }

    private static long openNative(GuestCall c, String path, int flags) {
        return openAt(c, GuestCall.AT_FDCWD, path, flags);
    }

    private static long openAt(GuestCall c, long directory, String path, int flags) {
        if (path.length() >= GuestCall.PATH_MAX) {
            return -Errno.ENAMETOOLONG.number();
        }
        c.becomeCaller();
        c.putPath(GuestCall.TEXT, path);
        int how = GuestCall.DATA;
        c.memory().putLong(how, flags | O_CLOEXEC);
        c.memory().putLong(how + 8, 0);
        c.memory().putLong(how + 16, RESOLVE_NO_MAGICLINKS);
        return c.kernel()
                .call(
                        Nr.openat2,
                        directory,
                        c.memory().address(GuestCall.TEXT),
                        c.memory().address(how),
                        24);
    }

    /** Follows one magic link, which was allowed. */
    private static long openLink(GuestCall c, String path, int flags) {
        c.putPath(GuestCall.TEXT, path);
        return c.kernel().call(Nr.openat, GuestCall.AT_FDCWD, c.memory().address(GuestCall.TEXT), flags | O_CLOEXEC);
    }

    /**
     * Opens anew what {@link #open} gave, as a program that opened it by name.
     *
     * @param more further flags
     */
    public static long reopen(GuestCall c, long fd, int flags, int more) {
        if ((flags & O_PATH) != 0) {
            return c.kernel().call(Nr.fcntl, fd, 1030 /* F_DUPFD_CLOEXEC */, 0);
        }
        if ((flags & O_ACCMODE) != 0 && isWritten(c, fd)) {
            return (c.caller().capabilities() & CAP_DAC_OVERRIDE) == 0 ? EACCES : -Errno.EROFS.number();
        }
        if ((flags & O_ACCMODE) != 0 && mayBeIn(c, fd)) {
            String name = ProcPlaces.nameOf(c, fd);
            if (name == null || !WRITABLE.contains(name.substring(name.lastIndexOf('/') + 1))) {
                return EACCES;
            }
        }
        c.becomeCaller();
        c.putPath(GuestCall.TEXT, "self/fd/" + fd);
        int safe = flags & ~O_NOFOLLOW & ~0xc0 /* O_CREAT | O_EXCL */;
        return c.kernel()
                .call(
                        Nr.openat,
                        c.hostProc(),
                        c.memory().address(GuestCall.TEXT),
                        safe | O_CLOEXEC | 0x100 /* O_NOCTTY */ | more);
    }

    /** Whether a descriptor is a text of ours: the only sealed files that are not open by name. */
    private static boolean isWritten(GuestCall c, long fd) {
        long seals = c.kernel().call(Nr.fcntl, fd, F_GET_SEALS);
        return seals > 0 && (seals & F_SEAL_WRITE) != 0;
    }

    private static long readLinkAt(GuestCall c, long directory, int path, int out) {
        return c.kernel()
                .call(
                        Nr.readlinkat,
                        directory,
                        c.memory().address(path),
                        c.memory().address(out),
                        GuestCall.PATH_MAX);
    }

    /**
     * Text of the links that mean something else to each process.
     *
     * @param isLink whether the descriptor is the link itself
     * @return its length, 0 when the kernel's own text is right
     */
    public static long readLink(GuestCall c, long fd, boolean isLink, int out) {
        if (!isLink || !mayBeIn(c, fd)) {
            return 0;
        }
        c.putPath(GuestCall.TEXT, "self/fd/" + fd);
        long length = readLinkAt(c, c.hostProc(), GuestCall.TEXT, GuestCall.TEXT);
        String name = length <= 0 ? "" : c.path(GuestCall.TEXT, (int) length);
        Caller caller = c.caller();
        String text = switch (name) {
            case "/proc/self" -> Integer.toString(caller.guestTgid());
            case "/proc/thread-self" -> caller.guestTgid() + "/task/" + caller.guestTid();
            default -> "";
        };
        c.putPath(out, text);
        return text.length();
    }

    // ---- listing ----

    /** Takes out of a process's directory what cannot be opened there, and adds our entries to the end of /proc itself. */
    public static long list(GuestCall c, long fd, boolean dirent64, long length, int out, int room) {
        if (length < 0 || !mayBeIn(c, fd)) {
            return length;
        }
        boolean isRoot = c.memory().getLong(GuestCall.TEXT + 8) == 1; // PROC_ROOT_INO
        if (!isRoot && length > 0 && dirent64) {
            return allowed(c, fd, out, (int) length);
        }
        if (!isRoot || length != 0) {
            return length;
        }
        long position = c.kernel().call(Nr.lseek, fd, 0, 1);
        int next = position < OWN_ENTRIES ? 0 : (int) (position - OWN_ENTRIES);
        int used = 0;
        List<String> names = ProcText.names();
        while (next < names.size()) {
            String name = names.get(next);
            int size = ((dirent64 ? 19 : 18) + name.length() + 1 + (dirent64 ? 0 : 1) + 7) & ~7;
            if (used + size > room) {
                break;
            }
            int at = out + used;
            c.memory().zero(at, size);
            c.memory().putLong(at, 0x7000_0000L + next);
            c.memory().putLong(at + 8, OWN_ENTRIES + next + 1);
            c.memory().putShort(at + 16, size);
            if (dirent64) {
                c.memory().putByte(at + 18, 8 /* DT_REG */);
                c.putPath(at + 19, name);
            } else {
                c.putPath(at + 18, name);
                c.memory().putByte(at + size - 1, 8);
            }
            used += size;
            next++;
        }
        c.kernel().call(Nr.lseek, fd, OWN_ENTRIES + next, 0);
        return used == 0 && next < names.size() ? -Errno.EINVAL.number() : used;
    }

    /** The entries of a process's own directory that the lists have; other directories below it are shown whole. */
    private static long allowed(GuestCall c, long fd, int out, int length) {
        byte[] entries = c.memory().getBytes(out, length); // looking for the name takes the room
        String path = ProcPlaces.nameOf(c, fd);
        c.memory().putBytes(out, entries);
        if (path == null || !OF_PROCESS.matcher(path).matches()) {
            return length;
        }
        int kept = 0;
        for (int at = 0; at < length; ) {
            int record = c.memory().getShort(out + at + 16);
            String name = c.path(out + at + 19, c.memory().stringLength(out + at + 19, out + at + record));
            if (name.startsWith(".") || PUBLIC.contains(name) || PRIVATE.contains(name)) {
                c.memory().putBytes(out + kept, c.memory().getBytes(out + at, record));
                kept += record;
            }
            at += record;
        }
        // Nothing at all would mean the end.
        return kept == 0 ? length : kept;
    }

    // ---- written files ----

    /** The mount table without what it tells of the host: sources, roots of bind mounts, and directories of layers. */
    private static long mounts(GuestCall c, String path, String file) {
        String text = readText(c, path);
        return text == null ? ENOENT : memoryFile(c, file, MountText.withoutHost(file, text));
    }

    static @Nullable String readText(GuestCall c, String path) {
        c.putPath(GuestCall.TEXT, path);
        long fd = c.kernel().call(Nr.openat, GuestCall.AT_FDCWD, c.memory().address(GuestCall.TEXT), O_CLOEXEC);
        return readAll(c, fd);
    }

    public static @Nullable String readAll(GuestCall c, long fd) {
        if (fd < 0) {
            return null;
        }
        StringBuilder text = new StringBuilder();
        while (text.length() < 1 << 20) {
            long got = c.kernel().call(Nr.read, fd, c.memory().address(GuestCall.DATA), GuestCall.DATA_SIZE);
            if (got <= 0) {
                break;
            }
            text.append(c.path(GuestCall.DATA, (int) got));
        }
        c.close(fd);
        return text.toString();
    }

    private static long memoryFile(GuestCall c, String name, String text) {
        if (!c.container().memory().mayHold(SandboxMemory.units(text.length()))) {
            return -Errno.ENOMEM.number();
        }
        c.putPath(GuestCall.TEXT, "proc-" + name);
        long fd = c.kernel()
                .call(Nr.memfd_create, c.memory().address(GuestCall.TEXT), 3 /* MFD_CLOEXEC | MFD_ALLOW_SEALING */);
        if (fd < 0) {
            return fd;
        }
        byte[] bytes = text.getBytes(StandardCharsets.ISO_8859_1);
        for (int done = 0; done < bytes.length; ) {
            int part = Math.min(bytes.length - done, GuestCall.DATA_SIZE);
            c.memory().putBytes(GuestCall.DATA, java.util.Arrays.copyOfRange(bytes, done, done + part));
            long written = c.kernel().call(Nr.write, fd, c.memory().address(GuestCall.DATA), part);
            if (written <= 0) {
                c.close(fd);
                return written == 0 ? -Errno.EIO.number() : written;
            }
            done += (int) written;
        }
        c.kernel().call(Nr.fcntl, fd, 1033 /* F_ADD_SEALS */, 0xf);
        c.kernel().call(Nr.fchmod, fd, 0444);
        return fd;
    }
}
