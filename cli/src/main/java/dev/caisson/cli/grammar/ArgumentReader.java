package dev.caisson.cli.grammar;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads argument vectors as runc (urfave/cli) does: one dash or two, {@code --flag=value} or {@code --flag value}, flags also behind words
 * unless the verb says otherwise, {@code --} ends them. picocli would do that too, but slower than the rest of a command takes; it
 * makes help, completion and manual pages from the same {@link Grammar}.
 */
public final class ArgumentReader {
    private final List<String> argv;
    private int at;

    private ArgumentReader(List<String> argv) {
        this.argv = argv;
    }

    /** @param argv without the program's name */
    public static Arguments read(List<String> argv) throws UsageException {
        return new ArgumentReader(argv).read();
    }

    private Arguments read() throws UsageException {
        Map<String, List<String>> globals = new LinkedHashMap<>();
        List<String> none = new ArrayList<>();
        flags(Grammar.GLOBALS, "caisson", true, globals, none);
        if (none.isEmpty()) {
            return new Arguments(null, globals, Map.of(), List.of());
        }
        Verb verb = Grammar.verb(none.getFirst());
        if (verb == null) {
            throw new UsageException("No help topic for '" + none.getFirst() + "'", true);
        }
        Map<String, List<String>> flags = new LinkedHashMap<>();
        List<String> words = new ArrayList<>();
        flags(verb.flags(), verb.name(), verb.stopsAtWord(), flags, words);
        if (verb.stopsAtWord()) {
            words.addAll(argv.subList(at, argv.size()));
        }
        if (!flags.containsKey("help")) {
            count(verb, words.size());
        }
        return new Arguments(verb, globals, flags, words);
    }

    private static void count(Verb verb, int words) throws UsageException {
        if (words < verb.least()) {
            throw new UsageException(verb.name() + ": \"" + verb.name() + "\" requires "
                    + (verb.least() == verb.most() ? "exactly " : "a minimum of ") + verb.least()
                    + " argument(s)");
        }
        if (words > verb.most()) {
            throw new UsageException(verb.name() + ": \"" + verb.name() + "\" requires "
                    + (verb.least() == verb.most() ? "exactly " : "a maximum of ") + verb.most()
                    + " argument(s)");
        }
    }

    /** With {@code one}, ends behind the first word. */
    private void flags(List<Flag> known, String whose, boolean one, Map<String, List<String>> into, List<String> words)
            throws UsageException {
        while (at < argv.size()) {
            String arg = argv.get(at++);
            if (arg.equals("--")) {
                words.addAll(argv.subList(at, argv.size()));
                at = argv.size();
                return;
            }
            if (arg.length() < 2 || arg.charAt(0) != '-') {
                words.add(arg);
                if (one) {
                    return;
                }
                continue;
            }
            flag(known, whose, arg, into);
        }
    }

    private void flag(List<Flag> known, String whose, String arg, Map<String, List<String>> into)
            throws UsageException {
        String name = arg.substring(arg.startsWith("--") ? 2 : 1);
        int eq = name.indexOf('=');
        @Nullable String value = eq < 0 ? null : name.substring(eq + 1);
        name = eq < 0 ? name : name.substring(0, eq);
        Flag flag = find(known, name);
        if (flag == null) {
            throw new UsageException(whose + ": flag provided but not defined: -" + name);
        }
        if (flag.value() == null) {
            value = value == null ? "true" : truth(whose, name, value);
        } else if (value == null) {
            if (at == argv.size()) {
                throw new UsageException(whose + ": flag needs an argument: -" + name);
            }
            value = argv.get(at++);
        }
        into.computeIfAbsent(flag.key(), k -> new ArrayList<>()).add(value);
    }

    private static String truth(String whose, String name, String value) throws UsageException {
        return switch (value) {
            case "1", "t", "T", "true", "TRUE", "True" -> "true";
            case "0", "f", "F", "false", "FALSE", "False" -> "false";
            default -> throw new UsageException(whose + ": invalid boolean value \"" + value + "\" for flag -" + name);
        };
    }

    private static @Nullable Flag find(List<Flag> known, String name) {
        for (Flag flag : known) {
            if (flag.names().contains(name)) {
                return flag;
            }
        }
        return name.equals("help") || name.equals("h") ? Grammar.HELP : null;
    }
}
