package dev.caisson.trap.dispatch;

/**
 * Whether a container may have fifos in its file systems (fifo(7)): once one was made or met, each file is looked at before it is opened for reading. Before
 * that, one call fewer. Thread-safe.
 */
public final class KnownFifos {
    private volatile boolean areThere;

    /** One is about to be made, or was opened. */
    public void seen() {
        areThere = true;
    }

    public boolean areThere() {
        return areThere;
    }
}
