package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.WaitingCalls;

/** poll(2) or select(2): which differ in how the caller is told. */
final class PollWork extends ManyWork {
    private static final long EINTR = -Errno.EINTR.number();

    private final PolledFiles files;
    private final Telling telling;

    /** How the caller is told what there is. */
    interface Telling {
        /**
         * How many there are, by what poll(2) says of each file.
         *
         * @return 0 for none of what was asked for
         */
        int count(int[] found);

        /** Writes it to the caller's memory; 0 or a negative errno. */
        long tell(GuestCall c, int[] found);
    }

    /** @param files which this owns */
    PollWork(PolledFiles files, Telling telling, TimeLimit limit, WaitMask mask) {
        super(limit, mask);
        this.files = files;
        this.telling = telling;
    }

    @Override
    public long attempt(GuestCall c) {
        long[] error = {0};
        int[] found = files.look(c, error);
        if (error[0] != 0) {
            return error[0] == EINTR ? WaitingCalls.NOT_YET : error[0];
        }
        int count = telling.count(found);
        if (count == 0) {
            // What is not asked for and is there all the same (POLLHUP) would be found over and over.
            return isQuiet(found) ? WaitingCalls.NOT_YET : GuestCall.PROCEED;
        }
        long told = telling.tell(c, found);
        limit.tellRest(c);
        return told < 0 ? told : count;
    }

    private static boolean isQuiet(int[] found) {
        for (int each : found) {
            if (each != 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public int places() {
        return files.size();
    }

    @Override
    public void lay(NativeMemory polled, int at) {
        files.lay(polled, at);
    }

    @Override
    public long timedOut(GuestCall c) {
        long told = telling.tell(c, new int[files.size()]);
        limit.tellRest(c);
        return told;
    }

    @Override
    public void close(KernelCalls kernel) {
        files.close(kernel);
    }
}
