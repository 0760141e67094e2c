package dev.caisson.shim.pod;

import dev.caisson.shim.link.CommandCall;
import dev.caisson.shim.link.MonitorLink;

/** What the registry tells the services above it. Not on the event loop unless said so. */
public interface PodOwner {
    /** An empty one for a new pod. */
    PodContent newContent();

    /** Loads the stored tasks of a pod that this daemon has not seen yet. On the event loop: files only. */
    void load(Pod pod);

    /** The pod's monitor has told all it knows: match tasks and launches, before requests come. On the event loop: must not block. */
    void attached(Pod pod, MonitorLink link);

    /** A process was reaped. On the event loop: must not block. */
    void exited(Pod pod, MonitorLink link, int launch);

    /** The pod's monitor is dead. */
    void monitorDied(Pod pod, @org.jspecify.annotations.Nullable MonitorLink link);

    /** Somebody ran the command binary. */
    void command(CommandCall call);

    /** Whether serving it takes a few small files and no waiting. */
    boolean isQuick(CommandCall call);
}
