package dev.caisson.cli.grammar;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One flag of a verb.
 *
 * @param names without dashes, the first one long; any may be written with one dash or two, as Go programs do
 * @param value what stands for its value in help texts; null for a switch
 * @param help one phrase
 * @param hidden understood, but not shown: what only old callers use
 */
public record Flag(List<String> names, @Nullable String value, String help, boolean hidden) {
    public Flag {
        names = List.copyOf(names);
    }

    /** The name that parsed values are found under. */
    public String key() {
        return names.getFirst();
    }

    static Flag of(String names, @Nullable String value, String help) {
        return new Flag(List.of(names.split(",")), value, help, false);
    }

    static Flag hidden(String names, @Nullable String value, String help) {
        return new Flag(List.of(names.split(",")), value, help, true);
    }
}
