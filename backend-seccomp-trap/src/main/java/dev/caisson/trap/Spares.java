package dev.caisson.trap;

import dev.caisson.backend.ContainerFault;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A warm sandbox process, so that no pod but the first waits for a virtual machine to start. There is none before the first container of this wall
 * was asked for, and one at most; the next one is started when no container has been made for a moment. Thread-safe.
 */
final class Spares {
    /** Starting one takes a tenth of a second of one processor, which whoever makes containers one after the other would miss. */
    private static final long QUIET_NANOS = TimeUnit.MILLISECONDS.toNanos(60);

    private @Nullable SandboxProcess spare;
    private boolean isReplacing;
    private boolean isHooked;
    private long lastTaken;

    /** Takes the spare, or starts one that has to be waited for. */
    SandboxProcess take() throws ContainerFault {
        SandboxProcess taken;
        synchronized (this) {
            taken = spare;
            spare = null;
            lastTaken = System.nanoTime();
            if (!isReplacing && !SandboxProcess.isRecorded()) {
                isReplacing = true;
                Thread.ofVirtual().name("spare").start(this::replace);
            }
        }
        return taken != null && taken.isAlive() ? taken : SandboxProcess.start();
    }

    private void replace() {
        try {
            long quiet;
            while ((quiet = QUIET_NANOS - sinceTaken()) > 0) {
                TimeUnit.NANOSECONDS.sleep(quiet);
            }
            SandboxProcess fresh = SandboxProcess.start();
            synchronized (this) {
                spare = fresh;
                isReplacing = false;
                if (!isHooked) {
                    isHooked = true;
                    Runtime.getRuntime()
                            .addShutdownHook(
                                    Thread.ofPlatform().name("end-spare").unstarted(this::end));
                }
            }
        } catch (ContainerFault e) {
            // Whoever needs one next is told.
            System.getLogger(Spares.class.getName()).log(System.Logger.Level.DEBUG, e.getMessage());
            ended();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            ended();
        }
    }

    /** It would end by itself, but leave its cgroup. */
    private synchronized void end() {
        if (spare != null) {
            spare.end();
            spare = null;
        }
    }

    private synchronized void ended() {
        isReplacing = false;
    }

    private synchronized long sinceTaken() {
        return System.nanoTime() - lastTaken;
    }
}
