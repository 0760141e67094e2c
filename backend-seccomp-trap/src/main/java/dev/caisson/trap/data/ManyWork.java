package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.TaskSignals;
import dev.caisson.trap.dispatch.WaitingCalls;

/** What waits for several files and moves nothing, as far as time and signals go. */
abstract class ManyWork implements WaitingCalls.Work {
    /** ERESTARTNOHAND: EINTR after a handler, whatever its SA_RESTART; the call once more where there is none. */
    private static final long AGAIN_WITHOUT_HANDLER = -514;

    final TimeLimit limit;
    private final WaitMask mask;

    ManyWork(TimeLimit limit, WaitMask mask) {
        this.limit = limit;
        this.mask = mask;
    }

    /** Does it, or sees to it that it is done later. */
    final long run(GuestCall c) {
        long result = attempt(c);
        if (result == WaitingCalls.NOT_YET) {
            if (mask.isGiven() && c.signals(this::blocked) != TaskSignals.NONE) {
                result = GuestCall.PROCEED;
            } else if (limit.isNow()) {
                result = timedOut(c);
            } else {
                return c.await(this);
            }
        }
        close(c.kernel());
        return result;
    }

    @Override
    public final long deadline() {
        return limit.deadline();
    }

    @Override
    public final boolean isBegun() {
        return false;
    }

    @Override
    public final long blocked(long own) {
        return mask.over(own);
    }

    /** The kernel finds the signal again, and runs its handler with the mask that the call brought. */
    @Override
    public final long interrupted(GuestCall c) {
        if (mask.isGiven()) {
            return GuestCall.PROCEED;
        }
        limit.tellRest(c);
        return AGAIN_WITHOUT_HANDLER;
    }

    /** Where another thread runs the handler, EINTR is one too many, which everybody has to expect of these calls. */
    @Override
    public final long doubtful(GuestCall c) {
        if (mask.isGiven()) {
            return GuestCall.PROCEED;
        }
        limit.tellRest(c);
        return -Errno.EINTR.number();
    }
}
