package dev.caisson.linux;

/** Whether, and how far, this kernel has Landlock (landlock(7)). */
public final class Landlock {
    private static final int VERSION = 1; // LANDLOCK_CREATE_RULESET_VERSION, linux/landlock.h

    private Landlock() {}

    /** The kernel's version of the interface, from 1; 0 without Landlock, as built or as booted. */
    public static int abi() {
        // NATIVE: int landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), linux/landlock.h, since 5.13.
        // ENOSYS
        // or EOPNOTSUPP without; no other effect.
        long abi = Libc.call(Sys.landlock_create_ruleset, 0, 0, VERSION);
        return abi < 0 ? 0 : (int) abi;
    }
}
