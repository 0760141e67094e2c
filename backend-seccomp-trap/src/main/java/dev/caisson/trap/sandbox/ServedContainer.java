package dev.caisson.trap.sandbox;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import dev.caisson.trap.dispatch.Dispatcher;
import dev.caisson.trap.dispatch.HandedOver;
import dev.caisson.trap.dispatch.Nr;
import dev.caisson.trap.egress.ContainerEgress;
import dev.caisson.trap.filter.Tier;
import dev.caisson.trap.limits.OwnShare;
import dev.caisson.trap.limits.SandboxMemory;
import dev.caisson.trap.mounts.MountRequest;
import dev.caisson.trap.mounts.Mounts;
import dev.caisson.trap.policy.ContainerPolicy;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One container of the pod: hears from its guard's pipe what to serve, and starts threads that answer. What its threads see is the container's
 * alone: root, namespaces, callers, limits. One thread runs it, until the guard has ended.
 */
final class ServedContainer implements Runnable {
    /** Where a plan has its notes and its gate. */
    private static final int GUARDS_NOTES = 3;

    private static final int GUARDS_GATE = 4;
    private static final int NOTE_SIZE = 16;
    private static final int NOTE_SAID = 1;
    private static final int O_RDWR_CLOEXEC = 0x80002;
    /** One more than may run at once, so that a call is received while the others are being answered; {@link Rota} says how many wait for one. */
    private static final int READERS = Math.max(2, Runtime.getRuntime().availableProcessors()) + 1;

    private static final int EXEC_READERS = 2;
    /** struct utsname: six texts of 65 bytes, of which the third is the release. */
    private static final int UTSNAME_SIZE = 6 * 65;

    private static final int UTSNAME_RELEASE = 2 * 65;
    private static final long LISTENER_NANOS = 10_000_000_000L;
    private static final long LISTENER_LOOK_NANOS = 100_000;

    private final int guard;
    private final int hostProc;
    private final Dispatcher dispatcher;
    private final HandedOver handedOver;
    private final SandboxMemory memory;
    private final OwnShare share;
    private final IntConsumer adopt;
    private final Runnable onEnd;
    private final KernelCalls kernel = new KernelCalls();
    private final ContainerPolicy policy = new ContainerPolicy();
    private @Nullable ContainerEgress egress;
    private @Nullable ContainerEntry entry;

    /**
     * @param guard host pid of the container's guard
     * @param hostProc a descriptor of the host's /proc
     * @param handedOver of all containers of the pod
     * @param memory of this process, for all of them
     * @param share of this process
     * @param adopt called for another container of the pod
     * @param onEnd called when this one has ended
     */
    ServedContainer(
            int guard,
            int hostProc,
            Dispatcher dispatcher,
            HandedOver handedOver,
            SandboxMemory memory,
            OwnShare share,
            IntConsumer adopt,
            Runnable onEnd) {
        this.guard = guard;
        this.hostProc = hostProc;
        this.dispatcher = dispatcher;
        this.handedOver = handedOver;
        this.memory = memory;
        this.share = share;
        this.adopt = adopt;
        this.onEnd = onEnd;
    }

    @Override
    public void run() {
        long pidfd = kernel.call(Nr.pidfd_open, guard, 0);
        long notes = kernel.call(Nr.pidfd_getfd, pidfd, GUARDS_NOTES, 0);
        long gate = kernel.call(Nr.pidfd_getfd, pidfd, GUARDS_GATE, 0);
        long commands = writable(gate);
        kernel.call(Nr.close, gate);
        try (ControlPipe pipe = new ControlPipe((int) commands, (int) pidfd)) {
            if (commands < 0 || notes < 0) {
                throw new IOException("take pipes of guard " + guard + ": errno " + -Math.min(commands, notes));
            }
            Control control = pipe.next();
            while (control != null) {
                if (control instanceof Control.Adopt another) {
                    adopt.accept(another.guard());
                } else if (control instanceof Control.Trace trace) {
                    if (entry != null) {
                        Watcher.begin(trace, entry.view().tracers());
                    }
                } else if (control instanceof Control.Recording asked) {
                    Watcher.record(asked.watcher(), policy);
                } else if (control instanceof Control.Policy given) {
                    GivenPolicy.take(kernel, given, policy);
                } else if (control instanceof Control.Egress given) {
                    egress = GivenPolicy.take(kernel, given);
                } else if (control instanceof Control.Serve process) {
                    long result = serve(process);
                    if (process.isInit()) {
                        say(notes, result);
                    }
                }
                control = pipe.next();
            }
        } catch (IOException | RuntimeException e) {
            // Its guard sees no answer, and the daemon ends the container.
            System.err.println("container of guard " + guard + ": " + e);
        } finally {
            kernel.call(Nr.close, pidfd);
            kernel.call(Nr.close, notes);
            kernel.call(Nr.close, commands);
            if (egress != null) {
                egress.close();
            }
            if (entry != null) {
                entry.close(kernel);
            }
            onEnd.run();
        }
    }

    /** The pipe, in a way that it does not end when the writer of the moment does: daemons and commands come and go. */
    private long writable(long gate) {
        if (gate < 0) {
            return gate;
        }
        try (NativeMemory path = new NativeMemory(64)) {
            path.putString(0, "self/fd/" + gate);
            return kernel.call(Nr.openat, hostProc, path.address(), O_RDWR_CLOEXEC);
        }
    }

    private void say(long notes, long value) throws IOException {
        try (NativeMemory note = new NativeMemory(NOTE_SIZE)) {
            note.putInt(0, NOTE_SAID);
            note.putInt(4, Control.NOTE_SERVING);
            note.putLong(8, value);
            long written = kernel.call(Nr.write, notes, note.address(), NOTE_SIZE);
            if (written != NOTE_SIZE) {
                throw new IOException("write note: " + written);
            }
        }
    }

    /** Serves a process; 0, or a negative errno. */
    private long serve(Control.Serve process) {
        long pidfd = kernel.call(Nr.pidfd_open, process.pid(), 0);
        if (pidfd < 0) {
            return pidfd;
        }
        long listener = listener(process, pidfd);
        if (process.isInit() && listener >= 0 && entry == null) {
            entry = new ContainerEntry(
                    hostProc,
                    (int) pidfd,
                    process.pid(),
                    process.tier() == Tier.STRICT,
                    policy,
                    egress,
                    handedOver,
                    memory,
                    mounts());
        } else {
            kernel.call(Nr.close, pidfd);
        }
        if (listener < 0) {
            return listener;
        }
        ContainerEntry container = entry;
        if (container == null) {
            kernel.call(Nr.close, listener);
            return -Errno.EINVAL.number();
        }
        container.enters(kernel, process.pid());
        if (process.isInit()) {
            resolveNames(container);
        }
        return start(container, (int) listener, process.isInit());
    }

    /** Only the guard of a container that may mount has the socket. */
    private @Nullable Mounts mounts() {
        long pidfd = kernel.call(Nr.pidfd_open, guard, 0);
        long socket = kernel.call(Nr.pidfd_getfd, pidfd, MountRequest.FD, 0);
        kernel.call(Nr.close, pidfd);
        return socket < 0 ? null : new Mounts(kernel, (int) socket);
    }

    private void resolveNames(ContainerEntry container) {
        Runnable resolver = egress == null ? null : egress.resolver();
        if (resolver != null) {
            Thread.ofPlatform().daemon().name("names-" + guard).start(() -> {
                if (container.enter(new KernelCalls()) == 0) {
                    resolver.run();
                }
            });
        }
    }

    /** In the strict tier its number is told just before it is there, since nothing can be said afterwards. */
    private long listener(Control.Serve process, long pidfd) {
        long giveUp = System.nanoTime() + LISTENER_NANOS;
        long listener;
        do {
            listener = kernel.call(Nr.pidfd_getfd, pidfd, process.listener(), 0);
            if (listener != -Errno.EBADF.number() || process.tier() != Tier.STRICT) {
                return listener;
            }
            LockSupport.parkNanos(LISTENER_LOOK_NANOS);
        } while (System.nanoTime() < giveUp);
        return listener;
    }

    /** Whether who receives calls is told when nobody is left to make one. (Linux 6.11.) */
    private boolean kernelEndsWaiting() {
        try (NativeMemory name = new NativeMemory(UTSNAME_SIZE)) {
            if (kernel.call(Nr.uname, name.address()) != 0) {
                return false;
            }
            String release = new String(name.getBytes(UTSNAME_RELEASE, 64), StandardCharsets.US_ASCII);
            String[] parts = release.split("[^0-9]+", 3);
            int major = Integer.parseInt(parts[0]);
            return major > 6 || (major == 6 && Integer.parseInt(parts[1]) >= 11);
        } catch (NumberFormatException | IndexOutOfBoundsException e) {
            return false;
        }
    }

    private long start(ContainerEntry container, int listener, boolean isInit) {
        int readers = isInit ? READERS : EXEC_READERS;
        Rota rota = new Rota(readers, Runtime.getRuntime().availableProcessors(), share::isThere);
        BlockingQueue<Long> started = new LinkedBlockingQueue<>();
        AtomicInteger using = new AtomicInteger(readers);
        Runnable left = () -> {
            if (using.decrementAndGet() == 0) {
                kernel.call(Nr.close, listener);
            }
        };
        Lock turns = isInit || kernelEndsWaiting() ? null : new ReentrantLock();
        for (int i = 0; i < readers; i++) {
            Thread.ofPlatform()
                    .daemon()
                    .name("reader-" + listener + "-" + i)
                    .start(new Reader(container, listener, dispatcher, started, left, rota.place(i), turns));
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
}
