package dev.caisson.trap.dispatch;

import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Which calls a tracer is told of, and how.
 *
 * @param json a JSON object for each, instead of a line as strace(1) writes it
 * @param pid process or thread as the container counts, 0 for all
 * @param calls names, empty for all
 * @param path what a path among the arguments begins with, empty for all
 */
public record TraceFilter(boolean json, int pid, Set<String> calls, String path) {
    public TraceFilter {
        calls = Set.copyOf(calls);
    }

    /** As words of one line; the path, which may have blanks, is the last. */
    public String line() {
        return (json ? "json " : "text ") + pid + " "
                + (calls.isEmpty() ? "-" : calls.stream().sorted().collect(Collectors.joining(",")))
                + " " + path;
    }

    /** @throws IllegalArgumentException it is none */
    public static TraceFilter parse(String line) {
        String[] words = line.split(" ", 4);
        if (words.length != 4 || !(words[0].equals("json") || words[0].equals("text"))) {
            throw new IllegalArgumentException("no trace filter: " + line);
        }
        Set<String> calls = words[2].equals("-")
                ? Set.of()
                : Arrays.stream(words[2].split(",", -1)).collect(Collectors.toSet());
        return new TraceFilter(words[0].equals("json"), Integer.parseInt(words[1]), calls, words[3]);
    }

    boolean wants(String call, Caller caller, List<String> paths) {
        return (calls.isEmpty() || calls.contains(call))
                && (pid == 0 || pid == caller.guestTgid() || pid == caller.guestTid())
                && (path.isEmpty() || paths.stream().anyMatch(p -> p.startsWith(path)));
    }
}
