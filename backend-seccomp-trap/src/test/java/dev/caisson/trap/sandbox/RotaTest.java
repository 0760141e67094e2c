package dev.caisson.trap.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.trap.sandbox.Rota.Look;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class RotaTest {
    @ParameterizedTest
    @CsvSource({
        // steps, queued calls and descriptors since the last look, whether all are busy: stuck, crowded, a rush
        "0, 0, 0, true, true, false, false",
        "0, 0, 0, false, false, false, false",
        "1, 0, 0, true, false, false, false",
        "40, 0, 7, false, false, false, false",
        "40, 0, 8, false, false, false, true",
        "40, 15, 0, false, false, false, false",
        "40, 16, 0, false, false, true, false",
        "64, 16, 0, true, false, false, false",
        "62, 16, 20, true, false, true, true",
    })
    void decides(
            int steps, int queued, int given, boolean areAllBusy, boolean isStuck, boolean isCrowded, boolean isRush) {
        // Numbers that overflow meanwhile.
        int from = Integer.MAX_VALUE - 5;
        Look last = new Look(from, from, from, false);
        Look look = new Look(from + steps, from + queued, from + given, areAllBusy);
        assertThat(look.isStuckSince(last)).isEqualTo(isStuck);
        assertThat(look.isCrowdedSince(last)).isEqualTo(isCrowded);
        assertThat(look.isRushSince(last)).isEqualTo(isRush);
    }

    @Test
    void anotherTakesThePlaceOfOneThatIsStuck() throws Exception {
        Rota rota = new Rota(2, 2, () -> false);
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch answered = new CountDownLatch(1);
        CompletableFuture<Boolean> first = thread(() -> {
            Rota.Place place = rota.place(0);
            boolean waits = place.await();
            place.begins(7, false);
            begun.countDown();
            answered.await();
            place.ends(true);
            // Two are too many now: returns when there are no more calls.
            return waits && !place.await();
        });
        begun.await();
        Rota.Place second = rota.place(1);
        assertThat(second.await()).isTrue();
        answered.countDown();
        while (rota.active() > 1) {
            Thread.onSpinWait();
        }
        second.end();
        assertThat(first.get()).isTrue();
    }

    @Test
    void anotherJoinsWhenCallsQueueUp() throws Exception {
        Rota rota = new Rota(4, 3, () -> false);
        Rota.Place place = rota.place(0);
        assertThat(place.await()).isTrue();
        // One comes because several call, the other one because their calls queue up.
        CompletableFuture<Boolean> second = thread(() -> rota.place(1).await());
        CompletableFuture<Boolean> third = thread(() -> rota.place(2).await());
        for (int i = 1; rota.active() < 3; i++) {
            place.begins(i % 2 + 1, true);
            place.ends(true);
        }
        assertThat(second.get() && third.get()).isTrue();
    }

    /** It may have been given the processor before this reader came back for more. */
    @Test
    void whoCallsAgainAtOnceIsNoCrowd() {
        Rota rota = new Rota(2, 2, () -> false);
        Rota.Place place = rota.place(0);
        for (int i = 0; i < 100; i++) {
            place.begins(7, true);
            place.ends(true);
        }
        assertThat(rota.look().queued()).isEqualTo(1);
        place.begins(8, true);
        assertThat(rota.look().queued()).isEqualTo(2);
    }

    @Test
    void onlyOneStaysWhenCallsDoNotQueueUp() throws Exception {
        Rota rota = new Rota(2, 2, () -> false);
        Rota.Place place = rota.place(0);
        assertThat(place.await()).isTrue();
        CompletableFuture<Boolean> second = thread(() -> {
            boolean waits = true;
            while (waits) {
                waits = rota.place(1).await();
                if (waits) {
                    rota.place(1).begins(7, false);
                    rota.place(1).ends(true);
                }
            }
            return true;
        });
        for (int i = 1; rota.active() < 2; i++) {
            place.begins(i % 2 + 7, true);
            place.ends(true);
        }
        while (rota.active() > 1) {
            Thread.onSpinWait();
        }
        place.end();
        assertThat(second.get()).isTrue();
    }

    /** As long as nobody has received a call, a signal makes it fail. */
    @Test
    void twoWaitWhenSeveralThreadsCall() throws Exception {
        Rota rota = new Rota(3, 1, () -> false);
        Rota.Place place = rota.place(0);
        assertThat(place.await()).isTrue();
        CompletableFuture<Boolean> second = thread(() -> rota.place(1).await());
        for (int i = 1; rota.active() < 2; i++) {
            place.begins(i % 2 + 1, false);
            place.ends(true);
        }
        assertThat(second.get()).isTrue();
        // Nobody else comes, and none of them leaves.
        for (int i = 0; i < 10_000; i++) {
            place.begins(i % 2 + 1, false);
            place.ends(true);
            assertThat(place.await()).isTrue();
        }
        assertThat(rota.active()).isEqualTo(2);
    }

    /** Nobody looks while nobody calls, and the first call wakes who looks. */
    @Test
    void aCallAfterALongTimeIsNotMissed() throws Exception {
        Rota rota = new Rota(2, 2, () -> false);
        Rota.Place place = rota.place(0);
        assertThat(place.await()).isTrue();
        CompletableFuture<Boolean> second = thread(() -> rota.place(1).await());
        while (!rota.isWatchAsleep()) {
            Thread.onSpinWait();
        }
        place.begins(7, false);
        assertThat(second.get()).isTrue();
    }

    /** Where a reader runs, of which the test is told. */
    private static final class SeenStay implements Rota.Stay {
        private volatile boolean stays;
        private final AtomicInteger times = new AtomicInteger();

        @Override
        public boolean stay() {
            assertThat(stays).isFalse();
            stays = true;
            times.incrementAndGet();
            return true;
        }

        @Override
        public void leave() {
            assertThat(stays).isTrue();
            stays = false;
        }

        @Override
        public void close() {
            assertThat(stays).isFalse();
        }
    }

    /** A reader that answers, and one that looks after it. */
    private static final class Served {
        private final Rota.Place place;
        private final SeenStay stay = new SeenStay();
        private final CompletableFuture<Boolean> second;

        Served(BooleanSupplier mayStay) {
            Rota rota = new Rota(2, 2, mayStay);
            place = rota.place(0);
            place.take(stay);
            assertThat(place.await()).isTrue();
            second = standBy(rota.place(1));
        }

        /** One thread calls, and sleeps until it is answered. */
        void call(boolean isOpen) {
            place.begins(7, false);
            place.ends(isOpen);
        }

        void end() throws Exception {
            place.end();
            assertThat(second.get()).isFalse();
        }
    }

    @Test
    void aReaderStaysWhileOneCallsInARush() throws Exception {
        Served served = new Served(() -> true);
        // It is seen anew again and again where the caller is.
        while (served.stay.times.get() < 3) {
            served.call(true);
        }
        while (!served.stay.stays) {
            served.call(true);
        }
        served.place.begins(8, false);
        assertThat(served.stay.stays).isFalse();
        served.place.ends(true);
        served.end();
    }

    @Test
    void whoStaysGoesWhenNoMoreCallsCome() throws Exception {
        Served served = new Served(() -> true);
        while (!served.stay.stays) {
            served.call(true);
        }
        while (served.stay.stays) {
            Thread.onSpinWait();
        }
        served.end();
    }

    /** Those who are answered without a descriptor are woken where they shall be. */
    @Test
    void nobodyStaysForOtherCalls() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        Served served = new Served(() -> asked.incrementAndGet() > 0);
        for (int i = 0; i < 100_000; i++) {
            served.call(false);
        }
        served.end();
        assertThat(asked.get()).isZero();
    }

    /** One that did not sleep may be anywhere; the caller is brought to it first. */
    @Test
    void onlyWhoWasWokenByItsCallerStays() throws Exception {
        Served served = new Served(() -> true);
        while (!served.place.begins(7, true)) {
            served.place.ends(true);
        }
        served.place.ends(true);
        assertThat(served.stay.times.get()).isZero();
        served.end();
    }

    @Test
    void nobodyStaysWhereThatIsNotAllowed() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        Served served = new Served(() -> asked.incrementAndGet() < 0);
        while (asked.get() == 0) {
            served.call(true);
        }
        for (int i = 0; i < 10_000; i++) {
            served.call(true);
        }
        assertThat(served.stay.times.get()).isZero();
        served.end();
    }

    private interface Body {
        boolean run() throws Exception;
    }

    /** Comes whenever it is needed, as when this test's thread is held up for a moment, and goes again. */
    private static CompletableFuture<Boolean> standBy(Rota.Place place) {
        return thread(() -> {
            while (place.await()) {
                Thread.onSpinWait();
            }
            return false;
        });
    }

    private static CompletableFuture<Boolean> thread(Body body) {
        CompletableFuture<Boolean> result = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            try {
                result.complete(body.run());
            } catch (Exception | Error e) {
                result.completeExceptionally(e);
            }
        });
        return result;
    }
}
