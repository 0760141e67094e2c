package dev.caisson.backend;

/** Finds out whether this host can carry a wall, by trying and not by looking. Found by ServiceLoader. */
public interface HostCheck {
    /**
     * What was found.
     *
     * @param usable whether containers can run behind the wall here
     * @param text one line for people: why not, or what was tried
     */
    record Finding(boolean usable, String text) {}

    /** The wall's name, as {@link Backend#name()}. */
    String backend();

    /** Tries it; takes a few seconds at most, and leaves nothing. */
    Finding examine();
}
