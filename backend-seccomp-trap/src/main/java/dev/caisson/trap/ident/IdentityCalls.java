package dev.caisson.trap.ident;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.proc.ProcText;
import java.util.Map;

/** Calls about who a process is, what the system is, and small ones that need no place of their own. */
public final class IdentityCalls {
    private static final int OUT = GuestCall.DATA;
    private static final int UTS_FIELD = 65;
    private static final int UTS_SIZE = 6 * UTS_FIELD;
    private static final int SYSINFO_SIZE = 112;
    private static final long EINVAL = -Errno.EINVAL.number();

    private IdentityCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> h) {
        h.put("continue", IdentityCalls::proceed);
        h.put("prctl", IdentityCalls::prctl);
        h.put("personality", c -> c.intArg(0) == -1 || c.intArg(0) == 0 ? 0 : EINVAL);
        h.put("keyctl", c -> -Errno.EOPNOTSUPP.number());
        h.put("mincore", IdentityCalls::mincore);
        h.put("uname", IdentityCalls::uname);
        h.put("sysinfo", IdentityCalls::sysinfo);
        h.put("syslog", c -> c.intArg(0) == 10 || c.intArg(0) == 3 ? 0 : -Errno.EPERM.number());
    }

    /** Who the caller is may be otherwise afterwards. */
    private static long proceed(GuestCall c) {
        c.forgetCaller();
        return GuestCall.PROCEED;
    }

    /** PR_SET_DUMPABLE has no effect: a process that nobody may look into could not be answered. */
    private static long prctl(GuestCall c) {
        return c.intArg(0) == 4 && (c.arg(1) == 0 || c.arg(1) == 1) ? 0 : EINVAL;
    }

    private static long mincore(GuestCall c) {
        long pages = (c.arg(1) + 4095) >>> 12;
        if ((c.arg(0) & 4095) != 0) {
            return EINVAL;
        }
        for (long done = 0; done < pages; ) {
            int part = (int) Math.min(pages - done, GuestCall.DATA_SIZE);
            for (int i = 0; i < part; i++) {
                c.memory().putByte(OUT + i, 1);
            }
            long written = c.write(c.arg(2) + done, OUT, part);
            if (written < 0) {
                return written;
            }
            done += part;
        }
        return 0;
    }

    private static long uname(GuestCall c) {
        long result = c.kernel().call(c.number(), c.memory().address(OUT));
        if (result < 0) {
            return result;
        }
        c.memory().zero(OUT + 2 * UTS_FIELD, 2 * UTS_FIELD);
        c.putPath(OUT + 2 * UTS_FIELD, ProcText.RELEASE);
        c.putPath(OUT + 3 * UTS_FIELD, ProcText.VERSION);
        return c.write(c.arg(0), OUT, UTS_SIZE);
    }

    private static long sysinfo(GuestCall c) {
        long result = c.kernel().call(c.number(), c.memory().address(OUT));
        if (result < 0) {
            return result;
        }
        c.memory().putLong(OUT, (long) ProcText.seconds());
        for (int i = 8; i < 32; i += 8) {
            c.memory().putLong(OUT + i, 0); // load averages are the host's
        }
        return c.write(c.arg(0), OUT, SYSINFO_SIZE);
    }
}
