package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.dispatch.Tracers;

/** Somebody who watches a container: its standard output gets lines until it ends. */
final class Watcher {
    private static final int STDOUT = 1;
    private static final short POLLIN = 1;
    private static final int EINTR = 4;

    private Watcher() {}

    /** Begins; it ends on a thread of its own. */
    static void begin(Control.Trace trace, Tracers tracers) {
        KernelCalls kernel = new KernelCalls();
        long pidfd = kernel.call(Nr.pidfd_open, trace.watcher(), 0);
        long out = kernel.call(Nr.pidfd_getfd, pidfd, STDOUT, 0);
        if (out < 0) {
            kernel.call(Nr.close, pidfd);
            return; // it has ended
        }
        Tracers.Tracer tracer;
        try {
            tracer = tracers.add((int) out, trace.filter());
        } catch (IllegalStateException e) {
            kernel.call(Nr.close, pidfd);
            kernel.call(Nr.close, out);
            throw e;
        }
        Thread.ofPlatform().daemon().name("watcher-" + trace.watcher()).start(() -> {
            awaitEnd(kernel, pidfd);
            tracers.remove(tracer);
            // Who looked at the list before still writes; then nobody has it.
            try {
                Thread.sleep(100);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
            kernel.call(Nr.close, pidfd);
            kernel.call(Nr.close, out);
        });
    }

    private static void awaitEnd(KernelCalls kernel, long pidfd) {
        try (NativeMemory poll = new NativeMemory(8)) {
            long result;
            do {
                poll.putInt(0, (int) pidfd);
                poll.putInt(4, POLLIN);
                result = kernel.call(Nr.poll, poll.address(), 1, -1);
            } while (result == -EINTR);
        }
    }
}
