package dev.caisson.trap.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.trap.sandbox.Rota.Look;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(60)
class RotaTest {
    @ParameterizedTest
    @CsvSource({
        // steps and queued calls since the last look, whether all are busy: stuck, crowded
        "0, 0, true, true, false",
        "0, 0, false, false, false",
        "1, 0, true, false, false",
        "40, 15, false, false, false",
        "40, 16, false, false, true",
        "64, 16, true, false, false",
        "62, 16, true, false, true",
    })
    void decides(int steps, int queued, boolean areAllBusy, boolean isStuck, boolean isCrowded) {
        // Numbers that overflow meanwhile.
        int from = Integer.MAX_VALUE - 5;
        Look last = new Look(from, from, false);
        Look look = new Look(from + steps, from + queued, areAllBusy);
        assertThat(look.isStuckSince(last)).isEqualTo(isStuck);
        assertThat(look.isCrowdedSince(last)).isEqualTo(isCrowded);
    }

    @Test
    void anotherTakesThePlaceOfOneThatIsStuck() throws Exception {
        Rota rota = new Rota(2, 2);
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch answered = new CountDownLatch(1);
        CompletableFuture<Boolean> first = thread(() -> {
            Rota.Place place = rota.place(0);
            boolean waits = place.await();
            place.begins(7, false);
            begun.countDown();
            answered.await();
            place.ends();
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
        Rota rota = new Rota(4, 3);
        Rota.Place place = rota.place(0);
        assertThat(place.await()).isTrue();
        // One comes because several call, the other one because their calls queue up.
        CompletableFuture<Boolean> second = thread(() -> rota.place(1).await());
        CompletableFuture<Boolean> third = thread(() -> rota.place(2).await());
        for (int i = 1; rota.active() < 3; i++) {
            place.begins(i % 2 + 1, true);
            place.ends();
        }
        assertThat(second.get() && third.get()).isTrue();
    }

    /** It may have been given the processor before this reader came back for more. */
    @Test
    void whoCallsAgainAtOnceIsNoCrowd() {
        Rota rota = new Rota(2, 2);
        Rota.Place place = rota.place(0);
        for (int i = 0; i < 100; i++) {
            place.begins(7, true);
            place.ends();
        }
        assertThat(rota.look().queued()).isEqualTo(1);
        place.begins(8, true);
        assertThat(rota.look().queued()).isEqualTo(2);
    }

    @Test
    void onlyOneStaysWhenCallsDoNotQueueUp() throws Exception {
        Rota rota = new Rota(2, 2);
        Rota.Place place = rota.place(0);
        assertThat(place.await()).isTrue();
        CompletableFuture<Boolean> second = thread(() -> {
            boolean waits = true;
            while (waits) {
                waits = rota.place(1).await();
                if (waits) {
                    rota.place(1).begins(7, false);
                    rota.place(1).ends();
                }
            }
            return true;
        });
        for (int i = 1; rota.active() < 2; i++) {
            place.begins(i % 2 + 7, true);
            place.ends();
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
        Rota rota = new Rota(3, 1);
        Rota.Place place = rota.place(0);
        assertThat(place.await()).isTrue();
        CompletableFuture<Boolean> second = thread(() -> rota.place(1).await());
        for (int i = 1; rota.active() < 2; i++) {
            place.begins(i % 2 + 1, false);
            place.ends();
        }
        assertThat(second.get()).isTrue();
        // Nobody else comes, and none of them leaves.
        for (int i = 0; i < 10_000; i++) {
            place.begins(i % 2 + 1, false);
            place.ends();
            assertThat(place.await()).isTrue();
        }
        assertThat(rota.active()).isEqualTo(2);
    }

    /** Nobody looks while nobody calls, and the first call wakes who looks. */
    @Test
    void aCallAfterALongTimeIsNotMissed() throws Exception {
        Rota rota = new Rota(2, 2);
        Rota.Place place = rota.place(0);
        assertThat(place.await()).isTrue();
        CompletableFuture<Boolean> second = thread(() -> rota.place(1).await());
        while (!rota.isWatchAsleep()) {
            Thread.onSpinWait();
        }
        place.begins(7, false);
        assertThat(second.get()).isTrue();
    }

    private interface Body {
        boolean run() throws Exception;
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
