package dev.caisson.trap.dispatch;

import java.util.function.LongUnaryOperator;

/**
 * Whether a signal waits for a thread that waits for an answer, by the text of /proc/TID/status (proc_pid_status(5)).
 *
 * <p>With WAIT_KILLABLE_RECV only what kills ends the wait; everything else is to be seen here and answered for. A thread is known to
 * look at its signals next when one is its own, or its process has no other thread. Where a signal is its process's and there are more
 * threads, the kernel may have chosen another one, and this one would then see the errno -512 that restarts a call.
 */
public enum TaskSignals {
    /** Nothing to do. */
    NONE,
    /** It looks at a signal as soon as it is answered. */
    CERTAIN,
    /** It may have been chosen for one of its process's. */
    POSSIBLE,
    /** It is no more. */
    GONE;

    /**
     * Reads the text.
     *
     * @param mask the signals that are kept from the thread while it waits, by those that it blocks itself
     */
    static TaskSignals of(String status, LongUnaryOperator mask) {
        long own = 0;
        long shared = 0;
        long blocked = 0;
        int threads = 0;
        for (String line : status.split("\n", -1)) {
            int colon = line.indexOf(':');
            if (colon < 0) {
                continue;
            }
            String value = line.substring(colon + 1).strip();
            switch (line.substring(0, colon)) {
                case "Threads" -> threads = Integer.parseInt(value);
                case "SigPnd" -> own = Long.parseUnsignedLong(value, 16);
                case "ShdPnd" -> shared = Long.parseUnsignedLong(value, 16);
                case "SigBlk" -> blocked = Long.parseUnsignedLong(value, 16);
                default -> {}
            }
        }
        blocked = mask.applyAsLong(blocked);
        if (threads == 0) {
            return GONE;
        }
        if ((own & ~blocked) != 0) {
            return CERTAIN;
        }
        return (shared & ~blocked) == 0 ? NONE : threads == 1 ? CERTAIN : POSSIBLE;
    }
}
