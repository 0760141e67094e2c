package dev.caisson.trap.dispatch;

import org.jspecify.annotations.Nullable;

/**
 * Absolute names that the kernel was seen to find, or not to find where no link is: it can be left to look at them again without a look from here
 * whether they lead below /proc, where it does not find all that is there. One is believed for a second, and while no link is made and no name
 * moved in the container. Of one thread.
 */
final class KnownNames {
    private static final long TRUST_NANOS = 1_000_000_000L;
    private static final int PLACES = 64;
    private static final int LONGEST = 256;

    private final @Nullable String[] names = new String[PLACES];
    private final boolean[] followed = new boolean[PLACES];
    private final long[] since = new long[PLACES];
    private final int[] changes = new int[PLACES];
    private final NameChanges container;

    KnownNames(NameChanges container) {
        this.container = container;
    }

    /**
     * @param follows whether a link at the end counts, as it did then
     */
    boolean has(String name, boolean follows, long now) {
        int at = place(name);
        return name.equals(names[at])
                && (followed[at] || !follows)
                && now - since[at] <= TRUST_NANOS
                && changes[at] == container.count();
    }

    /**
     * @param count of changes when the name was looked at
     */
    void put(String name, boolean follows, long now, int count) {
        if (name.length() <= LONGEST) {
            int at = place(name);
            names[at] = name;
            followed[at] = follows;
            since[at] = now;
            changes[at] = count;
        }
    }

    private static int place(String name) {
        return name.hashCode() & (PLACES - 1);
    }
}
