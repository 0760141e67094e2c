package dev.caisson.linux.direct;

import dev.caisson.linux.Libc;

/**
 * Makes any system call, on the calling thread. It does not check what it is given, so pointers among the arguments must be a
 * {@link NativeMemory}'s that is alive. Without state; any thread.
 *
 * <p>Raw calls act on the calling thread alone where glibc's wrappers act on the process: setfsuid, setgroups, capset and unshare are meant so
 * here.
 */
public final class KernelCalls implements AutoCloseable {
    /** Makes a call and returns its result, or a negative errno. */
    public long call(long number, long a, long b, long c, long d, long e, long f) {
        return Libc.call(number, a, b, c, d, e, f);
    }

    public long call(long number) {
        return call(number, 0, 0, 0, 0, 0, 0);
    }

    public long call(long number, long a) {
        return call(number, a, 0, 0, 0, 0, 0);
    }

    public long call(long number, long a, long b) {
        return call(number, a, b, 0, 0, 0, 0);
    }

    public long call(long number, long a, long b, long c) {
        return call(number, a, b, c, 0, 0, 0);
    }

    public long call(long number, long a, long b, long c, long d) {
        return call(number, a, b, c, d, 0, 0);
    }

    public long call(long number, long a, long b, long c, long d, long e) {
        return call(number, a, b, c, d, e, 0);
    }

    /** Nothing to free. */
    @Override
    public void close() {}
}
