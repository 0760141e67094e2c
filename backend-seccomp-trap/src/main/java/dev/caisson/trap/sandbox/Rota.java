package dev.caisson.trap.sandbox;

import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Which of a listener's readers wait for calls. The kernel wakes everybody who waits, for each call, and one who then finds none costs the call as much as
 * the one who answers it. So a single one waits while a single thread calls. When another one does, two wait: a call that nobody has received yet fails with EINTR when
 * a signal's handler runs, which none of those that are answered here may. Another one looks every millisecond while there are calls: it
 * joins in for a while when calls have queued up, and takes the place of one that has not come to the end of a call since the last look.
 *
 * <p>While a single thread opens one file after the other, who answers it stays on its processor ({@link Stay}). That ends with the first call of another thread, and at
 * the latest with the next look that finds no rush; and every few looks for a moment, after which it is where the caller is by then. Thread-safe.
 */
final class Rota {
    private static final long LOOK_MILLIS = 1;
    /** So long after the last call nobody looks any more: idle costs nothing. */
    private static final int QUIET_LOOKS = 20;
    /** How long another one stays; then it is seen again whether one would do. */
    private static final long CROWDED_NANOS = 10_000_000;

    /** So many looks somebody stays on a processor before it is seen anew on which one the caller is. */
    private static final int STAY_LOOKS = 5;

    private static final long SEVERAL_NANOS = 20_000_000;
    /** So much of that may have passed before it begins anew. */
    private static final long SEVERAL_SPARE_NANOS = 2_000_000;

    private final List<Place> places;
    private final int processors;
    private final BooleanSupplier mayStay;
    /** Readers that wait for calls or answer them. Changed under the lock. */
    private volatile int active;

    private volatile long crowdedUntil = System.nanoTime();
    private volatile long severalUntil = System.nanoTime();
    private volatile int lastCaller;
    /** Whether who answers is to stay on its caller's processor. */
    private volatile boolean isRush;

    private volatile boolean isWatchAsleep;
    private volatile boolean hasEnded;
    private boolean isWatched;

    /**
     * @param readers how many there are, each of which takes a place
     * @param processors how many of them calls that queue up are reason enough for
     * @param mayStay whether they may stay on a processor; asked when they would
     */
    Rota(int readers, int processors, BooleanSupplier mayStay) {
        this.processors = processors;
        this.mayStay = mayStay;
        places = IntStream.range(0, readers).mapToObj(_ -> new Place()).toList();
    }

    Place place(int index) {
        return places.get(index);
    }

    int active() {
        return active;
    }

    boolean isWatchAsleep() {
        return isWatchAsleep;
    }

    /** What a reader can do about where it runs. */
    interface Stay {
        /** Makes the calling thread, the reader, stay on the processor that it is on: its caller's, which woke it. @return whether it does */
        boolean stay();

        /** Ends that. */
        void leave();

        /** Nobody calls the others any more. */
        void close();
    }

    /** A reader's. Its methods are for that thread alone. */
    final class Place {
        private boolean isActive;
        /** Odd while a call is answered. */
        private volatile int steps;

        private volatile int queued;
        private volatile int given;

        private int stepsTaken;
        private int found;
        private int allGiven;
        /** Whose call was answered here last. */
        private int answered;

        private @Nullable Stay stay;
        /** Changed under this one's lock, so that who ends it knows that it has ended. */
        private volatile boolean stays;

        private Place() {}

        /** Before the first call. */
        synchronized void take(Stay stay) {
            this.stay = stay;
        }

        private void stayHere() {
            synchronized (this) {
                if (!stays && stay != null) {
                    stays = stay.stay();
                }
            }
            if (!isRush) {
                // Who ended it meanwhile may not have seen that this one stays.
                goAnywhere();
            }
        }

        /** By any thread. */
        private void goAnywhere() {
            if (stays) {
                synchronized (this) {
                    if (stays && stay != null) {
                        stay.leave();
                    }
                    stays = false;
                }
            }
        }

        /** Returns when this reader is to wait for a call; false when the listener has ended for all. */
        boolean await() {
            if (isActive && active > 1) {
                isActive = !leave(System.nanoTime());
            }
            if (!isActive) {
                goAnywhere();
                isActive = standBy();
            }
            return isActive;
        }

        /**
         * A call was received.
         *
         * @param caller thread that made it
         * @param wasThere whether it was there already: of the thread that was answered last it does not say that calls queue up, for that one may have
         *     been given the processor before this one came to ask for more
         * @return whether the caller is to be woken so that it goes on where this reader is
         */
        boolean begins(int caller, boolean wasThere) {
            if (wasThere && caller != answered) {
                queued = ++found;
            }
            answered = caller;
            steps = ++stepsTaken;
            boolean isAnother = caller != lastCaller && lastCaller != 0;
            if (caller != lastCaller) {
                lastCaller = caller;
            }
            if (isAnother) {
                severalCall(System.nanoTime());
                goAnywhere();
            }
            if (isWatchAsleep) {
                wakeWatch();
            }
            if (isAnother || !isRush || stays) {
                return false;
            }
            if (wasThere) {
                // They are on two processors, or may be. The next call will wake this reader where the caller is.
                return true;
            }
            stayHere();
            return false;
        }

        /**
         * It is answered.
         *
         * @param hasGiven whether with a descriptor, whose caller the kernel wakes where it likes
         */
        void ends(boolean hasGiven) {
            if (hasGiven) {
                given = ++allGiven;
            }
            steps = ++stepsTaken;
        }

        /** No more calls come. */
        void end() {
            goAnywhere();
            synchronized (this) {
                if (stay != null) {
                    stay.close();
                    stay = null;
                }
            }
            synchronized (Rota.this) {
                hasEnded = true;
                Rota.this.notifyAll();
            }
        }
    }

    private synchronized void wakeWatch() {
        isWatchAsleep = false;
        notifyAll();
    }

    private void severalCall(long now) {
        if (severalUntil - now < SEVERAL_NANOS - SEVERAL_SPARE_NANOS) {
            severalUntil = now + SEVERAL_NANOS;
        }
        isRush = false;
        if (active < 2) {
            wakeWatch();
        }
    }

    private boolean areSeveral(long now) {
        return severalUntil - now > 0;
    }

    private boolean isSecondNeeded() {
        return active == 1 && areSeveral(System.nanoTime());
    }

    private boolean leave(long now) {
        return now - crowdedUntil > 0 && !(active == 2 && areSeveral(now)) && leave();
    }

    private synchronized boolean leave() {
        boolean may = active > 1;
        if (may) {
            active--;
        }
        return may;
    }

    private synchronized boolean standBy() {
        try {
            while (!hasEnded) {
                if (active == 0 || isSecondNeeded()) {
                    active++;
                    return true;
                }
                if (isWatched) {
                    wait();
                } else if (isNeeded()) {
                    active++;
                    return true;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return false;
    }

    /** Watches until another reader is needed (true) or none. */
    private boolean isNeeded() throws InterruptedException {
        isWatched = true;
        try {
            Look last = look();
            int quiet = 0;
            int rushed = 0;
            while (!hasEnded) {
                if (quiet >= QUIET_LOOKS) {
                    isWatchAsleep = true;
                    // Whoever begins a call from here on sees that, and needs the lock to wake this one.
                    while (isWatchAsleep && !hasEnded && look().equals(last)) {
                        wait();
                    }
                    isWatchAsleep = false;
                    quiet = 0;
                    last = look();
                }
                if (isSecondNeeded()) {
                    return true;
                }
                wait(LOOK_MILLIS);
                Look look = look();
                if (isSecondNeeded() || look.isStuckSince(last)) {
                    return true;
                }
                if (active < processors && look.isCrowdedSince(last)) {
                    crowdedUntil = System.nanoTime() + CROWDED_NANOS;
                    return true;
                }
                rushed = active == 1 && look.isRushSince(last) && !areSeveral(System.nanoTime()) ? rushed + 1 : 0;
                if (rushed == 0) {
                    endRush();
                } else if (rushed == 1) {
                    isRush = mayStay.getAsBoolean();
                } else if (rushed % STAY_LOOKS == 0) {
                    places.forEach(Place::goAnywhere);
                }
                quiet = look.equals(last) ? quiet + 1 : 0;
                last = look;
            }
            return false;
        } finally {
            endRush();
            isWatched = false;
            notifyAll();
        }
    }

    private void endRush() {
        isRush = false;
        places.forEach(Place::goAnywhere);
    }

    Look look() {
        int steps = 0;
        int queued = 0;
        int given = 0;
        int busy = 0;
        for (Place place : places) {
            int own = place.steps;
            steps += own;
            queued += place.queued;
            given += place.given;
            busy += own & 1;
        }
        return new Look(steps, queued, given, busy >= active);
    }

    /**
     * What the readers have done so far. The numbers may overflow; their differences are small.
     *
     * @param steps two for each call
     * @param queued calls that were there already when somebody came for one
     * @param given descriptors
     * @param areAllBusy whether nobody waits for a call
     */
    record Look(int steps, int queued, int given, boolean areAllBusy) {
        private static final int CROWD = 16;
        /** So many descriptors between two looks are worth what it takes to stay somewhere. */
        private static final int RUSH = 8;

        /** Nobody has come to the end of a call, and nobody waits for one. */
        boolean isStuckSince(Look last) {
            return areAllBusy && steps == last.steps;
        }

        /** One descriptor after the other is wanted. */
        boolean isRushSince(Look last) {
            return given - last.given >= RUSH;
        }

        /** Half the calls had to wait for somebody. */
        boolean isCrowdedSince(Look last) {
            int waited = queued - last.queued;
            return waited >= CROWD && 4 * waited > steps - last.steps;
        }
    }
}
