package dev.caisson.backend;

/**
 * What a process gets from whoever launches it, besides its streams.
 *
 * @param outlives whether the process lives on when its launcher is gone: a command's does, a pod's ends with its monitor
 * @param preserved how many of the caller's descriptors, from 3 on, the process is to have under the same numbers
 * @param namespaces flags of clone(2) for the new namespaces that the launcher is in already ({@link Launcher#spawnAhead})
 */
public record Handover(boolean outlives, int preserved, int namespaces) {
    /** What a pod's monitor gives. */
    public static final Handover NONE = new Handover(false, 0);

    public Handover(boolean outlives, int preserved) {
        this(outlives, preserved, 0);
    }

    /** The same from a launcher that is in these namespaces. */
    public Handover in(int made) {
        return new Handover(outlives, preserved, made);
    }
}
