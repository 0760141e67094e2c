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
 * @param depth how many namespaces count it, the host's and the container's among them
 * @param parent its process's parent, as the host counts
 * @param users real, effective and saved user
 * @param userGroups real, effective and saved group
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
        int depth,
        int parent,
        List<Integer> users,
        List<Integer> userGroups,
        int fsUid,
        int fsGid,
        List<Integer> groups,
        long capabilities,
        int umask,
        long readAt) {
    public Caller {
        users = List.copyOf(users);
        userGroups = List.copyOf(userGroups);
        groups = List.copyOf(groups);
    }

    /** Real user. */
    public int uid() {
        return users.getFirst();
    }

    /** What a thread that is no more looks like: nobody, without a right. */
    public static final Caller GONE = new Caller(
            0,
            0,
            0,
            0,
            0,
            List.of(65534, 65534, 65534),
            List.of(65534, 65534, 65534),
            65534,
            65534,
            List.of(),
            0,
            022,
            0);

    /** The error of a call whose caller is gone; nobody gets to see it. */
    public static final long ERROR = -Errno.ESRCH.number();

    static Caller parse(String status, long now) {
        int tgid = 0;
        int guestTgid = 0;
        int guestTid = 0;
        int depth = 0;
        int parent = 0;
        List<Integer> users = GONE.users;
        List<Integer> userGroups = GONE.userGroups;
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
                case "NSpid" -> {
                    guestTid = Integer.parseInt(last(value));
                    depth = value.split("\t", -1).length;
                }
                case "PPid" -> parent = Integer.parseInt(value);
                case "Uid" -> {
                    users = firstThree(value);
                    fsUid = Integer.parseUnsignedInt(last(value));
                }
                case "Gid" -> {
                    userGroups = firstThree(value);
                    fsGid = Integer.parseUnsignedInt(last(value));
                }
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
        return new Caller(
                tgid,
                guestTgid,
                guestTid,
                depth,
                parent,
                users,
                userGroups,
                fsUid,
                fsGid,
                groups,
                capabilities,
                umask,
                now);
    }

    private static List<Integer> firstThree(String value) {
        String[] words = value.split("\t", -1);
        return List.of(
                Integer.parseUnsignedInt(words[0]),
                Integer.parseUnsignedInt(words[1]),
                Integer.parseUnsignedInt(words[2]));
    }

    private static String last(String value) {
        return value.substring(value.lastIndexOf('\t') + 1);
    }
}
