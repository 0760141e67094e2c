package dev.caisson.linux;

import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;

/**
 * The one native function of this module.
 *
 * <p>Mapping {@code syscall(2)} alone keeps start-up cheap (each mapped function costs a libffi preparation) and reaches calls
 * that glibc 2.36 has no wrapper for. Only calls with kernel-level semantics may be made this way: nothing that glibc
 * virtualises (fork, setuid across threads, pthread state).
 */
final class Libc {
    static {
        // The process itself already has libc's symbols: no library search by name.
        Native.register(Libc.class, NativeLibrary.getProcess());
    }

    private Libc() {}

    // NATIVE: long syscall(long number, ...), unistd.h. Variadic, but an assembly routine that moves registers; it
    // takes no
    // vector registers, so calling it as a plain seven-argument function is right on x86-64. Pointers among the
    // arguments
    // must live until it returns and be owned by a Scratch. Any thread. Bad pointers give EFAULT, not a crash.
    private static native long syscall(long number, long a, long b, long c, long d, long e, long f);

    /**
     * Makes a system call and returns what the kernel returned: a result, or a negative errno (netty's and the kernel's own
     * convention). errno is read in the same thread before anything else can run on it: a virtual thread does not change its
     * carrier between the two calls, for neither blocks in Java.
     */
    static long call(long number, long a, long b, long c, long d, long e, long f) {
        long result = syscall(number, a, b, c, d, e, f);
        return result == -1 ? -Native.getLastError() : result;
    }

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
