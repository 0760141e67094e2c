package dev.caisson.cli;

import dev.caisson.linux.Errno;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** What {@code ps} prints as a table: the machine's own ps(1), without the lines of other processes. */
final class ProcessTable {
    private ProcessTable() {}

    /** @param words the container's id, then options for ps(1) */
    static String of(List<Integer> pids, List<String> words) throws Failure {
        List<String> argv = new ArrayList<>();
        argv.add("ps");
        argv.addAll(words.size() > 1 ? words.subList(1, words.size()) : List.of("-ef"));
        try {
            Process ps = new ProcessBuilder(argv).redirectErrorStream(true).start();
            ps.getOutputStream().close();
            String text = new String(ps.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (ps.waitFor() != 0) {
                throw new Failure("run ps: " + text.strip());
            }
            return filter(text, pids);
        } catch (IOException e) {
            throw new Failure("run ps: " + Errno.describe(e), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new Failure("interrupted while running ps", e);
        }
    }

    /** The heading and the lines whose PID column is one of {@code pids}. Pure. */
    static String filter(String text, List<Integer> pids) throws Failure {
        List<String> lines = text.lines().toList();
        List<String> heading = lines.isEmpty() ? List.of() : fields(lines.getFirst());
        int column = heading.indexOf("PID");
        if (column < 0) {
            throw new Failure("couldn't find PID field in ps output");
        }
        StringBuilder out = new StringBuilder(lines.getFirst()).append('\n');
        for (String line : lines.subList(1, lines.size())) {
            List<String> fields = fields(line);
            if (fields.size() > column && pids.contains(pid(fields.get(column)))) {
                out.append(line).append('\n');
            }
        }
        return out.toString();
    }

    private static List<String> fields(String line) {
        return List.of(line.strip().split("\\s+"));
    }

    private static int pid(String text) {
        try {
            return Integer.parseInt(text);
        } catch (NumberFormatException e) {
            return -1;
        }
    }
}
