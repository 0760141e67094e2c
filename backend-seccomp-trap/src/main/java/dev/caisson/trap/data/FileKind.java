package dev.caisson.trap.data;

import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;

/**
 * What a descriptor is open on, as far as it decides who may read and write it: some files ask who is calling (job control of terminals,
 * credentials of UNIX sockets, signals of a signalfd, procfs), and memory that is written belongs to whom the kernel sees writing.
 */
enum FileKind {
    /** On a file system: does not wait in the sense of poll(2). */
    REGULAR,
    /** As {@link #REGULAR}, in memory, which its writer is charged for: written by the caller itself. */
    MEMORY,
    /** A device of the kernel's own ({@code null}, {@code zero}, {@code full}, {@code urandom}): gives as much as is asked for. */
    ENDLESS,
    /** Another device: what it gives at once may be a packet. */
    DEVICE,
    /** A pipe, or what is like one: does as it is told without waiting, or says that it cannot. */
    STREAM,
    /** IPv4 or IPv6. */
    INTERNET,
    /** Another socket: read here, written by the caller itself. */
    LOCAL,
    /** The kernel does it. */
    CALLERS;

    private static final int STAT = GuestCall.TEXT;
    private static final int STAT_MODE = 24;
    private static final int STAT_DEVICE = 40;
    /** Of the devices in Linux' drivers/char/mem.c. */
    private static final int MEM_MAJOR = 1;

    private static final int S_IFMT = 0xf000;
    private static final int S_IFSOCK = 0xc000;
    private static final int S_IFREG = 0x8000;
    private static final int S_IFDIR = 0x4000;
    private static final int S_IFCHR = 0x2000;
    private static final int S_IFIFO = 0x1000;
    private static final int SOL_SOCKET = 1;
    private static final int SO_DOMAIN = 39;
    private static final int AF_INET = 2;
    private static final int AF_INET6 = 10;
    private static final long TMPFS_MAGIC = 0x0102_1994L;
    private static final String EVENTFD = "anon_inode:[eventfd]";
    private static final String TIMERFD = "anon_inode:[timerfd]";
    private static final String SIGNALFD = "anon_inode:[signalfd]";
    private static final String EVENTPOLL = "anon_inode:[eventpoll]";

    /**
     * Looks at a descriptor of ours.
     *
     * @param writes whether it is to be written, which needs a closer look at files
     */
    static FileKind of(GuestCall c, long fd, boolean writes) {
        if (c.kernel().call(Nr.fstat, fd, c.memory().address(STAT)) != 0) {
            return CALLERS;
        }
        return switch (c.memory().getInt(STAT + STAT_MODE) & S_IFMT) {
            case S_IFREG ->
                c.memory().getLong(STAT) == c.container().procDevice()
                        ? CALLERS
                        : writes && isMemory(c, fd) ? MEMORY : REGULAR;
            case S_IFDIR -> REGULAR;
            case S_IFCHR -> isEndless(c.memory().getLong(STAT + STAT_DEVICE)) ? ENDLESS : DEVICE;
            case S_IFIFO -> STREAM;
            case S_IFSOCK -> {
                int family = option(c, fd, SO_DOMAIN);
                yield family == AF_INET || family == AF_INET6 ? INTERNET : LOCAL;
            }
            case 0 -> isCounter(c, fd) ? STREAM : CALLERS;
            default -> CALLERS;
        };
    }

    private static boolean isEndless(long device) {
        return (device >>> 8 & 0xfff) == MEM_MAJOR;
    }

    private static boolean isMemory(GuestCall c, long fd) {
        return c.kernel().call(Nr.fstatfs, fd, c.memory().address(STAT)) == 0
                && c.memory().getLong(STAT) == TMPFS_MAGIC;
    }

    private static boolean isCounter(GuestCall c, long fd) {
        String name = name(c, fd);
        return name.equals(EVENTFD) || name.equals(TIMERFD);
    }

    /** Whether it is ready or not by the signals of who asks; a set of files (epoll(7)) may have such a one. */
    static boolean asksForSignals(GuestCall c, long fd) {
        String name = name(c, fd);
        return name.equals(SIGNALFD) || name.equals(EVENTPOLL);
    }

    private static String name(GuestCall c, long fd) {
        c.putPath(STAT, "self/fd/" + fd);
        long length = c.kernel()
                .call(
                        Nr.readlinkat,
                        c.hostProc(),
                        c.memory().address(STAT),
                        c.memory().address(STAT),
                        GuestCall.PATH_MAX);
        return length <= 0 ? "" : c.path(STAT, (int) length);
    }

    /** An option of SOL_SOCKET that is an int, or -1. */
    static int option(GuestCall c, long fd, int option) {
        long result = getsockopt(c, fd, option, 4);
        return result == 0 ? c.memory().getInt(STAT + 8) : -1;
    }

    /** The value is then at STAT + 8. */
    private static long getsockopt(GuestCall c, long fd, int option, int size) {
        c.memory().putInt(STAT, size);
        return c.kernel()
                .call(
                        Nr.getsockopt,
                        fd,
                        SOL_SOCKET,
                        option,
                        c.memory().address(STAT + 8),
                        c.memory().address(STAT));
    }

    /** When a call on a socket gives up, by SO_RCVTIMEO or SO_SNDTIMEO; Long.MAX_VALUE for never. */
    static long deadline(GuestCall c, long fd, int option) {
        long result = getsockopt(c, fd, option, 16);
        long seconds = c.memory().getLong(STAT + 8);
        long micros = c.memory().getLong(STAT + 16);
        return result != 0 || (seconds == 0 && micros == 0) || seconds > Integer.MAX_VALUE
                ? Long.MAX_VALUE
                : System.nanoTime() + seconds * 1_000_000_000L + micros * 1000;
    }
}
