package dev.caisson.kvm.sys;

import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.direct.KernelCalls;

/** ioctl(2) on KVM's descriptors. */
final class Ioctl {
    static final int SYS_IOCTL = 16;
    private static final long REQUEST = 0xffff_ffffL;

    private Ioctl() {}

    /**
     * Makes the call.
     *
     * @param argument a value, or the address of a block that is alive
     * @return its result, not negative
     */
    static long call(KernelCalls calls, Fd fd, int request, String name, long argument) throws ErrnoException {
        long result = calls.call(SYS_IOCTL, fd.number(), request & REQUEST, argument);
        if (result < 0) {
            throw new ErrnoException((int) -result, name, fd.name());
        }
        return result;
    }
}
