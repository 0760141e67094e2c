package dev.caisson.shim.task;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Queue;
import java.util.concurrent.Executor;

/** Runs what it is given one after the other on a virtual thread that exists only while there is work. */
final class SerialExecutor implements Executor {
    private final Queue<Runnable> queue = new ArrayDeque<>();
    private boolean running;

    @Override
    public void execute(Runnable work) {
        synchronized (queue) {
            queue.add(work);
            if (running) {
                return;
            }
            running = true;
        }
        Thread.ofVirtual().start(this::drain);
    }

    /** Waits until everything that was given is done, or the time is over. Not called by what runs here. */
    void settle(Duration timeout) throws InterruptedException {
        long end = System.nanoTime() + timeout.toNanos();
        synchronized (queue) {
            while (running) {
                long millis = (end - System.nanoTime()) / 1_000_000;
                if (millis <= 0) {
                    return;
                }
                queue.wait(millis);
            }
        }
    }

    private void drain() {
        while (true) {
            Runnable next;
            synchronized (queue) {
                next = queue.poll();
                if (next == null) {
                    running = false;
                    queue.notifyAll();
                    return;
                }
            }
            next.run();
        }
    }
}
