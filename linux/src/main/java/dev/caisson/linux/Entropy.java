package dev.caisson.linux;

/** The kernel's random number generator (random(4)). */
public final class Entropy {
    private Entropy() {}

    /** Adds bytes that nobody else knows, and lets the generator begin anew with them; needs CAP_SYS_ADMIN. */
    public static void add(byte[] bytes) throws ErrnoException {
        try (Fd random = HostFiles.open("/dev/urandom", HostFiles.O_RDWR | HostFiles.O_CLOEXEC, 0);
                Scratch scratch = new Scratch()) {
            // struct rand_pool_info: bits, bytes, and the bytes themselves.
            long info = scratch.zeroed(2 * Integer.BYTES + bytes.length);
            scratch.putInt(info, bytes.length * Byte.SIZE);
            scratch.putInt(info + Integer.BYTES, bytes.length);
            scratch.putBytes(info + 2 * Integer.BYTES, bytes);
            // NATIVE: int ioctl(int fd, unsigned long request, void *info), linux/random.h.
            Libc.check(Libc.call(Sys.ioctl, random.number(), Abi.RNDADDENTROPY, info), "RNDADDENTROPY", random.name());
            Libc.check(Libc.call(Sys.ioctl, random.number(), Abi.RNDRESEEDCRNG, 0), "RNDRESEEDCRNG", random.name());
        }
    }
}
