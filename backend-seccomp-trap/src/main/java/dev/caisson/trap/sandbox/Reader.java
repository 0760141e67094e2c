package dev.caisson.trap.sandbox;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.SeccompListener;
import dev.caisson.trap.dispatch.Dispatcher;
import dev.caisson.trap.dispatch.GuestCall;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.locks.Lock;
import org.jspecify.annotations.Nullable;

/** One thread that receives calls and answers them itself: handing one to another thread would cost more than most answers. */
final class Reader implements Runnable {
    private static final long ABANDONED = -Errno.ENOENT.number();
    /** Who slept until a call came took longer. */
    private static final long QUEUED_NANOS = 1_000;

    private final ContainerEntry container;
    private final int listenerFd;
    private final Dispatcher dispatcher;
    private final BlockingQueue<Long> started;
    private final Runnable left;
    private final Rota.Place place;
    private final @Nullable Lock turns;

    /**
     * @param started gets 0 when this thread is where it has to be, or a negative errno
     * @param left called when this thread will not use the listener any more
     * @param place says when this reader is to wait for calls
     * @param turns where the kernel does not end a receiver's waiting with the last task (before Linux 6.11): the listener's readers wait one
     *     at a time, in poll(2)
     */
    Reader(
            ContainerEntry container,
            int listenerFd,
            Dispatcher dispatcher,
            BlockingQueue<Long> started,
            Runnable left,
            Rota.Place place,
            @Nullable Lock turns) {
        this.container = container;
        this.listenerFd = listenerFd;
        this.dispatcher = dispatcher;
        this.started = started;
        this.left = left;
        this.place = place;
        this.turns = turns;
    }

    @Override
    public void run() {
        KernelCalls kernel = new KernelCalls();
        try {
            long entered = container.enter(kernel);
            if (entered == 0) {
                answer(kernel);
            } else {
                started.add(entered);
            }
        } finally {
            place.end();
            left.run();
        }
    }

    /** Waits where the end of the last task is told; only who then takes a call at once may. */
    private static long receiveInTurn(Lock turns, SeccompListener listener) {
        turns.lock();
        try {
            return listener.awaitCall() ? listener.receive() : ABANDONED;
        } finally {
            turns.unlock();
        }
    }

    private void answer(KernelCalls kernel) {
        try (SeccompListener listener = new SeccompListener(kernel, listenerFd);
                GuestCall call = new GuestCall(kernel, listener, container.view())) {
            listener.wakeSynchronously();
            place.take(new CallersProcessor(kernel));
            started.add(0L);
            while (place.await()) {
                long asked = System.nanoTime();
                long received = turns == null ? listener.receive() : receiveInTurn(turns, listener);
                if (received == 0) {
                    long now = System.nanoTime();
                    call.bringCaller(place.begins(listener.tid(), now - asked < QUEUED_NANOS));
                    dispatcher.answer(call, now);
                    place.ends(call.isHandOver());
                } else if (received != -Errno.EINTR.number()
                        && (received != -Errno.ENOENT.number() || listener.isAbandoned())) {
                    // Nobody is left who could make a call. (ENOENT alone: one was killed before its call was
                    // received.)
                    return;
                }
            }
        }
    }
}
