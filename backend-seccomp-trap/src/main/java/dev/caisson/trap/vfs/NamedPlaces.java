package dev.caisson.trap.vfs;

import dev.caisson.trap.dispatch.GuestCall;
import dev.caisson.trap.dispatch.Nr;

/** Opens what a path of the guest's leads to, for calls that work on the place itself. */
final class NamedPlaces {
    private static final int F_DUPFD_CLOEXEC = 1030;

    private NamedPlaces() {}

    /**
     * Walks a path from the caller's working directory, with the caller's rights.
     *
     * @param pathIndex which argument it is
     * @return a descriptor opened with O_PATH, which the kernel has to close; or a negative errno
     */
    static long open(GuestCall c, int pathIndex, boolean follow) {
        Names.Below below = follow ? Names.Below.TARGET : Names.Below.LINK;
        int flags = Names.O_PATH | Names.O_CLOEXEC | (follow ? 0 : Names.O_NOFOLLOW);
        return Names.named(c, Names.NO_DIRECTORY, pathIndex, GuestCall.PATH, below, new Names.Work() {
            @Override
            public long on(long directory, long path, int empty) {
                return empty != 0
                        ? c.kernel().call(Nr.fcntl, directory, F_DUPFD_CLOEXEC, 0)
                        : c.kernel().call(Nr.openat, directory, path, flags);
            }
        });
    }
}
