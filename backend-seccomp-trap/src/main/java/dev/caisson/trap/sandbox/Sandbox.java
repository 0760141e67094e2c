package dev.caisson.trap.sandbox;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.PidFds;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Dispatcher;
import dev.caisson.trap.dispatch.Nr;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/** Takes over what the daemon asks for, and starts threads that answer. Of one thread. */
final class Sandbox {
    private static final System.Logger LOG = System.getLogger(Sandbox.class.getName());
    private static final short POLLIN = 1;
    /** One more than may run at once, so that a call is received while the others are being answered. */
    private static final int READERS = Math.max(2, Runtime.getRuntime().availableProcessors()) + 1;

    private final int hostProc;
    private final Runnable onEnd;
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
        try {
            Fd pidfd = PidFds.open(control.pid());
            if (pidfd == null) {
                return -Errno.ESRCH.number();
            }
            Fd listener = PidFds.getFd(pidfd, control.listener());
            if (control.isInit()) {
                entry = new ContainerEntry(hostProc, pidfd);
                awaitEnd(pidfd);
            }
            ContainerEntry container = entry;
            if (container == null) {
                return -Errno.EINVAL.number();
            }
            return start(container, listener, control.isInit() ? READERS : 2);
        } catch (ErrnoException e) {
            LOG.log(System.Logger.Level.ERROR, "serve process " + control.pid(), e);
            return -e.number();
        }
    }

    private long start(ContainerEntry container, Fd listener, int readers) {
        BlockingQueue<Long> started = new LinkedBlockingQueue<>();
        for (int i = 0; i < readers; i++) {
            Thread.ofPlatform()
                    .daemon()
                    .name("reader-" + listener.number() + "-" + i)
                    .start(new Reader(container, listener.number(), dispatcher, started));
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
    private void awaitEnd(Fd pidfd) {
        Thread.ofPlatform().daemon().name("init-watch").start(() -> {
            try (KernelCalls kernel = new KernelCalls();
                    NativeMemory poll = new NativeMemory(64)) {
                long result;
                do {
                    poll.putInt(0, pidfd.number());
                    poll.putShort(4, POLLIN);
                    result = kernel.call(Nr.poll, poll.address(), 1, -1);
                } while (result == -Errno.EINTR.number());
            }
            onEnd.run();
        });
    }
}
