package dev.caisson.ttrpc;

import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** One daemon thread for all deadlines of the process; it exists only while deadlines are pending. */
final class DeadlineTimer {
    private static final long IDLE_SECONDS = 10;
    private static final int PURGE_EVERY = 1024;
    private static final AtomicInteger SCHEDULED = new AtomicInteger();
    private static final ScheduledThreadPoolExecutor TIMER = create();

    private DeadlineTimer() {}

    private static ScheduledThreadPoolExecutor create() {
        ScheduledThreadPoolExecutor timer = new ScheduledThreadPoolExecutor(1, task -> {
            Thread thread = new Thread(task, "ttrpc-deadlines");
            thread.setDaemon(true);
            return thread;
        });
        // Or the thread, whose next time has gone, would have to be woken for each new one.
        timer.setRemoveOnCancelPolicy(false);
        timer.setKeepAliveTime(IDLE_SECONDS, TimeUnit.SECONDS);
        timer.allowCoreThreadTimeOut(true);
        return timer;
    }

    /**
     * Runs a task that does not block, after a delay. Cancelling the result forgets the task at once; what is left of it goes when its
     * time comes or many others have been scheduled.
     */
    static Future<?> schedule(Runnable task, long nanos) {
        if (SCHEDULED.incrementAndGet() % PURGE_EVERY == 0) {
            TIMER.purge();
        }
        return TIMER.schedule(task, nanos, TimeUnit.NANOSECONDS);
    }
}
