package dev.caisson.cli.grammar;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Manual pages in man(7)'s language, one for the program and one for each verb, generated from {@link Grammar}. The installer runs
 * {@link #main}.
 */
public final class ManualPages {
    private static final String SECTION = "8";

    private ManualPages() {}

    /** Writes pages and completions below PREFIX/share: {@code ManualPages PREFIX VERSION}. */
    public static void main(String[] args) throws IOException {
        Path share = Path.of(args[0], "share");
        Path man = Files.createDirectories(share.resolve("man/man" + SECTION));
        for (Map.Entry<String, String> page : all(args[1]).entrySet()) {
            Files.writeString(man.resolve(page.getKey() + "." + SECTION), page.getValue());
        }
        Map<String, String> places = Map.of(
                "bash", "bash-completion/completions/caisson",
                "zsh", "zsh/site-functions/_caisson",
                "fish", "fish/vendor_completions.d/caisson.fish");
        for (Map.Entry<String, String> place : places.entrySet()) {
            Path file = share.resolve(place.getValue());
            Files.createDirectories(file.getParent());
            Files.writeString(file, Completion.of(place.getKey()));
        }
    }

    /** The pages by name, without their section. */
    public static Map<String, String> all(String version) {
        Map<String, String> pages = new LinkedHashMap<>();
        pages.put("caisson", program(version));
        for (Verb verb : Grammar.verbs()) {
            pages.put("caisson-" + verb.name(), page(verb, version));
        }
        return pages;
    }

    private static String program(String version) {
        StringBuilder out = head("caisson", version, "OCI runtime with three walls");
        out.append(".SH SYNOPSIS\n.B caisson\n[FLAG...] COMMAND [ARG...]\n.SH DESCRIPTION\n");
        out.append("""
                Runs containers as the OCI runtime specification describes them, in the place of runc: under Podman, Docker, CRI\\-O,
                containerd's runc shim, or from a shell. The annotation
                .B dev.caisson.backend
                of a configuration chooses the wall: namespace, or seccomp\\-trap.
                .SH COMMANDS
                """);
        for (Verb verb : Grammar.verbs()) {
            item(out, verb.name(), verb.help());
        }
        out.append(".SH FLAGS\n");
        flags(out, Grammar.GLOBALS);
        out.append(".SH ENVIRONMENT\n");
        item(out, "CAISSON_STATE_DIR", "where the daemon and the containers' state are, instead of /run/caisson");
        item(out, "XDG_RUNTIME_DIR", "for a user: its directory caisson is used instead of /run/caisson");
        item(out, "LISTEN_FDS, LISTEN_PID", "descriptors passed by systemd become the container's, sd_listen_fds(3)");
        item(out, "NOTIFY_SOCKET", "the container may say that it is ready, sd_notify(3)");
        out.append(
                        ".SH EXIT STATUS\nThat of the container for run and exec; 1 after an error, 3 for an unknown command, 255 for an exec ")
                .append("that came to nothing.\n");
        also(out, Grammar.verbs().stream().map(v -> "caisson-" + v.name()).collect(Collectors.toUnmodifiableList()));
        return out.toString();
    }

    private static String page(Verb verb, String version) {
        String name = "caisson-" + verb.name();
        StringBuilder out = head(name, version, verb.help());
        out.append(".SH SYNOPSIS\n.B caisson ")
                .append(escaped(verb.name()))
                .append("\n[FLAG...] ")
                .append(escaped(verb.synopsis()))
                .append("\n.SH DESCRIPTION\n")
                .append(escaped(verb.help()))
                .append("\n");
        if (verb.stopsAtWord()) {
            out.append("What follows the first word is never read as a flag of caisson.\n");
        }
        if (verb.flags().stream().anyMatch(f -> !f.hidden())) {
            out.append(".SH FLAGS\n");
            flags(out, verb.flags());
        }
        also(out, List.of("caisson"));
        return out.toString();
    }

    private static StringBuilder head(String name, String version, String what) {
        String phrase = what.endsWith(".") ? what.substring(0, what.length() - 1) : what;
        return new StringBuilder(".TH ")
                .append(name.toUpperCase(java.util.Locale.ROOT))
                .append(" ")
                .append(SECTION)
                .append(" \"\" \"caisson ")
                .append(version)
                .append("\"\n.SH NAME\n")
                .append(escaped(name))
                .append(" \\- ")
                .append(escaped(phrase))
                .append("\n");
    }

    private static void flags(StringBuilder out, List<Flag> flags) {
        for (Flag f : flags) {
            if (!f.hidden()) {
                String names = f.names().stream()
                        .map(n -> (n.length() == 1 ? "-" : "--") + n)
                        .collect(Collectors.joining(", "));
                item(out, names + (f.value() == null ? "" : " " + f.value()), f.help());
            }
        }
    }

    private static void item(StringBuilder out, String term, String text) {
        out.append(".TP\n.B ")
                .append(escaped(term))
                .append("\n")
                .append(escaped(text))
                .append("\n");
    }

    private static void also(StringBuilder out, List<String> pages) {
        out.append(".SH SEE ALSO\n")
                .append(pages.stream()
                        .map(p -> ".BR " + escaped(p) + " (" + SECTION + ")")
                        .collect(Collectors.joining(" ,\n")))
                .append("\n");
    }

    /** A line must not begin as a request of roff, and a dash is a minus. */
    private static String escaped(String text) {
        String t = text.replace("\\", "\\e").replace("-", "\\-");
        return t.startsWith(".") || t.startsWith("'") ? "\\&" + t : t;
    }
}
