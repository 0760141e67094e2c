package dev.caisson.kvm.virtio.fs;

import dev.caisson.linux.Errno;
import java.io.Serial;

/** A request's outcome that is an error: the guest gets its number and nothing else. */
final class FuseError extends Exception {
    @Serial
    private static final long serialVersionUID = 1;

    private final int number;

    FuseError(int number) {
        // Every other lookup ends in one: without a trace it costs no more than a result.
        super("errno " + number, null, false, false);
        this.number = number;
    }

    FuseError(Errno errno) {
        this(errno.number());
    }

    int number() {
        return number;
    }

    /** A system call's result, unless it is a negative errno. */
    static long check(long result) throws FuseError {
        if (result < 0) {
            throw new FuseError((int) -result);
        }
        return result;
    }
}
