package dev.caisson.cli.grammar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command lines are those that callers were seen to run. */
class ArgumentReaderTest {
    private static Arguments read(String line) throws UsageException {
        return ArgumentReader.read(List.of(line.split(" ", -1)));
    }

    private static String verb(Arguments args) {
        Verb verb = args.verb();
        return verb == null ? "" : verb.name();
    }

    @Test
    void containerdsShimCreates() throws UsageException {
        Arguments a = read("--root /run/containerd/runc/k8s --log /b/log.json --log-format json --systemd-cgroup create"
                + " --bundle /b --pid-file /b/init.pid --no-pivot --no-new-keyring c1");
        assertThat(verb(a)).isEqualTo("create");
        assertThat(a.global("root")).isEqualTo("/run/containerd/runc/k8s");
        assertThat(a.global("log-format")).isEqualTo("json");
        assertThat(a.isGlobal("systemd-cgroup")).isTrue();
        assertThat(a.value("bundle")).isEqualTo("/b");
        assertThat(a.value("pid-file")).isEqualTo("/b/init.pid");
        assertThat(a.is("no-pivot")).isTrue();
        assertThat(a.is("no-new-keyring")).isTrue();
        assertThat(a.words()).containsExactly("c1");
    }

    @Test
    void goRuncWritesOneDash() throws UsageException {
        Arguments a = read("restore -no-subreaper --bundle /b --image-path=/i c1");
        assertThat(a.is("no-subreaper")).isTrue();
        assertThat(a.value("image-path")).isEqualTo("/i");
    }

    @Test
    void flagsMayStandBehindWords() throws UsageException {
        assertThat(read("delete c1 --force").is("force")).isTrue();
        assertThat(read("kill --all c1 15").words()).containsExactly("c1", "15");
        assertThat(read("update --resources - c1").value("resources")).isEqualTo("-");
    }

    @Test
    void whatFollowsTheContainerOfAnExecIsItsProgramsOwn() throws UsageException {
        Arguments a = read("exec -t -e A=b -e C=d=e --user=1:2 c1 ls --color -l --help");
        assertThat(a.words()).containsExactly("c1", "ls", "--color", "-l", "--help");
        assertThat(a.values("env")).containsExactly("A=b", "C=d=e");
        assertThat(a.value("user")).isEqualTo("1:2");
        assertThat(read("ps c1 -o pid").words()).containsExactly("c1", "-o", "pid");
    }

    @Test
    void switchesTakeTruthValues() throws UsageException {
        assertThat(read("run --detach=false c1").is("detach")).isFalse();
        assertThat(read("run -d=1 c1").is("detach")).isTrue();
        assertThatThrownBy(() -> read("run -d=maybe c1")).hasMessageContaining("invalid boolean value");
    }

    @Test
    void twoDashesEndFlags() throws UsageException {
        assertThat(read("state -- --odd").words()).containsExactly("--odd");
    }

    @Test
    void aMissingCommandIsNoError() throws UsageException {
        assertThat(read("--debug").verb()).isNull();
    }

    @Test
    void anUnknownCommandIsToldFromAnUnknownFlag() {
        assertThatThrownBy(() -> read("frobnicate"))
                .isInstanceOfSatisfying(
                        UsageException.class, e -> assertThat(e.isUnknownVerb()).isTrue());
        assertThatThrownBy(() -> read("state --frobnicate c1"))
                .hasMessageContaining("flag provided but not defined: -frobnicate")
                .isInstanceOfSatisfying(
                        UsageException.class, e -> assertThat(e.isUnknownVerb()).isFalse());
    }

    @ParameterizedTest
    @ValueSource(strings = {"create", "state", "delete a b", "run --bundle", "list x", "kill", "kill a b c"})
    void aWrongNumberOfWordsIsRefused(String line) {
        assertThatThrownBy(() -> read(line)).isInstanceOf(UsageException.class);
    }

    @Test
    void everyFlagIsFoundByEachOfItsNames() throws UsageException {
        for (Verb verb : Grammar.verbs()) {
            for (Flag flag : verb.flags()) {
                for (String name : flag.names()) {
                    String words = " x".repeat(verb.least());
                    Arguments a = read(verb.name() + " --" + name + (flag.value() == null ? "" : "=v") + words);
                    assertThat(a.value(flag.key()))
                            .as(verb.name() + " --" + name)
                            .isEqualTo(flag.value() == null ? "true" : "v");
                }
            }
        }
    }

    /** Whatever the words are: an answer, or a sentence. */
    @Test
    void noWordsBreakIt() {
        List<String> pieces = List.of(
                "-", "--", "---", "=", "-=", "--=x", "run", "exec", "--root", "-d", "-d=", "", "\0", "--root=", "c1",
                "-e");
        Random random = new Random(4);
        for (int i = 0; i < 20_000; i++) {
            List<String> argv = random.ints(random.nextInt(7), 0, pieces.size())
                    .mapToObj(pieces::get)
                    .toList();
            try {
                assertThat(ArgumentReader.read(argv)).isNotNull();
            } catch (UsageException e) {
                assertThat(e.getMessage()).as(argv.toString()).isNotBlank();
            }
        }
    }
}
