package dev.caisson.agent;

import dev.caisson.linux.Clock;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.direct.Mapping;
import org.jspecify.annotations.Nullable;

/**
 * Sets this machine's clock by the host's, which the machine shows in its memory ({@code dev.caisson.kvm.device.TimeDevice}): between two looks at the own clock
 * lies one look at the host's, and so much as those are apart the clock can be wrong afterwards, half of it at most.
 */
final class MachineClock {
    /** {@code dev.caisson.kvm.x86.Layout}. */
    private static final long PLACE = 0xd001_4000L;

    private static final int SIZE = 0x1000;
    private static final int TRIES = 40;
    private static final int ROUNDS = 4;
    private static final long CLOSE_NANOS = 50_000;

    private MachineClock() {}

    /**
     * By how much the machine's clock is behind the host's.
     *
     * @param bound by how much that may be wrong: half of the time that the look took
     */
    record Difference(long behind, long bound) {}

    /**
     * Sets it; a machine that does not show the host's leaves it as it is.
     *
     * @return what is left of the difference; null when the host's clock is not shown
     */
    static @Nullable Difference set() throws ErrnoException {
        try (Fd memory = HostFiles.open("/dev/mem", HostFiles.O_RDONLY | HostFiles.O_CLOEXEC, 0);
                Mapping page = Mapping.readOnly(memory, PLACE, SIZE)) {
            Difference left = look(page);
            // A look may have taken long, on a host that is busy; the next one shows what it was worth.
            for (int i = 0; left != null && i < ROUNDS && (i == 0 || Math.abs(left.behind()) > left.bound()); i++) {
                Clock.advance(left.behind());
                left = look(page);
            }
            return left;
        }
    }

    /** The closest of some looks. */
    private static @Nullable Difference look(Mapping page) {
        Difference closest = null;
        for (int i = 0; i < TRIES && (closest == null || closest.bound() > CLOSE_NANOS / 2); i++) {
            long begin = Identity.wallClock();
            long host = page.getLong(0);
            long bound = (Identity.wallClock() - begin) / 2;
            if (host == 0) {
                return null;
            }
            if (closest == null || bound < closest.bound()) {
                closest = new Difference(host - begin - bound, bound);
            }
        }
        return closest;
    }
}
