package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.trap.dispatch.GuestCall;
import org.jspecify.annotations.Nullable;

/**
 * The signals that a caller wants to be kept from it while it waits (ppoll(2), pselect(2), epoll_pwait(2)), instead of those that it blocks. Handlers of what
 * this lets through run with the kernel's help alone.
 *
 * @param isGiven whether there is one
 */
record WaitMask(boolean isGiven, long signals) {
    static final WaitMask NONE = new WaitMask(false, 0);

    private static final int SIZE = 8;

    /**
     * What is in the caller's memory.
     *
     * @param address 0: none
     * @param error gets the errno at index 0 where the result is null
     */
    static @Nullable WaitMask at(GuestCall c, long address, long size, long[] error) {
        if (address == 0) {
            return NONE;
        }
        error[0] = size != SIZE ? -Errno.EINVAL.number() : c.read(address, GuestCall.TEXT, SIZE);
        return error[0] == 0 ? new WaitMask(true, c.memory().getLong(GuestCall.TEXT)) : null;
    }

    /** What is kept from a thread that blocks {@code own}. */
    long over(long own) {
        return isGiven ? signals : own;
    }
}
