package dev.caisson.trap.dispatch;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * When a container's processes may have changed their working directories, so that {@link KnownDirectories} knows what it may go on believing. Thread-safe.
 */
public final class DirectoryMoves {
    private final AtomicInteger moves = new AtomicInteger();
    private volatile boolean areShared;

    /** A process is about to change its directory. */
    public void move() {
        moves.incrementAndGet();
    }

    /** A process is about to be started that has its directory in common with another (clone(2), CLONE_FS); threads are not meant. */
    public void share() {
        areShared = true;
        moves.incrementAndGet();
    }

    /** Changes with each move. */
    int count() {
        return moves.get();
    }

    /** Whether a process's directory may be changed by another process. */
    boolean areShared() {
        return areShared;
    }
}
