package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Handler;
import java.util.Map;

/**
 * Calls of the strict tier that wait for several files: poll(2), select(2), epoll_wait(2) and those with a mask of signals. Everything that the caller's
 * memory says is read once and answered here, on copies of its descriptors. The kernel does what it alone can: run a handler with the call's own mask, and
 * say whether a signalfd(2) is ready, which depends on who asks.
 */
public final class PollCalls {
    private static final int EVENT_SIZE = 12;
    private static final long EINVAL = -Errno.EINVAL.number();
    private static final long EFAULT = -Errno.EFAULT.number();
    private static final long EBADF = -Errno.EBADF.number();

    private PollCalls() {}

    /** Adds these calls' handlers. */
    public static void register(Map<String, Handler> h) {
        h.put("poll", c -> poll(c, TimeLimit.millis(c.intArg(2)), WaitMask.NONE));
        h.put("ppoll", PollCalls::ppoll);
        h.put("select", PollCalls::select);
        h.put("pselect6", PollCalls::pselect6);
        h.put("epoll_wait", c -> epoll(c, TimeLimit.millis(c.intArg(3)), WaitMask.NONE));
        h.put("epoll_pwait", PollCalls::epollPwait);
        h.put("epoll_pwait2", PollCalls::epollPwait2);
        h.put("signalfd", c -> {
            c.container().signalFiles().seen();
            return GuestCall.PROCEED;
        });
    }

    private static long ppoll(GuestCall c) {
        long[] error = {0};
        TimeLimit limit = TimeLimit.at(c, c.arg(2), TimeLimit.NANOS, true, error);
        if (limit == null) {
            return error[0];
        }
        WaitMask mask = WaitMask.at(c, c.arg(3), c.arg(4), error);
        return mask == null ? error[0] : poll(c, limit, mask);
    }

    private static long poll(GuestCall c, TimeLimit limit, WaitMask mask) {
        long address = c.arg(0);
        int count = c.intArg(1);
        if (count < 0 || count > PolledFiles.MOST) {
            return GuestCall.PROCEED;
        }
        if (c.read(address, GuestCall.DATA, count * PolledFiles.SIZE) != 0) {
            return EFAULT;
        }
        int[] fds = new int[count];
        int[] asked = new int[count];
        short[] said = new short[count];
        for (int i = 0; i < count; i++) {
            fds[i] = c.memory().getInt(GuestCall.DATA + i * PolledFiles.SIZE);
            asked[i] = c.memory().getShort(GuestCall.DATA + i * PolledFiles.SIZE + 4);
            said[i] = (short) c.memory().getShort(GuestCall.DATA + i * PolledFiles.SIZE + 6);
        }
        PolledFiles files = new PolledFiles(count);
        for (int i = 0; i < count; i++) {
            if (!files.add(c, fds[i], asked[i])) {
                files.close(c.kernel());
                return GuestCall.PROCEED;
            }
        }
        return new PollWork(files, new PollArray(address, said), limit, mask).run(c);
    }

    private static long select(GuestCall c) {
        long[] error = {0};
        TimeLimit limit = TimeLimit.at(c, c.arg(4), TimeLimit.MICROS, true, error);
        return limit == null ? error[0] : select(c, limit, WaitMask.NONE);
    }

    /** The last argument is the address of the mask's address and size. */
    private static long pselect6(GuestCall c) {
        long[] error = {0};
        long maskAddress = 0;
        long maskSize = 0;
        if (c.arg(5) != 0) {
            if (c.read(c.arg(5), GuestCall.TEXT, 16) != 0) {
                return EFAULT;
            }
            maskAddress = c.memory().getLong(GuestCall.TEXT);
            maskSize = c.memory().getLong(GuestCall.TEXT + 8);
        }
        TimeLimit limit = TimeLimit.at(c, c.arg(4), TimeLimit.NANOS, true, error);
        if (limit == null) {
            return error[0];
        }
        WaitMask mask = WaitMask.at(c, maskAddress, maskSize, error);
        return mask == null ? error[0] : select(c, limit, mask);
    }

    private static long select(GuestCall c, TimeLimit limit, WaitMask mask) {
        int size = c.intArg(0);
        if (size < 0 || size > PolledFiles.MOST) {
            return size < 0 ? EINVAL : GuestCall.PROCEED;
        }
        SelectSets sets = SelectSets.read(c, size, c.arg(1), c.arg(2), c.arg(3));
        if (sets == null) {
            return EFAULT;
        }
        PolledFiles files = new PolledFiles(size);
        boolean isOurs = sets.addTo(files, c);
        if (!isOurs || files.hasUnknown()) {
            files.close(c.kernel());
            return isOurs ? EBADF : GuestCall.PROCEED;
        }
        return new PollWork(files, sets, limit, mask).run(c);
    }

    private static long epollPwait(GuestCall c) {
        long[] error = {0};
        WaitMask mask = WaitMask.at(c, c.arg(4), c.arg(5), error);
        return mask == null ? error[0] : epoll(c, TimeLimit.millis(c.intArg(3)), mask);
    }

    private static long epollPwait2(GuestCall c) {
        long[] error = {0};
        TimeLimit limit = TimeLimit.at(c, c.arg(3), TimeLimit.NANOS, false, error);
        if (limit == null) {
            return error[0];
        }
        WaitMask mask = WaitMask.at(c, c.arg(4), c.arg(5), error);
        return mask == null ? error[0] : epoll(c, limit, mask);
    }

    private static long epoll(GuestCall c, TimeLimit limit, WaitMask mask) {
        int most = c.intArg(2);
        if (most <= 0 || most > Integer.MAX_VALUE / EVENT_SIZE) {
            return EINVAL;
        }
        if (Pieces.one(c.arg(1), (long) most * EVENT_SIZE) == null) {
            return EFAULT;
        }
        if (c.container().signalFiles().areThere()) {
            return GuestCall.PROCEED;
        }
        long fd = c.takeDescriptor(c.intArg(0));
        return fd < 0 ? fd : new EpollWait(fd, c.arg(1), most, limit, mask).run(c);
    }
}
