package dev.caisson.linux;

/**
 * Waits for many descriptors (epoll(7)), level-triggered unless asked otherwise. Any thread; where several {@link #await}, an edge ({@link #EPOLLET})
 * wakes one of them.
 */
public final class Epoll implements AutoCloseable {
    public static final int EPOLLIN = 0x1;
    public static final int EPOLLPRI = 0x2;
    public static final int EPOLLOUT = 0x4;
    public static final int EPOLLONESHOT = 1 << 30;
    /** Edge-triggered: an event counter is reported once each time it is raised, and need not be read. */
    public static final int EPOLLET = 1 << 31;

    private static final int BATCH = 64;

    private final Fd fd;

    private Epoll(Fd fd) {
        this.fd = fd;
    }

    /** Creates an empty set. */
    public static Epoll open(String name) throws ErrnoException {
        // NATIVE: int epoll_create1(int flags), sys/epoll.h.
        return new Epoll(Fd.of(Libc.call(Sys.epoll_create1, Abi.EPOLL_CLOEXEC), "epoll_create1", name));
    }

    /**
     * Adds a descriptor. Closing its last copy removes it.
     *
     * @param events EPOLL bits; errors and hang-ups are always reported
     * @param token what {@link #await} returns for it
     */
    public void add(Fd target, int events, long token) throws ErrnoException {
        control(Abi.EPOLL_CTL_ADD, "epoll_ctl add", target, events, token);
    }

    /** Waits for other events on a descriptor that was added; see {@link #add}. */
    public void modify(Fd target, int events, long token) throws ErrnoException {
        control(Abi.EPOLL_CTL_MOD, "epoll_ctl mod", target, events, token);
    }

    private void control(int operation, String call, Fd target, int events, long token) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long event = scratch.zeroed(Abi.EPOLL_EVENT_SIZE);
            scratch.putInt(event + Abi.EPOLL_EVENT_EVENTS, events);
            scratch.putLong(event + Abi.EPOLL_EVENT_DATA, token);
            // NATIVE: int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event), sys/epoll.h. Copied by the
            // kernel.
            long result = Libc.call(Sys.epoll_ctl, fd.number(), operation, target.number(), event);
            Libc.check(result, call, target.name());
        }
    }

    /** Takes a descriptor out. */
    public void remove(Fd target) throws ErrnoException {
        long result = Libc.call(Sys.epoll_ctl, fd.number(), Abi.EPOLL_CTL_DEL, target.number(), 0);
        Libc.check(result, "epoll_ctl del", target.name());
    }

    /**
     * Waits until a descriptor is ready. Blocks the carrier of a virtual thread: use a platform thread.
     *
     * @param timeoutMillis -1 to wait forever
     * @return the tokens of the ready descriptors, empty after the time-out
     */
    public long[] await(int timeoutMillis) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            long events = scratch.zeroed(BATCH * Abi.EPOLL_EVENT_SIZE);
            // NATIVE: int epoll_pwait(int epfd, struct epoll_event *events, int maxevents, int timeout, NULL, 0),
            // sys/epoll.h. The array lives for the call. EINTR counts as nothing ready: the caller loops anyway.
            long got = Libc.call(Sys.epoll_pwait, fd.number(), events, BATCH, timeoutMillis, 0, 0);
            if (got == -Abi.EINTR) {
                return new long[0];
            }
            long[] tokens = new long[(int) Libc.check(got, "epoll_pwait", fd.name())];
            for (int i = 0; i < tokens.length; i++) {
                tokens[i] = scratch.getLong(events + (long) i * Abi.EPOLL_EVENT_SIZE + Abi.EPOLL_EVENT_DATA);
            }
            return tokens;
        }
    }

    @Override
    public void close() {
        fd.close();
    }
}
