package dev.caisson.trap.data;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.dispatch.WaitingCalls;

/** epoll_wait(2): of a copy of the caller's descriptor, which is ready when the set has something. */
final class EpollWait extends ManyWork {
    /** struct epoll_event, which is packed here. */
    private static final int EVENT = 12;

    private static final int MOST = GuestCall.DATA_SIZE / EVENT;
    private static final int MASK_SIZE = 8;
    private static final int POLLIN = 1;

    private final long fd;
    private final long events;
    private final int most;

    /**
     * @param fd a descriptor of ours, which this owns
     * @param events where the caller wants to have them
     */
    EpollWait(long fd, long events, int most, TimeLimit limit, WaitMask mask) {
        super(limit, mask);
        this.fd = fd;
        this.events = events;
        this.most = Math.min(most, MOST);
    }

    @Override
    public long attempt(GuestCall c) {
        long count = c.kernel().call(Nr.epoll_pwait, fd, c.memory().address(GuestCall.DATA), most, 0, 0, MASK_SIZE);
        if (count <= 0) {
            return count == 0 ? WaitingCalls.NOT_YET : count;
        }
        long failed = c.write(events, GuestCall.DATA, (int) count * EVENT);
        return failed < 0 ? -Errno.EFAULT.number() : count;
    }

    @Override
    public int places() {
        return 1;
    }

    @Override
    public void lay(NativeMemory polled, int at) {
        polled.putInt(at, (int) fd);
        polled.putInt(at + 4, POLLIN);
    }

    @Override
    public long timedOut(GuestCall c) {
        return 0;
    }

    @Override
    public void close(KernelCalls kernel) {
        kernel.call(Nr.close, fd);
    }
}
