package dev.caisson.agent;

import dev.caisson.linux.Clock;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.Mapping;

/**
 * Sets this machine's clock by the host's, which the machine shows in its memory ({@code dev.caisson.kvm.device.TimeDevice}): between two looks at the own clock
 * lies one look at the host's, and so much as those are apart the clock can be wrong afterwards, half of it at most.
 */
final class MachineClock {
    /** {@code dev.caisson.kvm.x86.Layout}. */
    private static final long PLACE = 0xd001_4000L;

    private static final int SIZE = 0x1000;
    private static final int TRIES = 40;
    private static final long CLOSE_NANOS = 50_000;

    private MachineClock() {}

    /** Sets it; a machine that does not show the host's leaves it as it is. */
    static void set() throws ErrnoException {
        try (Fd memory = HostFiles.open("/dev/mem", HostFiles.O_RDONLY | HostFiles.O_CLOEXEC, 0);
                Mapping page = Mapping.readOnly(memory, PLACE, SIZE)) {
            long closest = Long.MAX_VALUE;
            long behind = 0;
            for (int i = 0; i < TRIES && closest > CLOSE_NANOS; i++) {
                long begin = Identity.wallClock();
                long host = page.getLong(0);
                long end = Identity.wallClock();
                if (host == 0) {
                    return;
                }
                if (end - begin < closest) {
                    closest = end - begin;
                    behind = host - begin - (end - begin) / 2;
                }
            }
            Clock.advance(behind);
        }
    }
}
