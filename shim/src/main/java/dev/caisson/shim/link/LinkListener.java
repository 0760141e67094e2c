package dev.caisson.shim.link;

/** What the daemon's brain hears from its links. Called on the event loop thread; must not block. */
public interface LinkListener {
    /** A monitor said hello; its launches follow until {@link #onAttached}. */
    void onMonitor(MonitorLink link);

    /** All that the monitor had to tell has been told; requests that waited come after this. */
    void onAttached(MonitorLink link);

    /** The link's connection ended: the monitor died, or this daemon is giving it up. */
    void onLost(MonitorLink link);

    void onConnectionOpen(MonitorLink link, int connection);

    void onConnectionClose(MonitorLink link, int connection);

    /**
     * One ttrpc frame of containerd's.
     *
     * @param ageMillis how long it had waited for a daemon
     * @param redelivered an earlier daemon got it too, and did not commit it
     */
    void onRequest(MonitorLink link, int connection, byte[] ttrpcFrame, long ageMillis, boolean redelivered);

    /** A process was reaped; the launch's exit is complete. */
    void onExit(MonitorLink link, int launch);

    /** Somebody ran the command binary; not necessarily on the thread of the links. */
    void onCommand(CommandCall call);
}
