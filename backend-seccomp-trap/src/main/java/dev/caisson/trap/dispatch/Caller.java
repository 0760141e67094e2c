package dev.caisson.trap.dispatch;

import dev.caisson.linux.Errno;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest thread as its kernel knows it: text of /proc/TID/status (proc_pid_status(5)), as the host's procfs shows it.
 *
 * @param tgid its process, as the host counts
 * @param guestTgid its process as the guest counts
 * @param guestTid itself as the guest counts
 * @param uid real user
 * @param fsUid user for file access
 * @param fsGid group for file access
 * @param groups additional groups
 * @param capabilities effective ones
 * @param umask file mode creation mask
 * @param readAt when that was so, nanoTime
 */
public record Caller(
        int tgid,
        int guestTgid,
        int guestTid,
        int uid,
        int fsUid,
        int fsGid,
        List<Integer> groups,
        long capabilities,
        int umask,
        long readAt) {
    public Caller {
        groups = List.copyOf(groups);
    }

    /** What a thread that is no more looks like: nobody, without a right. */
    public static final Caller GONE = new Caller(0, 0, 0, 65534, 65534, 65534, List.of(), 0, 022, 0);

    /** The error of a call whose caller is gone; nobody gets to see it. */
    public static final long ERROR = -Errno.ESRCH.number();

    static Caller parse(String status, long now) {
        int tgid = 0;
        int guestTgid = 0;
        int guestTid = 0;
        int uid = GONE.uid;
        int fsUid = GONE.fsUid;
        int fsGid = GONE.fsGid;
        List<Integer> groups = new ArrayList<>();
        long capabilities = 0;
        int umask = GONE.umask;
        for (String line : status.split("\n", -1)) {
            int colon = line.indexOf(':');
            if (colon < 0) {
                continue;
            }
            String value = line.substring(colon + 1).strip();
            switch (line.substring(0, colon)) {
                case "Tgid" -> tgid = Integer.parseInt(value);
                case "NStgid" -> guestTgid = Integer.parseInt(last(value));
                case "NSpid" -> guestTid = Integer.parseInt(last(value));
                case "Uid" -> {
                    uid = Integer.parseUnsignedInt(value.substring(0, value.indexOf('\t')));
                    fsUid = Integer.parseUnsignedInt(last(value));
                }
                case "Gid" -> fsGid = Integer.parseUnsignedInt(last(value));
                case "Groups" -> {
                    for (String group : value.split(" ", -1)) {
                        if (!group.isEmpty()) {
                            groups.add(Integer.parseUnsignedInt(group));
                        }
                    }
                }
                case "CapEff" -> capabilities = Long.parseUnsignedLong(value, 16);
                case "Umask" -> umask = Integer.parseInt(value, 8);
                default -> {}
            }
        }
        return new Caller(tgid, guestTgid, guestTid, uid, fsUid, fsGid, groups, capabilities, umask, now);
    }

    private static String last(String value) {
        return value.substring(value.lastIndexOf('\t') + 1);
    }
}
