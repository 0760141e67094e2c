package dev.caisson.trap.dispatch;

/**
 * Whether a container may have a signalfd(2): once one was made, calls that wait for several files look whether it is among them, since it is ready or not by
 * the signals of who asks. Thread-safe.
 */
public final class KnownSignalFiles {
    private volatile boolean areThere;

    /** One is about to be made. */
    public void seen() {
        areThere = true;
    }

    public boolean areThere() {
        return areThere;
    }
}
