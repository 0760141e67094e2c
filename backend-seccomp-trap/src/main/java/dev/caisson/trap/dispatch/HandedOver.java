package dev.caisson.trap.dispatch;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.LockSupport;

/**
 * Descriptors that guests were given in one with the answer, which is half the work of giving them first and answering then: so our copies are
 * still open when the guests go on, some microseconds or, where processors are short, milliseconds. Calls by which an open file that has been closed would be noticed wait here until
 * our copies are closed too: locks that belong to open files, and execve(2), which refuses files that are open for writing.
 * The containers of a pod share it, since they may share files. Thread-safe.
 */
public final class HandedOver {
    private static final int SPINS = 200;
    private static final long LOOK_NANOS = 20_000;
    /** The guest that is given one may be held up; then it has not got it yet either. */
    private static final long LIMIT_NANOS = 50_000_000;

    private final List<Hand> hands = new CopyOnWriteArrayList<>();
    private volatile boolean areCloses;

    /** One thread's. */
    static final class Hand {
        /** Odd while a descriptor is ours and a guest's. */
        private volatile int steps;

        private int taken;

        private Hand() {}

        void begins() {
            steps = ++taken;
        }

        void ends() {
            steps = ++taken;
        }
    }

    Hand join() {
        Hand hand = new Hand();
        hands.add(hand);
        return hand;
    }

    void leave(Hand hand) {
        hands.remove(hand);
    }

    /** Somebody in the pod may see from now on when files are closed: by inotify(7), or where locks of open files keep off others (fcntl(2)). */
    public void closesAreSeen() {
        areCloses = true;
    }

    /** Whether descriptors may be given in one with the answer. */
    boolean isUnseen() {
        return !areCloses;
    }

    /** Returns when our copies of all that was given before are closed. */
    public void settle() {
        for (Hand hand : hands) {
            int steps = hand.steps;
            if ((steps & 1) != 0) {
                settle(hand, steps);
            }
        }
    }

    private static void settle(Hand hand, int steps) {
        for (int i = 0; i < SPINS && hand.steps == steps; i++) {
            Thread.onSpinWait();
        }
        long giveUp = System.nanoTime() + LIMIT_NANOS;
        while (hand.steps == steps && System.nanoTime() - giveUp < 0) {
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }
}
