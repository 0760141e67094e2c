package dev.caisson.shim.task;

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

    private void drain() {
        while (true) {
            Runnable next;
            synchronized (queue) {
                next = queue.poll();
                if (next == null) {
                    running = false;
                    return;
                }
            }
            next.run();
        }
    }
}
