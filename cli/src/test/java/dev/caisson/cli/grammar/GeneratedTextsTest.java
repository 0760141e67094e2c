package dev.caisson.cli.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Completions and manual pages, judged by the programs that read them. */
final class GeneratedTextsTest {
    @TempDir
    Path dir;

    private record Result(int code, String output) {}

    private static Result run(List<String> argv, String input) throws Exception {
        Process p = new ProcessBuilder(argv).redirectErrorStream(true).start();
        try (var in = p.getOutputStream()) {
            in.write(input.getBytes(StandardCharsets.UTF_8));
        }
        String output = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Result(p.waitFor(), output);
    }

    private static boolean isInstalled(String program) {
        return List.of("/bin/" + program, "/usr/bin/" + program).stream().anyMatch(p -> Files.isExecutable(Path.of(p)));
    }

    /** What bash offers behind the words, of which the last is the one being typed. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            caisson st                  | start state
            caisson --root /x pau       | pause
            caisson delete --f          | --force
            caisson delete -            | --force -f
            caisson state ""            | c1 c2
            caisson exec c              | c1 c2
            caisson create c            | ""
            caisson --sys               | --systemd-cgroup
            caisson list --format=table -q --qu | --quiet
            """)
    void bashCompletes(String words, String offered) throws Exception {
        String script = Completion.of("bash")
                + "caisson() { [ \"$*\" = 'list -q' ] && printf 'c1\\nc2\\n'; }\n"
                + "COMP_WORDS=(" + words
                + "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _caisson; echo \"${COMPREPLY[*]}\"";
        Result result = run(List.of("bash", "-s"), script);
        assertThat(result.output().strip()).isEqualTo(offered == null ? "" : offered.strip());
    }

    /** What fish offers behind a line; its own functions ask it for words. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            caisson st                  | start state
            caisson --root /x pau       | pause
            caisson delete --f          | --force
            caisson delete -            | -f --force
            "caisson state "            | c1 c2
            caisson exec c              | c1 c2
            caisson create c            | ""
            caisson --sys               | --systemd-cgroup
            caisson list --format=table -q --qu | --quiet
            """)
    void fishCompletes(String line, String offered) throws Exception {
        assumeThat(isInstalled("fish")).as("fish is not installed").isTrue();
        Path file = Files.writeString(dir.resolve("completion"), Completion.of("fish"));
        String script = "function caisson; test \"$argv\" = 'list -q'; and printf 'c1\\nc2\\n'; end\nsource " + file
                + "\ncomplete -C '" + line + "' | cut -f 1\n";
        Result result = run(List.of("fish", "--no-config"), script);
        assertThat(result.output().strip().replace('\n', ' ')).isEqualTo(offered == null ? "" : offered.strip());
    }

    /** What an interactive zsh makes of a line when the tab key is hit, in a terminal of zsh's own. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            caisson chec                | "caisson checkpoint "
            caisson st                  | caisson sta
            caisson --root /x pau       | "caisson --root /x pause "
            caisson delete --f          | "caisson delete --force "
            "caisson state "            | caisson state c
            caisson exec c1             | "caisson exec c1 "
            caisson --sys               | "caisson --systemd-cgroup "
            caisson list --format=table -q --qu | "caisson list --format=table -q --quiet "
            """)
    void zshCompletes(String line, String completed) throws Exception {
        assumeThat(isInstalled("zsh")).as("zsh is not installed").isTrue();
        Files.writeString(dir.resolve("_caisson"), Completion.of("zsh"));
        String script = """
                zmodload zsh/zpty
                zpty inner zsh -f -i
                zpty -w inner "PS1=; fpath=(@DIR@ \\$fpath); autoload -Uz compinit; compinit -u -D; unsetopt auto_menu auto_list beep
                caisson() { [ \\"\\$*\\" = 'list -q' ] && printf 'c1\\nc2\\n' }
                show() { BUFFER=\\"print -r -- '[['\\${(q)BUFFER}']]'\\"; zle accept-line }
                zle -N show; bindkey '^X' show; echo REA''DY"
                while zpty -r inner said; do [[ $said == *READY* ]] && break; done
                zpty -w -n inner '@LINE@'$'\\t\\x18'
                while zpty -r inner said; do [[ $said == '[['*']]'* ]] && { print -r -- "$said"; break }; done
                zpty -d inner
                """.replace("@DIR@", dir.toString()).replace("@LINE@", line);
        Result result = run(List.of("timeout", "20", "zsh", "-f"), script);
        assertThat(result.output().strip()).isEqualTo("[[" + completed + "]]");
    }

    @Test
    void bashOffersFilesForAFlagsValue() throws Exception {
        Files.writeString(dir.resolve("bundle-of-mine"), "");
        String script = "cd '" + dir + "'\n" + Completion.of("bash")
                + "COMP_WORDS=(caisson run --bundle bun); COMP_CWORD=3; _caisson; echo \"${COMPREPLY[*]}\"";
        assertThat(run(List.of("bash", "-s"), script).output()).isEqualTo("bundle-of-mine\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"bash", "zsh", "fish"})
    void shellsReadIt(String shell) throws Exception {
        assumeThat(isInstalled(shell)).as(shell + " is not installed").isTrue();
        Path file = Files.writeString(dir.resolve("completion"), Completion.of(shell));
        assertThat(run(List.of(shell, "-n", file.toString()), "")).isEqualTo(new Result(0, ""));
    }

    @Test
    void everyVerbIsOfferedByEveryShell() {
        for (String shell : Completion.SHELLS) {
            for (Verb verb : Grammar.verbs()) {
                assertThat(Completion.of(shell)).containsPattern("\\b" + verb.name() + "\\b");
            }
        }
    }

    @Test
    void manualPagesShowEveryFlag() throws Exception {
        Map<String, String> pages = ManualPages.all("1.2.3");
        assertThat(pages).hasSize(Grammar.verbs().size() + 1);
        for (Verb verb : Grammar.verbs()) {
            String page = pages.getOrDefault("caisson-" + verb.name(), "");
            for (Flag flag : verb.flags()) {
                String name = "\\-\\-" + flag.key().replace("-", "\\-");
                assertThat(page.contains(name + "\n") || page.contains(name + ",") || page.contains(name + " "))
                        .as(verb.name() + " " + flag.key())
                        .isEqualTo(!flag.hidden());
            }
        }
    }

    @Test
    void roffHasNothingToSay() throws Exception {
        assumeThat(isInstalled("groff")).as("groff is not installed").isTrue();
        for (Map.Entry<String, String> page : ManualPages.all("1.2.3").entrySet()) {
            assertThat(run(List.of("groff", "-ww", "-man", "-Tascii", "-z"), page.getValue()))
                    .as(page.getKey())
                    .isEqualTo(new Result(0, ""));
        }
    }
}
