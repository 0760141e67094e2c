package dev.caisson.backend;

/**
 * What a process gets from whoever launches it, besides its streams.
 *
 * @param outlives whether the process lives on when its launcher is gone: a command's does, a pod's ends with its monitor
 * @param preserved how many of the caller's descriptors, from 3 on, the process is to have under the same numbers
 */
public record Handover(boolean outlives, int preserved) {
    /** What a pod's monitor gives. */
    public static final Handover NONE = new Handover(false, 0);
}
