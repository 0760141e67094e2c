package dev.caisson.backend;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A launch plan being played, and the process that came of it. Thread-safe; the waiting methods block the calling (virtual)
 * thread.
 */
public interface Launch {
    /** Chosen by the caller of {@link Launcher#spawn}; unique among the pod's launches. */
    int id();

    /** Host pid of the process, 0 while the plan has not made one. */
    int pid();

    /**
     * Waits until the plan says {@code code} and returns the value it gave.
     *
     * @throws ContainerFault when a step failed (the message names it), the process ended first, or the time is over
     */
    long awaitNote(int code, Duration timeout) throws ContainerFault;

    /**
     * Waits until nobody plays the plan any more: its process runs the program it was made for.
     *
     * @throws ContainerFault when a step failed instead (the message names it), or the time is over
     */
    void awaitLaunched(Duration timeout) throws ContainerFault;

    /**
     * As {@link #awaitLaunched}, unless the plan says {@code code} first.
     *
     * @return the note's value; null when nobody plays the plan any more
     */
    default @Nullable Long awaitLaunchedOr(int code, Duration timeout) throws ContainerFault {
        awaitLaunched(timeout);
        return null;
    }

    /**
     * As {@link #awaitLaunched}, unless the plan says one of {@code codes} first.
     *
     * @return the first of the codes that the plan has said; null when nobody plays the plan any more
     */
    default @Nullable Integer awaitLaunchedOrAny(Duration timeout, int... codes) throws ContainerFault {
        awaitLaunched(timeout);
        return null;
    }

    /** Waits for the process's end; false when the time is over. */
    boolean awaitExit(Duration timeout);

    /** Whether nobody plays the plan any more. */
    boolean isLaunched();

    /** Whether a step of the plan has failed. */
    boolean hasFailed();

    /** Whether {@link #gate} was ever called, by this daemon or an earlier one. */
    boolean gateUsed();

    /** Writes to the plan's gate; a step that reads there goes on. */
    void gate(byte... bytes);

    /** As {@link #gate}, for a step of a creation before it is complete: {@link #gateUsed} does not count it. */
    void gateInBuild(byte... bytes);

    /** Sends a signal, unless the process was reaped already. */
    void kill(int signal);

    /** Completes when the process has been reaped, with the same value for everybody. */
    CompletableFuture<ProcessExit> exit();

    /** Lets the monitor forget the process: its exit is stored where it is safe. */
    void forget();
}
