package dev.caisson.cli.grammar;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** What makes a shell complete this command line: verbs, flags, ids of containers. Generated from {@link Grammar}; pure. */
public final class Completion {
    /** The shells there is a text for. */
    public static final List<String> SHELLS = List.of("bash", "zsh", "fish");

    private Completion() {}

    private static final String NO_VERB = "__fish_caisson_verb_is";

    /** The text to be evaluated by that shell, one of {@link #SHELLS}. */
    public static String of(String shell) {
        return switch (shell) {
            case "bash" -> bash();
            case "zsh" -> zsh();
            case "fish" -> fish();
            default -> throw new IllegalArgumentException(shell);
        };
    }

    private static String bash() {
        StringBuilder cases = new StringBuilder();
        for (Verb verb : Grammar.verbs()) {
            cases.append("\t")
                    .append(verb.name())
                    .append(") flags='")
                    .append(String.join(" ", spellings(verb.flags())))
                    .append("' words=")
                    .append(takesContainer(verb) ? "ids" : "none")
                    .append(" ;;\n");
        }
        return """
                # bash completion for caisson: source <(caisson completion bash)
                _caisson() {
                	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} verb= flags words=verbs i root=()
                	local verbs='@VERBS@' values=' @VALUES@ '
                	for ((i = 1; i < COMP_CWORD; i++)); do
                		case ${COMP_WORDS[i]} in
                		--root) root=(--root "${COMP_WORDS[i + 1]}") ;;
                		-*) continue ;;
                		esac
                		[[ " $verbs " != *" ${COMP_WORDS[i]} "* ]] || { verb=${COMP_WORDS[i]}; break; }
                	done
                	flags='@GLOBALS@'
                	case $verb in
                @CASES@	esac
                	if [[ $values == *" $previous "* ]]; then
                		mapfile -t COMPREPLY < <(compgen -f -- "$current")
                	elif [[ $current == -* ]]; then
                		mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$current")
                	elif [[ $words == verbs ]]; then
                		mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$current")
                	elif [[ $words == ids ]]; then
                		mapfile -t COMPREPLY < <(compgen -W "$(caisson "${root[@]}" list -q 2>/dev/null)" -- "$current")
                	fi
                }
                complete -F _caisson caisson
                """.replace("@VERBS@", names(" "))
                .replace("@VALUES@", String.join(" ", withValue()))
                .replace("@GLOBALS@", String.join(" ", spellings(Grammar.GLOBALS)))
                .replace("@CASES@", cases);
    }

    private static String zsh() {
        StringBuilder verbs = new StringBuilder();
        StringBuilder cases = new StringBuilder();
        for (Verb verb : Grammar.verbs()) {
            verbs.append("\t\t'")
                    .append(verb.name())
                    .append(':')
                    .append(quoted(verb.help()))
                    .append("'\n");
            cases.append("\t").append(verb.name()).append(")\n\t\t_arguments -S");
            flags(verb.flags()).forEach(f -> cases.append(" \\\n\t\t\t").append(f));
            if (takesContainer(verb)) {
                cases.append(" \\\n\t\t\t'1:container:_caisson_ids' '*::argument:_files'");
            }
            cases.append("\n\t\t;;\n");
        }
        return """
                #compdef caisson
                # zsh completion for caisson: as _caisson in a directory of $fpath, or source <(caisson completion zsh)
                _caisson_ids() {
                	local -a ids
                	ids=(${(f)"$(caisson list -q 2>/dev/null)"})
                	compadd -a ids
                }
                _caisson() {
                	local context state line
                	local -a verbs
                	verbs=(
                @VERBS@	)
                	_arguments -C@GLOBALS@ '1: :->verb' '*:: :->arguments'
                	case $state in
                	verb) _describe command verbs; return ;;
                	esac
                	case $line[1] in
                @CASES@	esac
                }
                # Loaded from $fpath this text is the function's first call.
                if [[ $funcstack[1] == _caisson ]]; then
                	_caisson "$@"
                elif (( $+functions[compdef] )); then
                	compdef _caisson caisson
                fi
                """.replace("@VERBS@", verbs)
                .replace(
                        "@GLOBALS@",
                        flags(Grammar.GLOBALS).stream()
                                .map(f -> " \\\n\t\t" + f)
                                .collect(Collectors.joining()))
                .replace("@CASES@", cases);
    }

    /** Of the function _arguments: name, what it means, and whether a word follows. */
    private static List<String> flags(List<Flag> flags) {
        List<String> all = new ArrayList<>();
        for (Flag f : flags) {
            if (!f.hidden()) {
                for (String name : spellings(List.of(f))) {
                    String value = f.value() == null ? "" : ":" + quoted(f.value()) + ":_files";
                    all.add("'" + name + "[" + quoted(f.help()) + "]" + value + "'");
                }
            }
        }
        return all;
    }

    private static String fish() {
        StringBuilder out = new StringBuilder("""
                # fish completion for caisson: caisson completion fish | source
                function __fish_caisson_verb_is # [VERB]: without one, whether there is none yet
                	set -l skip 0
                	for word in (commandline -opc)[2..]
                		if test $skip = 1
                			set skip 0
                			continue
                		end
                		switch $word
                		case @VALUES@
                			set skip 1
                		case '-*'
                		case '*'
                			test "$word" = "$argv[1]"
                			return
                		end
                	end
                	test -z "$argv[1]"
                end
                complete -c caisson -f
                """.replace(
                        "@VALUES@",
                        String.join(
                                " ",
                                spellings(Grammar.GLOBALS.stream()
                                        .filter(f -> f.value() != null)
                                        .toList()))));
        for (Flag f : Grammar.GLOBALS) {
            fishFlag(out, NO_VERB, f);
        }
        for (Verb verb : Grammar.verbs()) {
            out.append("complete -c caisson -n " + NO_VERB + " -a ")
                    .append(verb.name())
                    .append(" -d '")
                    .append(quoted(verb.help()))
                    .append("'\n");
            String seen = "'" + NO_VERB + " " + verb.name() + "'";
            verb.flags().forEach(f -> fishFlag(out, seen, f));
            if (takesContainer(verb)) {
                out.append("complete -c caisson -n ").append(seen).append(" -a '(caisson list -q 2>/dev/null)'\n");
            }
        }
        return out.toString();
    }

    private static void fishFlag(StringBuilder out, String condition, Flag flag) {
        if (flag.hidden()) {
            return;
        }
        out.append("complete -c caisson -n ").append(condition);
        for (String name : flag.names()) {
            out.append(name.length() == 1 ? " -s " : " -l ").append(name);
        }
        out.append(flag.value() == null ? "" : " -r -F")
                .append(" -d '")
                .append(quoted(flag.help()))
                .append("'\n");
    }

    private static boolean takesContainer(Verb verb) {
        return verb.synopsis().startsWith("CONTAINER")
                && !verb.name().equals("create")
                && !verb.name().equals("run");
    }

    private static String names(String between) {
        return Grammar.verbs().stream().map(Verb::name).collect(Collectors.joining(between));
    }

    private static List<String> spellings(List<Flag> flags) {
        return flags.stream()
                .filter(f -> !f.hidden())
                .flatMap(f -> f.names().stream())
                .map(n -> n.length() == 1 ? "-" + n : "--" + n)
                .toList();
    }

    /** The flags after which a word follows. */
    private static List<String> withValue() {
        List<Flag> all = new ArrayList<>(Grammar.GLOBALS);
        Grammar.verbs().forEach(v -> all.addAll(v.flags()));
        return spellings(all.stream().filter(f -> f.value() != null).toList()).stream()
                .distinct()
                .toList();
    }

    /** Between single quotes of a shell, and without what _arguments gives a meaning. */
    private static String quoted(String text) {
        return text.replace("'", "’").replace(":", ",").replace("[", "(").replace("]", ")");
    }
}
