package dev.caisson.kvm.virtio.fs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.virtio.QueueNotifications;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.EventFd;
import dev.caisson.linux.Fd;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class WorkersTest {
    private static final int LIMIT = 3;
    private static final int SOON = 10;

    private final Queue<Consumer<Worker>> requests = new ConcurrentLinkedQueue<>();
    private final BlockingQueue<Thread> heard = new LinkedBlockingQueue<>();
    private final BlockingQueue<Thread> answered = new LinkedBlockingQueue<>();
    private final CompletableFuture<String> failure = new CompletableFuture<>();
    private final CountDownLatch released = new CountDownLatch(1);
    private final BlockingQueue<Thread> held = new LinkedBlockingQueue<>();

    private Workers workers;
    private EventFd kick;

    @BeforeEach
    void begin() throws ErrnoException {
        workers = Workers.create("test", LIMIT);
        kick = EventFd.open("queue");
    }

    @AfterEach
    void end() {
        released.countDown();
        workers.close();
        kick.close();
    }

    /** A queue whose requests are all taken at a notification. */
    private final class TestQueue implements QueueNotifications {
        @Override
        public Fd raised() {
            return kick.fd();
        }

        @Override
        public void process() {
            heard.add(Thread.currentThread());
            for (Consumer<Worker> each = requests.poll(); each != null; each = requests.poll()) {
                workers.submit(each);
            }
        }

        @Override
        public void failed(String why) {
            failure.complete(why);
        }
    }

    private void notify(List<Consumer<Worker>> of) throws ErrnoException {
        requests.addAll(of);
        kick.signal();
    }

    private void answer(Worker worker) {
        answered.add(Thread.currentThread());
    }

    private void hold(Worker worker) {
        held.add(Thread.currentThread());
        try {
            released.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        answer(worker);
    }

    private static Thread next(BlockingQueue<Thread> of) throws InterruptedException {
        Thread thread = of.poll(SOON, TimeUnit.SECONDS);
        assertThat(thread).as("a thread that does it").isNotNull();
        return thread;
    }

    @Test
    void whoHearsOfARequestAnswersIt() throws Exception {
        workers.attend(new TestQueue());
        for (int i = 0; i < 50; i++) {
            notify(List.of(this::answer));
            assertThat(next(answered)).isSameAs(next(heard));
        }
        assertThat(heard).as("each notification wakes one").isEmpty();
    }

    @Test
    void whatComesBesideARequestThatTakesItsTimeIsAnswered() throws Exception {
        workers.attend(new TestQueue());
        notify(List.of(this::hold));
        Thread busy = next(held);
        notify(List.of(this::answer));
        assertThat(next(answered)).isNotSameAs(busy);
    }

    @Test
    void requestsThatComeTogetherAreAnsweredBesideEachOther() throws Exception {
        workers.attend(new TestQueue());
        notify(List.of(this::hold, this::hold, this::hold));
        List<Thread> all = List.of(next(held), next(held), next(held));
        assertThat(all).doesNotHaveDuplicates();
    }

    @Test
    void whatIsTooMuchWaitsForAThread() throws Exception {
        workers.attend(new TestQueue());
        List<Consumer<Worker>> all = new ArrayList<>();
        for (int i = 0; i < LIMIT; i++) {
            all.add(this::hold);
        }
        all.add(this::answer);
        notify(all);
        for (int i = 0; i < LIMIT; i++) {
            next(held);
        }
        assertThat(answered).isEmpty();
        released.countDown();
        for (int i = 0; i <= LIMIT; i++) {
            next(answered);
        }
        assertThat(failure).isNotDone();
    }

    @Test
    void workWithoutANotificationIsDone() throws Exception {
        workers.submit(this::answer);
        next(answered);
        workers.attend(new TestQueue());
        workers.submit(this::answer);
        next(answered);
    }

    @Test
    void aDefectIsSaid() throws Exception {
        workers.attend(new TestQueue());
        notify(List.of(worker -> {
            throw new IllegalStateException("broken");
        }));
        assertThat(failure.get(SOON, TimeUnit.SECONDS)).contains("broken");
    }

    @Test
    void itsEndIsTheThreads() throws Exception {
        workers.attend(new TestQueue());
        notify(List.of(this::answer));
        Thread one = next(answered);
        workers.close();
        assertThat(one.isAlive()).isFalse();
        workers.submit(this::answer);
        assertThat(answered).isEmpty();
    }
}
