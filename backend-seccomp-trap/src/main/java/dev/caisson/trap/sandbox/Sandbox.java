package dev.caisson.trap.sandbox;

import dev.caisson.trap.dispatch.Dispatcher;
import dev.caisson.trap.dispatch.HandedOver;
import dev.caisson.trap.limits.OwnShare;
import dev.caisson.trap.limits.SandboxMemory;

/** The containers that this process answers. Ends with the last one. Thread-safe. */
final class Sandbox {
    private final int hostProc;
    private final Runnable onEnd;
    private final Dispatcher dispatcher = new Dispatcher(Handlers.all());
    private final HandedOver handedOver = new HandedOver();
    private final SandboxMemory memory;
    private final OwnShare share;
    private int containers;

    /**
     * @param hostProc a descriptor of the host's /proc
     * @param onEnd called when the last container has ended
     */
    Sandbox(int hostProc, Runnable onEnd) {
        this.hostProc = hostProc;
        this.onEnd = onEnd;
        memory = new SandboxMemory(hostProc);
        memory.start();
        share = new OwnShare(hostProc);
    }

    /** Makes the first container's first calls as fast as later ones; takes some tenths of a second of one processor, once. */
    void rehearse() {
        Thread.ofPlatform().daemon().name("rehearsal").start(() -> new Rehearsal(dispatcher, hostProc).run());
    }

    /** Takes a container on; what becomes of it its guard is told. */
    synchronized void adopt(int guard) {
        containers++;
        Thread.ofPlatform()
                .daemon()
                .name("container-" + guard)
                .start(new ServedContainer(
                        guard, hostProc, dispatcher, handedOver, memory, share, this::adopt, this::ended));
    }

    private synchronized void ended() {
        containers--;
        if (containers == 0) {
            onEnd.run();
        }
    }
}
