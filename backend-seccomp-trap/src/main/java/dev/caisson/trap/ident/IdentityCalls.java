package dev.caisson.trap.ident;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import dev.caisson.trap.limits.ContainerLimits;
import dev.caisson.trap.limits.MemoryUse;
import dev.caisson.trap.limits.ProcessorText;
import dev.caisson.trap.proc.ProcText;
import java.util.BitSet;
import java.util.Map;

/** Calls about who a process is, what the system is, and small ones that need no place of their own. */
public final class IdentityCalls {
    private static final int OUT = GuestCall.DATA;
    private static final int UTS_FIELD = 65;
    private static final int UTS_SIZE = 6 * UTS_FIELD;
    private static final int SYSINFO_SIZE = 112;
    /** totalram; freeram, sharedram, bufferram, totalswap and freeswap follow. */
    private static final int SYSINFO_RAM = 32;

    private static final int SYSINFO_TASKS = 80;
    private static final int SYSINFO_UNIT = 104;
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
        h.put("sched_getaffinity", IdentityCalls::affinity);
        h.put("syslog", c -> c.intArg(0) == 10 || c.intArg(0) == 3 ? 0 : -Errno.EPERM.number());
    }

    /** Who the caller is may be otherwise afterwards. */
    private static long proceed(GuestCall c) {
        c.forgetCaller();
        return GuestCall.PROCEED;
    }

    /** PR_SET_DUMPABLE has no effect: a process that nobody may look into could not be answered. */
    private static long prctl(GuestCall c) {
        if (c.isWithinRule()) {
            return GuestCall.PROCEED;
        }
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

    /** Of itself only as many processors as it may use the time of, which programs start threads by. */
    private static long affinity(GuestCall c) {
        int pid = c.intArg(0);
        if (pid != 0 && pid != c.caller().guestTid()) {
            return GuestCall.PROCEED;
        }
        long room = Math.min(c.arg(1) & 0xffff_ffffL, GuestCall.DATA_SIZE);
        long length = c.kernel().call(c.number(), c.tid(), room, c.memory().address(OUT));
        if (length <= 0) {
            return length;
        }
        BitSet may = BitSet.valueOf(c.memory().getBytes(OUT, (int) length));
        byte[] few = ProcessorText.first(may, c.container().limits().processors(c.kernel()))
                .toByteArray();
        c.memory().zero(OUT, (int) length);
        c.memory().putBytes(OUT, few);
        long written = c.write(c.arg(2), OUT, (int) length);
        return written < 0 ? written : length;
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
        ContainerLimits limits = c.container().limits();
        MemoryUse use = limits.memory(c.kernel());
        long unit = c.memory().getInt(OUT + SYSINFO_UNIT);
        if (use.isLess(c.memory().getLong(OUT + SYSINFO_RAM) * unit)) {
            long swap = use.swap(c.memory().getLong(OUT + SYSINFO_RAM + 32) * unit);
            long[] values = {use.limit(), use.free(), 0, 0, swap, Math.max(0, swap - use.swapUsed())};
            for (int i = 0; i < values.length; i++) {
                c.memory().putLong(OUT + SYSINFO_RAM + 8 * i, values[i] / unit);
            }
        }
        c.memory().putShort(OUT + SYSINFO_TASKS, Math.max(1, limits.tasks(c.kernel())));
        return c.write(c.arg(0), OUT, SYSINFO_SIZE);
    }
}
