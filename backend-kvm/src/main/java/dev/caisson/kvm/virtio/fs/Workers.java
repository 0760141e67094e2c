package dev.caisson.kvm.virtio.fs;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Consumer;

/** Threads that answer requests: started when there is work that nobody is free for, up to a limit. Any thread. */
final class Workers implements AutoCloseable {
    private final String name;
    private final int limit;
    private final Deque<Consumer<Worker>> work = new ArrayDeque<>();
    private int threads;
    private int idle;
    private boolean closed;

    Workers(String name, int limit) {
        this.name = name;
        this.limit = limit;
    }

    synchronized void submit(Consumer<Worker> task) {
        if (closed) {
            return;
        }
        work.add(task);
        if (work.size() > idle && threads < limit) {
            threads++;
            Thread.ofPlatform().daemon().name(name + "-" + threads).start(this::run);
        }
        notify();
    }

    private void run() {
        try (Worker worker = new Worker()) {
            while (true) {
                Consumer<Worker> task;
                synchronized (this) {
                    idle++;
                    while (work.isEmpty() && !closed) {
                        wait();
                    }
                    idle--;
                    if (closed) {
                        return;
                    }
                    task = work.remove();
                }
                task.accept(worker);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** What was not begun is not done. */
    @Override
    public synchronized void close() {
        closed = true;
        work.clear();
        notifyAll();
    }
}
