package dev.caisson.ttrpc;

import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** One daemon thread for all deadlines of the process; it exists only while deadlines are pending. */
final class DeadlineTimer {
    private static final long IDLE_SECONDS = 10;
    private static final int PURGE_EVERY = 1024;
    private static final AtomicInteger SCHEDULED = new AtomicInteger();
    private static final ScheduledThreadPoolExecutor TIMER = create();

    private DeadlineTimer() {}

    private static ScheduledThreadPoolExecutor create() {
        ScheduledThreadPoolExecutor timer = new Timer(task -> {
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

    /** Forgets all that were cancelled with the first of them whose time comes: a process that has become idle is not woken once for each call that it ever answered. */
    private static final class Timer extends ScheduledThreadPoolExecutor {
        Timer(ThreadFactory threads) {
            super(1, threads);
        }

        @Override
        protected void afterExecute(Runnable task, @Nullable Throwable failure) {
            super.afterExecute(task, failure);
            if (task instanceof Future<?> future && future.isCancelled()) {
                purge();
            }
        }
    }

    /** How many there are, with what is left of cancelled ones. */
    static int left() {
        return TIMER.getQueue().size();
    }

    /**
     * Runs a task that does not block, after a delay. Cancelling the result forgets the task at once; what is left of it goes when its
     * time or that of another cancelled one comes, or many others have been scheduled.
     */
    static Future<?> schedule(Runnable task, long nanos) {
        if (SCHEDULED.incrementAndGet() % PURGE_EVERY == 0) {
            TIMER.purge();
        }
        return TIMER.schedule(task, nanos, TimeUnit.NANOSECONDS);
    }
}
