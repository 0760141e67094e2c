import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.HashSet;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.xml.stream.XMLInputFactory;
import javax.xml.stream.XMLStreamConstants;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamReader;

/**
 * Adds up JUnit's XML reports for {@code tests/all}. {@code java Summary.java MODE [N] FOLDER...} where MODE is {@code --counts},
 * {@code --failures}, {@code --flaky} (failed, but not when the class ran again: folder NAME-again), {@code --skips}, or {@code --total N}, which prints the last line of {@code ./dev test} with N failed steps
 * added and exits with 1 if anything failed.
 */
final class Summary {
    private int passed;
    private int failed;
    private int skipped;
    private final List<String> failures = new ArrayList<>();
    private final List<String> flaky = new ArrayList<>();
    private Set<String> stillFailing;
    private static final String AGAIN = "-again";
    private static final String ABORTED = "TestAbortedException: ";
    private static final int MAX_MESSAGE = 400;
    private final Map<String, Integer> skips = new TreeMap<>();

    public static void main(String[] args) throws IOException, XMLStreamException {
        Summary summary = new Summary();
        boolean total = args[0].equals("--total");
        for (String folder : List.of(args).subList(total ? 2 : 1, args.length)) {
            summary.add(Path.of(folder));
        }
        switch (args[0]) {
            case "--counts" -> System.out.println(summary.counts());
            case "--failures" -> summary.failures.forEach(line -> System.out.println("        " + line));
            case "--skips" ->
                summary.skips.forEach((reason, times) -> System.out.println("skipped " + times + ": " + reason));
            case "--flaky" -> summary.flaky.forEach(line -> System.out.println("passed at the second try: " + line));
            case "--total" -> {
                summary.failed += Integer.parseInt(args[1]);
                System.out.println(summary.counts());
                System.exit(summary.failed == 0 ? 0 : 1);
            }
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private String counts() {
        return passed + " passed, " + failed + " failed, " + skipped + " skipped";
    }

    private void add(Path folder) throws IOException, XMLStreamException {
        if (!Files.isDirectory(folder)) {
            return;
        }
        List<Path> files;
        try (Stream<Path> walk = Files.walk(folder)) {
            files = walk.filter(file -> file.getFileName().toString().matches("TEST-.*\\.xml"))
                    .toList();
        }
        for (Path file : files) {
            Path directory = file.getParent();
            String name = directory.getFileName().toString();
            if (name.endsWith(AGAIN)) {
                continue; // counted with the first run
            }
            Path again = directory.resolveSibling(name + AGAIN);
            stillFailing = Files.isDirectory(again) ? failingClasses(again) : null;
            try (var in = Files.newInputStream(file)) {
                read(XMLInputFactory.newDefaultFactory().createXMLStreamReader(in));
            }
        }
    }

    /** Classes with a failed test in the second run of a step. */
    private static Set<String> failingClasses(Path again) throws IOException, XMLStreamException {
        Summary second = new Summary();
        try (Stream<Path> walk = Files.walk(again)) {
            for (Path file : walk.filter(f -> f.getFileName().toString().matches("TEST-.*\\.xml")).toList()) {
                try (var in = Files.newInputStream(file)) {
                    second.read(XMLInputFactory.newDefaultFactory().createXMLStreamReader(in));
                }
            }
        }
        Set<String> classes = new HashSet<>();
        for (String line : second.failures) {
            classes.add(line.substring(0, line.indexOf('.')));
        }
        return classes;
    }

    private void read(XMLStreamReader xml) throws XMLStreamException {
        String test = "";
        String outcome = "";
        while (xml.hasNext()) {
            int event = xml.next();
            if (event == XMLStreamConstants.START_ELEMENT) {
                switch (xml.getLocalName()) {
                    case "testcase" -> {
                        test = simple(xml.getAttributeValue(null, "classname")) + "."
                                + xml.getAttributeValue(null, "name");
                        outcome = "passed";
                    }
                    case "failure", "error" -> {
                        if (outcome.equals("passed")) {
                            String line = test + ": " + failure(xml);
                            if (stillFailing != null && !stillFailing.contains(test.substring(0, test.indexOf('.')))) {
                                flaky.add(line);
                            } else {
                                outcome = "failed";
                                failures.add(line);
                            }
                        }
                    }
                    case "skipped" -> {
                        outcome = "skipped";
                        skips.merge(reason(xml), 1, Integer::sum);
                    }
                    default -> {}
                }
            } else if (event == XMLStreamConstants.END_ELEMENT && xml.getLocalName().equals("testcase")) {
                switch (outcome) {
                    case "failed" -> failed++;
                    case "skipped" -> skipped++;
                    default -> passed++;
                }
            }
        }
    }

    private static String simple(String className) {
        return className.substring(className.lastIndexOf('.') + 1);
    }

    /** Of a skip. Surefire puts the reason into an attribute, JUnit's console launcher into the text. */
    private static String reason(XMLStreamReader xml) throws XMLStreamException {
        String text = text(xml);
        int marker = text.indexOf(ABORTED);
        String sentence = marker < 0 ? text : text.substring(marker + ABORTED.length());
        int end = sentence.indexOf('\n');
        return (end < 0 ? sentence : sentence.substring(0, end)).replace("Assumption failed: ", "");
    }

    /** The whole message on one line, since an assertion says what it expected on its later ones, and where in our tests it was. */
    private static String failure(XMLStreamReader xml) throws XMLStreamException {
        String message = xml.getAttributeValue(null, "message");
        String trace = xml.getElementText();
        List<String> said = (message == null || message.isBlank() ? trace : message)
                .lines()
                .map(String::strip)
                .takeWhile(line -> !line.startsWith("at "))
                .filter(line -> !line.isEmpty())
                .toList();
        String all = String.join(" ", said);
        String where = trace.lines()
                .map(String::strip)
                .filter(line -> line.startsWith("at dev.caisson."))
                .findFirst()
                .map(line -> " (" + line.replaceAll(".*\\(|\\)", "") + ")")
                .orElse("");
        return (all.length() <= MAX_MESSAGE ? all : all.substring(0, MAX_MESSAGE) + "[...]") + where;
    }

    private static String text(XMLStreamReader xml) throws XMLStreamException {
        String message = xml.getAttributeValue(null, "message");
        return message == null || message.isBlank() ? xml.getElementText().strip() : message.strip();
    }
}
