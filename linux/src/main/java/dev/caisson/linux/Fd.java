package dev.caisson.linux;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * An open file descriptor with one owner. Closing twice is harmless; using it after close is an {@link IllegalStateException}
 * that names it. {@link #close()} may come from any thread, but the owner sees to it that no call is under way then: the
 * kernel reuses numbers at once.
 */
public final class Fd implements AutoCloseable {
    private static final int CLOSED = -1;

    private final AtomicInteger number;
    private final String name;

    private Fd(int number, String name) {
        this.number = new AtomicInteger(number);
        this.name = name;
    }

    /**
     * Takes ownership of a descriptor that somebody else opened, for example one that arrived over a socket.
     *
     * @param number the descriptor, consumed
     * @param name what it refers to, for messages
     */
    public static Fd adopt(int number, String name) {
        if (number < 0) {
            throw new IllegalArgumentException("not a descriptor: " + number + " (" + name + ")");
        }
        return new Fd(number, name);
    }

    /** Wraps the result of a call that returns a descriptor or a negative errno. */
    static Fd of(long result, String call, String name) throws ErrnoException {
        return new Fd((int) Libc.check(result, call, name), name);
    }

    /** The descriptor's number, still owned by this object. */
    public int number() {
        int current = number.get();
        if (current == CLOSED) {
            throw new IllegalStateException("descriptor is closed: " + name);
        }
        return current;
    }

    /** What the descriptor refers to, for messages. */
    public String name() {
        return name;
    }

    /** A path by which this process can reach the open file: {@code /proc/self/fd/N}. */
    public String procPath() {
        return "/proc/self/fd/" + number();
    }

    /** Whether the descriptor is still owned by this object. */
    public boolean isOpen() {
        return number.get() != CLOSED;
    }

    /** Gives the descriptor away: returns its number and forgets it. */
    public int release() {
        int current = number.getAndSet(CLOSED);
        if (current == CLOSED) {
            throw new IllegalStateException("descriptor is closed: " + name);
        }
        return current;
    }

    /**
     * Closes the descriptor. Its result is not looked at: Linux has freed the number whatever close(2) returns, so there is
     * nothing to repeat, and data that must be safe is synced before.
     */
    @Override
    public void close() {
        int current = number.getAndSet(CLOSED);
        if (current != CLOSED) {
            // NATIVE: int close(int fd), unistd.h. Never repeated on EINTR: another thread may already own the number.
            Libc.call(Sys.close, current);
        }
    }

    @Override
    public String toString() {
        return name + "(" + number.get() + ")";
    }
}
