package dev.caisson.trap.ident;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.Caller;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import java.util.List;
import java.util.Map;

/** Who the caller is, in the strict tier: what is known of it anyway. */
public final class OwnIds {
    private static final int OUT = GuestCall.DATA;

    private OwnIds() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> h) {
        h.put("getpid", c -> c.caller().guestTgid());
        h.put("getppid", OwnIds::parent);
        h.put("getuid", c -> unsigned(c.caller().users().getFirst()));
        h.put("geteuid", c -> unsigned(c.caller().users().get(1)));
        h.put("getgid", c -> unsigned(c.caller().userGroups().getFirst()));
        h.put("getegid", c -> unsigned(c.caller().userGroups().get(1)));
        h.put("getresuid", c -> three(c, c.caller().users()));
        h.put("getresgid", c -> three(c, c.caller().userGroups()));
        h.put("getgroups", OwnIds::groups);
    }

    private static long unsigned(int id) {
        return id & 0xffff_ffffL;
    }

    /** As the container counts; 0 for one that is not in it. */
    private static long parent(GuestCall c) {
        long now = System.nanoTime();
        Caller child = c.readCaller(c.tid(), now); // a parent that has ended is not it any more
        Caller parent = child.parent() == 0 ? Caller.GONE : c.readCaller(child.parent(), now);
        return parent.depth() < child.depth() ? 0 : parent.guestTgid();
    }

    private static long three(GuestCall c, List<Integer> ids) {
        for (int i = 0; i < 3; i++) {
            c.memory().putInt(OUT, ids.get(i));
            long written = c.write(c.arg(i), OUT, Integer.BYTES);
            if (written < 0) {
                return written;
            }
        }
        return 0;
    }

    private static long groups(GuestCall c) {
        List<Integer> groups = c.caller().groups();
        int room = c.intArg(0);
        if (room < 0) {
            return -Errno.EINVAL.number();
        }
        if (room == 0) {
            return groups.size();
        }
        if (room < groups.size() || Integer.BYTES * groups.size() > GuestCall.DATA_SIZE) {
            return -Errno.EINVAL.number();
        }
        for (int i = 0; i < groups.size(); i++) {
            c.memory().putInt(OUT + Integer.BYTES * i, groups.get(i));
        }
        long written = c.write(c.arg(1), OUT, Integer.BYTES * groups.size());
        return written < 0 ? written : groups.size();
    }
}
