package dev.caisson.kvm;

import dev.caisson.backend.ContainerFault;
import dev.caisson.kvm.guest.GuestAgent;
import java.lang.System.Logger.Level;
import java.time.Duration;

/**
 * Hears from a guest, as it happens, how many of a container's processes were killed for lack of memory. It begins a moment after the container: one that lives
 * for less than that should not pay for it.
 */
final class OomWatch {
    private static final System.Logger LOG = System.getLogger(OomWatch.class.getName());
    private static final Duration DELAY = Duration.ofSeconds(1);

    private volatile long kills;
    private volatile boolean hears;
    private volatile boolean ended;

    /** How many it has heard of. */
    long kills() {
        return kills;
    }

    /** Whether it would hear of another one. */
    boolean hears() {
        return hears;
    }

    /** @param onOom called after each that it hears of */
    void begin(GuestAgent agent, String id, Runnable onOom) {
        Thread.ofVirtual().name("oom-watch").start(() -> watch(agent, id, onOom));
    }

    private void watch(GuestAgent agent, String id, Runnable onOom) {
        try {
            Thread.sleep(DELAY);
            while (!ended) {
                hears = true;
                long now = agent.awaitOom(id, kills);
                if (now <= kills) {
                    return; // it has ended
                }
                kills = now;
                onOom.run();
            }
        } catch (ContainerFault e) {
            LOG.log(Level.DEBUG, e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            hears = false;
        }
    }

    /** Nobody wants to hear any more. */
    void end() {
        ended = true;
    }
}
