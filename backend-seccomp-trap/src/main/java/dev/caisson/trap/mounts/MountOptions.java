package dev.caisson.trap.mounts;

import dev.caisson.trap.mounts.MountRequest.Option;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The text of mount(2)'s last argument, as far as it is one of tmpfs(5) that a container may say. Pure.
 *
 * @param values what is said
 */
public record MountOptions(Map<Option, String> values) {
    /** What libmount repeats when it mounts anew, and what changes nothing. */
    private static final Set<String> IGNORED = Set.of("", "inode64", "inode32", "rw", "ro", "silent", "loud");

    /** Null where something else is said. */
    public static @Nullable MountOptions parse(String text) {
        Map<Option, String> all = new EnumMap<>(Option.class);
        for (String word : text.split(",", -1)) {
            int eq = word.indexOf('=');
            Option option = eq < 0 ? null : option(word.substring(0, eq));
            if (option == null) {
                if (!IGNORED.contains(word)) {
                    return null;
                }
                continue;
            }
            String value = word.substring(eq + 1);
            if (value.isEmpty()
                    || value.length() > option.max()
                    || !value.chars().allMatch(MountOptions::isPlain)) {
                return null;
            }
            all.put(option, value);
        }
        return new MountOptions(all);
    }

    private static boolean isPlain(int c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '%';
    }

    private static @Nullable Option option(String key) {
        for (Option option : Option.values()) {
            if (option != Option.SOURCE && option.key().equals(key)) {
                return option;
            }
        }
        return null;
    }

    /** With the name that the mount table shows; one that is too long is left out. */
    public MountOptions from(String source) {
        Map<Option, String> all = new EnumMap<>(Option.class);
        all.putAll(values);
        if (!source.isEmpty() && source.length() <= Option.SOURCE.max()) {
            all.put(Option.SOURCE, source);
        }
        return new MountOptions(all);
    }
}
