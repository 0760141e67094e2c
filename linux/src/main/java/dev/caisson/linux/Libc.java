package dev.caisson.linux;

import java.nio.ByteBuffer;

/**
 * The native functions of this module, {@code monitor/jni/libc.c}: system calls by number, which reaches those that glibc 2.36 has no
 * wrapper for, and memory for their arguments. Only calls with kernel-level semantics may be made this way: nothing that glibc
 * virtualises (fork, setuid across threads, pthread state). Of this module alone, {@code direct} included.
 */
@SuppressWarnings("restricted") // which loading a library is
public final class Libc {
    static {
        System.loadLibrary("caisson");
    }

    private Libc() {}

    // NATIVE: any thread; a virtual one keeps its carrier until the call returns. Pointers among the arguments must
    // live that
    // long and be owned by a Scratch. Bad pointers give EFAULT, not a crash.
    /** Makes a system call and returns what the kernel returned: a result, or a negative errno. */
    public static native long call(long number, long a, long b, long c, long d, long e, long f);

    // NATIVE: calloc(3); the caller frees.
    /** Zeroed memory, aligned as malloc aligns (16 bytes), or 0 if there is none. */
    public static native long allocate(int size);

    // NATIVE: free(3); no view of the memory may be used afterwards.
    public static native void free(long address);

    // NATIVE: does not own the memory.
    /** That memory as a buffer, which checks its bounds. */
    public static native ByteBuffer view(long address, int size);

    static long call(long number) {
        return call(number, 0, 0, 0, 0, 0, 0);
    }

    static long call(long number, long a) {
        return call(number, a, 0, 0, 0, 0, 0);
    }

    static long call(long number, long a, long b) {
        return call(number, a, b, 0, 0, 0, 0);
    }

    static long call(long number, long a, long b, long c) {
        return call(number, a, b, c, 0, 0, 0);
    }

    static long call(long number, long a, long b, long c, long d) {
        return call(number, a, b, c, d, 0, 0);
    }

    /** As {@link #call(long, long, long, long, long, long, long)}, repeated while a signal handler interrupts it. */
    static long retrying(long number, long a, long b, long c, long d) {
        long result;
        do {
            result = call(number, a, b, c, d, 0, 0);
        } while (result == -Abi.EINTR);
        return result;
    }

    /** Turns a negative result into an exception. */
    static long check(long result, String call, String subject) throws ErrnoException {
        if (result < 0) {
            throw new ErrnoException((int) -result, call, subject);
        }
        return result;
    }

    /** Turns a result into a value for callers that branch on it. */
    static Errno errno(long result) {
        return result >= 0 ? Errno.SUCCESS : Errno.of((int) -result);
    }
}
