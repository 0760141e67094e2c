package dev.caisson.trap.sandbox;

import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.dispatch.Tracers;
import dev.caisson.trap.policy.ContainerPolicy;
import dev.caisson.trap.policy.Recorders;
import java.util.function.IntFunction;

/** Somebody who watches a container: its standard output gets lines until it ends. */
final class Watcher {
    private static final int STDOUT = 1;
    private static final short POLLIN = 1;
    private static final int EINTR = 4;

    private Watcher() {}

    /** Begins to tell of calls; it ends on a thread of its own. */
    static void begin(Control.Trace trace, Tracers tracers) {
        begin(trace.watcher(), out -> {
            Tracers.Tracer tracer = tracers.add(out, trace.filter());
            return () -> tracers.remove(tracer);
        });
    }

    /** Begins to record. */
    static void record(int watcher, ContainerPolicy policy) {
        begin(watcher, out -> {
            Recorders.Recorder recorder = policy.recorders().add(out);
            policy.update();
            return () -> {
                policy.recorders().remove(recorder);
                policy.update();
            };
        });
    }

    /** @param watch begins to write to a descriptor, and gives what ends it */
    private static void begin(int watcher, IntFunction<Runnable> watch) {
        KernelCalls kernel = new KernelCalls();
        long pidfd = kernel.call(Nr.pidfd_open, watcher, 0);
        long out = kernel.call(Nr.pidfd_getfd, pidfd, STDOUT, 0);
        if (out < 0) {
            kernel.call(Nr.close, pidfd);
            return; // it has ended
        }
        Runnable end;
        try {
            end = watch.apply((int) out);
        } catch (IllegalStateException e) {
            kernel.call(Nr.close, pidfd);
            kernel.call(Nr.close, out);
            throw e;
        }
        Thread.ofPlatform().daemon().name("watcher-" + watcher).start(() -> {
            awaitEnd(kernel, pidfd);
            end.run();
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
