package dev.caisson.trap.sandbox;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Dispatcher;
import dev.caisson.trap.dispatch.Nr;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Takes over what the daemon asks for, and starts threads that answer. Of one thread. */
final class Sandbox {
    private static final short POLLIN = 1;
    /** One more than may run at once, so that a call is received while the others are being answered. */
    private static final int READERS = Math.max(2, Runtime.getRuntime().availableProcessors()) + 1;

    private final int hostProc;
    private final Runnable onEnd;
    private final KernelCalls kernel = new KernelCalls();
    private final Dispatcher dispatcher = new Dispatcher(Handlers.all());
    private @Nullable ContainerEntry entry;

    /**
     * @param hostProc a descriptor of the host's /proc
     * @param onEnd called when the container has ended
     */
    Sandbox(int hostProc, Runnable onEnd) {
        this.hostProc = hostProc;
        this.onEnd = onEnd;
    }

    /** Serves a process; 0, or a negative errno. */
    long serve(Control control) {
        long pidfd = kernel.call(Nr.pidfd_open, control.pid(), 0);
        if (pidfd < 0) {
            return pidfd;
        }
        long listener = kernel.call(Nr.pidfd_getfd, pidfd, control.listener(), 0);
        if (listener < 0) {
            kernel.call(Nr.close, pidfd);
            return listener;
        }
        if (control.isInit()) {
            entry = new ContainerEntry(hostProc, (int) pidfd);
            awaitEnd((int) pidfd);
        } else {
            kernel.call(Nr.close, pidfd);
        }
        ContainerEntry container = entry;
        if (container == null) {
            return -Errno.EINVAL.number();
        }
        return start(container, (int) listener, control.isInit() ? READERS : 2);
    }

    private long start(ContainerEntry container, int listener, int readers) {
        BlockingQueue<Long> started = new LinkedBlockingQueue<>();
        AtomicInteger using = new AtomicInteger(readers);
        Runnable left = () -> {
            if (using.decrementAndGet() == 0) {
                kernel.call(Nr.close, listener);
            }
        };
        for (int i = 0; i < readers; i++) {
            Thread.ofPlatform()
                    .daemon()
                    .name("reader-" + listener + "-" + i)
                    .start(new Reader(container, listener, dispatcher, started, left));
        }
        long result = 0;
        try {
            for (int i = 0; i < readers; i++) {
                result = Math.min(result, started.take());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return -Errno.EINTR.number();
        }
        return result;
    }

    /** A pidfd is readable once its process has ended, and with an init ends all of its container. */
    private void awaitEnd(int pidfd) {
        Thread.ofPlatform().daemon().name("init-watch").start(() -> {
            try (NativeMemory poll = new NativeMemory(64)) {
                long result;
                do {
                    poll.putInt(0, pidfd);
                    poll.putShort(4, POLLIN);
                    result = kernel.call(Nr.poll, poll.address(), 1, -1);
                } while (result == -Errno.EINTR.number());
            }
            onEnd.run();
        });
    }
}
