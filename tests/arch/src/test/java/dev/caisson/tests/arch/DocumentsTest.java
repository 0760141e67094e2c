package dev.caisson.tests.arch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Documents name verbs, files, tests and bench rows that exist. */
class DocumentsTest {
    private static final Pattern VERB = Pattern.compile("\\./dev ([a-z][a-z-]*)");
    private static final Pattern LINK = Pattern.compile("\\]\\(([^)#:]+)(#[^)]*)?\\)");
    private static final Pattern TEST = Pattern.compile("`(\\w+Test)(?:[.#](\\w+))?`");
    private static final Pattern ROW = Pattern.compile("bench row `([a-z-]+)`");

    private static List<Path> documents() {
        return Tree.files(".md");
    }

    private static String name(Path file) {
        return Tree.ROOT.relativize(file).toString();
    }

    @Test
    void verbsExist() {
        String script = Tree.read(Tree.ROOT.resolve("dev"));
        TreeSet<String> verbs = new TreeSet<>(List.of("help"));
        Matcher header =
                Pattern.compile("^# +\\./dev ([a-z-]+)", Pattern.MULTILINE).matcher(script);
        while (header.find()) {
            verbs.add(header.group(1));
        }
        assertThat(verbs).contains("run", "test", "install");
        List<String> wrong = new ArrayList<>();
        for (Path document : documents()) {
            Matcher use = VERB.matcher(Tree.read(document));
            while (use.find()) {
                if (!verbs.contains(use.group(1))) {
                    wrong.add(name(document) + ": ./dev " + use.group(1));
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void linksLeadSomewhere() {
        List<String> wrong = new ArrayList<>();
        for (Path document : documents()) {
            Path folder = document.getParent();
            Matcher link = LINK.matcher(Tree.read(document));
            while (link.find()) {
                if (folder == null || !Files.exists(folder.resolve(link.group(1)))) {
                    wrong.add(name(document) + ": " + link.group(1));
                }
            }
        }
        assertThat(wrong).isEmpty();
    }

    @Test
    void testsAndBenchRowsNamedAsEvidenceExist() {
        Map<String, String> tests = new TreeMap<>();
        for (Path source : Tree.files("Test.java")) {
            String file = source.getFileName().toString();
            tests.merge(file.substring(0, file.length() - ".java".length()), Tree.read(source), String::concat);
        }
        String rows = Tree.read(Tree.ROOT.resolve("tests/bench/src/main/java/dev/caisson/tests/bench/Options.java"));
        List<String> wrong = new ArrayList<>();
        int named = 0;
        for (Path document : documents()) {
            String text = Tree.read(document);
            Matcher test = TEST.matcher(text);
            while (test.find()) {
                named++;
                String source = tests.get(test.group(1));
                if (source == null || (test.group(2) != null && !source.contains(" " + test.group(2) + "("))) {
                    wrong.add(name(document) + ": " + test.group());
                }
            }
            Matcher row = ROW.matcher(text);
            while (row.find()) {
                named++;
                if (!rows.contains(row.group(1))) {
                    wrong.add(name(document) + ": " + row.group());
                }
            }
        }
        assertThat(wrong).isEmpty();
        assertThat(named).as("pieces of evidence").isGreaterThan(20);
    }

    @Test
    void everyModuleHasAReadme() {
        assertThat(Tree.files("pom.xml"))
                .allSatisfy(pom -> assertThat(pom.resolveSibling("README.md")).exists());
    }
}
