package dev.caisson.trap.filter;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** How much of the kernel a guest reaches directly; each is a column of the table. */
public enum Tier {
    FAST,
    DEFAULT,
    HARDENED,
    STRICT;

    /** The word that users write. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The tier of that word, or null. */
    public static @Nullable Tier of(String word) {
        for (Tier tier : values()) {
            if (tier.word().equals(word)) {
                return tier;
            }
        }
        return null;
    }
}
