package dev.caisson.cli;

import dev.caisson.cli.grammar.Flag;
import dev.caisson.cli.grammar.Grammar;
import dev.caisson.cli.grammar.Verb;
import dev.caisson.oci.Spec;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What is printed about the program itself. */
final class Help {
    private Help() {}

    /** Docker looks for a line with "version" and one that begins with "commit:". */
    static byte[] version(String version) {
        return ("caisson version " + version + "\ncommit: " + version + "\nspec: " + Spec.VERSION + "\n")
                .getBytes(StandardCharsets.UTF_8);
    }

    static byte[] text(@Nullable Verb verb) {
        StringBuilder out = new StringBuilder();
        if (verb == null) {
            out.append("usage: caisson [FLAG...] COMMAND [ARG...]\n\ncommands:\n");
            for (Verb v : Grammar.verbs()) {
                out.append(String.format("  %-12s%s%n", v.name(), v.help()));
            }
            out.append("\nflags:\n");
            flags(out, Grammar.GLOBALS);
        } else {
            out.append("usage: caisson ")
                    .append(verb.name())
                    .append(" [FLAG...] ")
                    .append(verb.synopsis());
            out.append("\n\n").append(verb.help()).append("\n\n");
            flags(out, verb.flags());
        }
        return out.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static void flags(StringBuilder out, List<Flag> flags) {
        for (Flag f : flags) {
            if (!f.hidden()) {
                String name = "--" + String.join(", -", f.names()) + (f.value() == null ? "" : " " + f.value());
                out.append(String.format("  %-32s%s%n", name, f.help()));
            }
        }
    }
}
