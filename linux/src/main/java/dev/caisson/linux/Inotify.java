package dev.caisson.linux;

import java.util.ArrayList;
import java.util.List;

/** Watches files for changes (inotify(7)). Non-blocking; {@link #read} belongs to one thread, the rest to any. */
public final class Inotify implements AutoCloseable {
    // spotless:off
    public static final int IN_MODIFY      = 0x2;
    public static final int IN_CREATE      = 0x100;
    public static final int IN_DELETE      = 0x200;
    public static final int IN_DELETE_SELF = 0x400;
    public static final int IN_Q_OVERFLOW  = 0x4000;
    public static final int IN_IGNORED     = 0x8000;
    // spotless:on

    private static final int BUFFER = 4096;

    private final Fd fd;

    private Inotify(Fd fd) {
        this.fd = fd;
    }

    /**
     * Something happened to a watched file.
     *
     * @param watch the number that {@link #watch} gave, -1 when the queue overflowed
     * @param mask IN_ bits
     * @param name the entry of a watched directory, else empty
     */
    public record Event(int watch, int mask, String name) {}

    /** Creates an instance without watches. */
    public static Inotify open(String name) throws ErrnoException {
        // NATIVE: int inotify_init1(int flags), sys/inotify.h.
        return new Inotify(
                Fd.of(Libc.call(Sys.inotify_init1, Abi.IN_CLOEXEC | Abi.IN_NONBLOCK), "inotify_init1", name));
    }

    /** The descriptor, still owned by this object. */
    public Fd fd() {
        return fd;
    }

    /** Watches a file; the same file gives the same number again. */
    public int watch(String path, int mask) throws ErrnoException {
        try (Scratch scratch = new Scratch()) {
            // NATIVE: int inotify_add_watch(int fd, const char *pathname, uint32_t mask), sys/inotify.h.
            long result = Libc.call(Sys.inotify_add_watch, fd.number(), scratch.string(path), mask);
            return (int) Libc.check(result, "inotify_add_watch", path);
        }
    }

    /** Ends a watch. Returns SUCCESS, or EINVAL when it has ended by itself because the file was removed. */
    public Errno unwatch(int watch) {
        // NATIVE: int inotify_rm_watch(int fd, int wd), sys/inotify.h.
        return Libc.errno(Libc.call(Sys.inotify_rm_watch, fd.number(), watch));
    }

    /** Takes the events that are there; an empty list if there are none. */
    public List<Event> read() throws ErrnoException {
        List<Event> events = new ArrayList<>();
        try (Scratch scratch = new Scratch()) {
            long buffer = scratch.zeroed(BUFFER);
            long got = Libc.retrying(Sys.read, fd.number(), buffer, BUFFER, 0);
            if (Libc.errno(got) == Errno.EAGAIN) {
                return events;
            }
            Libc.check(got, "read", fd.name());
            for (long at = buffer; at < buffer + got; ) {
                int length = scratch.getInt(at + Abi.INOTIFY_EVENT_LEN);
                byte[] name = scratch.getBytes(at + Abi.INOTIFY_EVENT_NAME, length);
                int end = 0;
                while (end < name.length && name[end] != 0) {
                    end++;
                }
                events.add(new Event(
                        scratch.getInt(at + Abi.INOTIFY_EVENT_WD),
                        scratch.getInt(at + Abi.INOTIFY_EVENT_MASK),
                        PathBytes.decode(name, 0, end)));
                at += Abi.INOTIFY_EVENT_NAME + length;
            }
        }
        return events;
    }

    @Override
    public void close() {
        fd.close();
    }
}
