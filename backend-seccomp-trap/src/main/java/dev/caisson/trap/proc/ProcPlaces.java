package dev.caisson.trap.proc;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.mounts.MountInfo;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Other places of the container where its procfs is: what is there is what /proc has, and answered as that. */
public final class ProcPlaces {
    /** The errno for what has no name. */
    public static final long NAMELESS = -Errno.EACCES.number();

    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int STATX_MNT_ID = 0x1000;
    private static final int STX_MNT_ID = 144;
    private static final int O_PATH_CLOEXEC = 0x280000;
    private static final int RESOLVE_NO_SYMLINKS = 4;
    private static final String PROC = "/proc";

    private ProcPlaces() {}

    /** The mounts that the calling thread sees, which are the container's, by their ids. */
    public static Map<Integer, MountInfo> mounts(GuestCall c) {
        c.putPath(GuestCall.TEXT, "thread-self/mountinfo");
        long fd = c.kernel().call(Nr.openat, c.hostProc(), c.memory().address(GuestCall.TEXT), 0x80000 /* O_CLOEXEC */);
        String text = ProcFiles.readAll(c, fd);
        return text == null ? Map.of() : MountInfo.parse(text);
    }

    /** The id of the mount that a descriptor is on; a negative errno for none. */
    public static long mountOf(GuestCall c, long fd) {
        c.memory().putByte(GuestCall.TEXT, 0);
        int out = GuestCall.TEXT + 64;
        long result = c.kernel()
                .call(
                        Nr.statx,
                        fd,
                        c.memory().address(GuestCall.TEXT),
                        AT_EMPTY_PATH,
                        STATX_MNT_ID,
                        c.memory().address(out));
        return result < 0 ? result : c.memory().getLong(out + STX_MNT_ID);
    }

    /** The path of what a descriptor of ours is open on, as the calling thread's root has it; null if it has none. */
    public static @Nullable String pathOf(GuestCall c, long fd) {
        c.putPath(GuestCall.TEXT, "self/fd/" + fd);
        long length = c.kernel()
                .call(
                        Nr.readlinkat,
                        c.hostProc(),
                        c.memory().address(GuestCall.TEXT),
                        c.memory().address(GuestCall.TEXT),
                        GuestCall.PATH_MAX);
        return length <= 0 || c.memory().getByte(GuestCall.TEXT) != '/' ? null : c.path(GuestCall.TEXT, (int) length);
    }

    /** What something of procfs is called below /proc, wherever it was found; null if it has no name. */
    public static @Nullable String nameOf(GuestCall c, long fd) {
        String found = pathOf(c, fd);
        if (found == null || ProcFiles.isBelow(found)) {
            return found;
        }
        MountInfo mount = mounts(c).get((int) mountOf(c, fd));
        return mount == null || !mount.covers(found) ? null : name(mount) + MountInfo.below(found, mount.point());
    }

    private static String name(MountInfo mount) {
        return mount.root().equals("/") ? PROC : PROC + mount.root();
    }

    /** Where else the container's procfs is, or a part of it, and what that is called below /proc. */
    public static Map<String, String> elsewhere(GuestCall c) {
        Map<String, String> all = new TreeMap<>();
        for (MountInfo mount : mounts(c).values()) {
            if (mount.deviceNumber() == c.container().procDevice()
                    && !ProcFiles.isBelow(mount.point())
                    && isSeen(c, mount.point())) {
                all.put(mount.point(), name(mount));
            }
        }
        return all;
    }

    /** Whether a procfs is what the path leads to, and nothing that was mounted over it. */
    private static boolean isSeen(GuestCall c, String point) {
        if (point.length() >= GuestCall.PATH_MAX) {
            return false;
        }
        c.putPath(GuestCall.TEXT, point);
        int how = GuestCall.DATA;
        c.memory().putLong(how, O_PATH_CLOEXEC);
        c.memory().putLong(how + 8, 0);
        c.memory().putLong(how + 16, RESOLVE_NO_SYMLINKS);
        long fd = c.kernel()
                .call(
                        Nr.openat2,
                        GuestCall.AT_FDCWD,
                        c.memory().address(GuestCall.TEXT),
                        c.memory().address(how),
                        24);
        if (fd < 0) {
            return false;
        }
        boolean isSeen = ProcFiles.mayBeIn(c, fd);
        c.kernel().call(Nr.close, fd);
        return isSeen;
    }
}
