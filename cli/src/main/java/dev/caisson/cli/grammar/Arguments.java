package dev.caisson.cli.grammar;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A parsed argument vector.
 *
 * @param verb null when there is none
 * @param globals values of flags before the verb, by {@link Flag#key()}; a switch has the value {@code true} or {@code false}
 * @param flags values of flags behind it
 * @param words what is no flag
 */
public record Arguments(
        @Nullable Verb verb, Map<String, List<String>> globals, Map<String, List<String>> flags, List<String> words) {
    public Arguments {
        globals = new LinkedHashMap<>(globals);
        flags = new LinkedHashMap<>(flags);
        words = List.copyOf(words);
    }

    private static @Nullable String last(Map<String, List<String>> from, String key) {
        List<String> all = from.get(key);
        return all == null ? null : all.getLast();
    }

    /** The last value of a flag before the verb, null if it was not given. */
    public @Nullable String global(String key) {
        return last(globals, key);
    }

    /** The last value, null if it was not given. */
    public @Nullable String value(String key) {
        return last(flags, key);
    }

    /** The last value. */
    public String value(String key, String otherwise) {
        String value = last(flags, key);
        return value == null ? otherwise : value;
    }

    /** All values in order. */
    public List<String> values(String key) {
        return flags.getOrDefault(key, List.of());
    }

    /** Whether a switch is on. */
    public boolean is(String key) {
        return "true".equals(last(flags, key));
    }

    /** Whether a switch before the verb is on. */
    public boolean isGlobal(String key) {
        return "true".equals(last(globals, key));
    }

    /** A whole number, null if the flag was not given. */
    public @Nullable Long number(String key) throws UsageException {
        String value = last(flags, key);
        try {
            return value == null ? null : Long.valueOf(value);
        } catch (NumberFormatException e) {
            throw new UsageException("invalid value \"" + value + "\" for flag --" + key + ": not a whole number");
        }
    }

    /** The first word: the container's id, which every verb with words begins with. */
    public String id() {
        return words.getFirst();
    }
}
