package dev.caisson.cli;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Backends;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.MachineTemplates;
import dev.caisson.backend.MachineTemplates.Entry;
import dev.caisson.backend.MachineTemplates.Shape;
import dev.caisson.cli.grammar.UsageException;
import java.util.ArrayList;
import java.util.List;

/** The verb {@code template}: virtual machines that pods' machines go on from. */
final class TemplateVerb {
    private static final String MEMORY = "512m";
    private static final int PROCESSORS = 8;
    /** As many as a machine has room for: pods take those that they have interfaces for. */
    private static final int CARDS = 3;

    private static final long LEAST_MIB = 128;
    private static final long MOST_MIB = 64 << 10;

    private TemplateVerb() {}

    static void run(Request request) throws UsageException, Failure, ContainerFault {
        List<String> words = request.args().words();
        Backend backend = request.containers()
                .backends()
                .named(Backends.byProgram(request.call().program()));
        MachineTemplates templates = backend.templates();
        if (templates == null) {
            throw new Failure("template: the backend " + backend.name() + " has no virtual machines");
        }
        switch (words.getFirst()) {
            case "build" -> {
                expect(words, 1, "template build [--memory BYTES] [--processors N] [--cards N]");
                Shape shape = shape(request);
                request.out(templates.build(shape, request.call().launcher(Invocation.Hands.PLAIN)) + "\n");
            }
            case "list" -> {
                expect(words, 1, "template list");
                request.out(table(templates.list()));
            }
            case "verify" -> {
                expect(words, 2, "template verify NAME");
                List<String> problems = templates.verify(words.get(1));
                if (!problems.isEmpty()) {
                    throw new Failure("template " + words.get(1) + ": " + String.join("; ", problems));
                }
            }
            case "remove" -> {
                expect(words, 2, "template remove NAME");
                templates.remove(words.get(1));
            }
            default -> throw new Failure("neither build, list, verify nor remove: " + words.getFirst());
        }
        request.done();
    }

    private static void expect(List<String> words, int count, String usage) throws Failure {
        if (words.size() != count) {
            throw new Failure("usage: " + usage);
        }
    }

    private static Shape shape(Request request) throws UsageException, Failure {
        long mib = ByteSize.parse("--memory", request.args().value("memory", MEMORY)) >> 20;
        if (mib < LEAST_MIB || mib > MOST_MIB) {
            throw new Failure("--memory: " + mib + " MiB, not " + LEAST_MIB + " to " + MOST_MIB);
        }
        return new Shape(
                (int) mib, number(request, "processors", 1, 1, PROCESSORS), number(request, "cards", CARDS, 0, CARDS));
    }

    private static int number(Request request, String flag, int usual, int least, int most)
            throws UsageException, Failure {
        Long number = request.args().number(flag);
        if (number == null) {
            return usual;
        }
        if (number < least || number > most) {
            throw new Failure("--" + flag + ": " + number + ", not " + least + " to " + most);
        }
        return number.intValue();
    }

    private static String table(List<Entry> entries) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("NAME", "MEMORY", "PROCESSORS", "CARDS", "ON DISK", "PROBLEM"));
        for (Entry each : entries) {
            rows.add(List.of(
                    each.name(),
                    each.shape().memoryMib() + "m",
                    Integer.toString(each.shape().processors()),
                    Integer.toString(each.shape().cards()),
                    (each.bytes() >> 20) + "m",
                    each.problem().isEmpty() ? "-" : each.problem()));
        }
        return ListTable.aligned(rows);
    }
}
