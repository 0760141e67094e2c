package dev.caisson.ttrpc;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class DeadlineTimerTest {
    private static final int MANY = 100;

    private static long millis(long number) {
        return TimeUnit.MILLISECONDS.toNanos(number);
    }

    /** Another test's may be among them, of which nothing is known here. */
    @Test
    void cancelledOnesGoWithTheFirstWhoseTimeComes() throws InterruptedException {
        int before = DeadlineTimer.left();
        CountDownLatch kept = new CountDownLatch(1);
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < MANY; i++) {
            all.add(DeadlineTimer.schedule(() -> {}, TimeUnit.HOURS.toNanos(1)));
        }
        all.add(DeadlineTimer.schedule(() -> {}, millis(200)));
        var _ = DeadlineTimer.schedule(kept::countDown, millis(400));
        assertThat(DeadlineTimer.left()).isGreaterThan(MANY);
        all.forEach(each -> each.cancel(false));
        kept.await();
        assertThat(DeadlineTimer.left()).isLessThanOrEqualTo(before);
    }

    @Test
    void whatWasNotCancelledRuns() throws InterruptedException {
        CountDownLatch late = new CountDownLatch(1);
        Future<?> cancelled = DeadlineTimer.schedule(() -> {}, millis(1));
        var _ = DeadlineTimer.schedule(late::countDown, millis(50));
        cancelled.cancel(false);
        assertThat(late.await(10, TimeUnit.SECONDS)).isTrue();
    }
}
