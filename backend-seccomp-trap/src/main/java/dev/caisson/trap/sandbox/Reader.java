package dev.caisson.trap.sandbox;

import dev.caisson.linux.Errno;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.SeccompListener;
import dev.caisson.trap.dispatch.Dispatcher;
import dev.caisson.trap.dispatch.GuestCall;
import java.util.concurrent.BlockingQueue;

/** One thread that receives calls and answers them itself: handing one to another thread would cost more than most answers. */
final class Reader implements Runnable {

    private final ContainerEntry container;
    private final int listenerFd;
    private final Dispatcher dispatcher;
    private final BlockingQueue<Long> started;
    private final Runnable left;

    /**
     * @param started gets 0 when this thread is where it has to be, or a negative errno
     * @param left called when this thread will not use the listener any more
     */
    Reader(
            ContainerEntry container,
            int listenerFd,
            Dispatcher dispatcher,
            BlockingQueue<Long> started,
            Runnable left) {
        this.container = container;
        this.listenerFd = listenerFd;
        this.dispatcher = dispatcher;
        this.started = started;
        this.left = left;
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
            left.run();
        }
    }

    private void answer(KernelCalls kernel) {
        try (SeccompListener listener = new SeccompListener(kernel, listenerFd);
                GuestCall call = new GuestCall(kernel, listener, container.view())) {
            listener.wakeSynchronously();
            started.add(0L);
            while (true) {
                long received = listener.receive();
                if (received == 0) {
                    dispatcher.answer(call);
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
