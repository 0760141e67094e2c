package dev.caisson.tests.conformance.oci;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * What a process of a container sees. {@link #SCRIPT} prints it with the shell's own process as the subject, since the kernel computes
 * a forked program's capabilities anew at its execve.
 */
final class Inside {
    /** Needs /proc; a test may add lines of its own, whose output is {@link #rest}. */
    static final String SCRIPT = """
            p=/proc/$$
            echo @status; cat < $p/status
            echo @limits; cat < $p/limits
            echo @mounts; cat < $p/mountinfo
            echo @environment; tr '\\0' '\\n' < $p/environ
            echo @directory; readlink $p/cwd
            echo @host; hostname
            echo @domain; cat /proc/sys/kernel/domainname
            echo @oom; cat < $p/oom_score_adj
            echo @uids; cat < $p/uid_map
            echo @gids; cat < $p/gid_map
            echo @umask; umask
            echo @devices; find /dev -xdev -exec stat -c '%n|%F|%a|%u|%g|%t|%T|%N' {} +
            echo @ptmx; stat -L -c '%F|%t|%T' /dev/ptmx
            echo @rest
            """;

    private final Map<String, List<String>> sections = new LinkedHashMap<>();

    Inside(String output) {
        List<String> section = new ArrayList<>();
        for (String line : output.lines().toList()) {
            if (line.startsWith("@")) {
                section = new ArrayList<>();
                sections.put(line.substring(1), section);
            } else {
                section.add(line);
            }
        }
        if (!sections.containsKey("rest")) {
            throw new AssertionError("the probe did not reach its end:\n" + output);
        }
    }

    /** One mount of proc_pid_mountinfo(5): its point, options, propagation fields, type and superblock's options. */
    record Mount(
            String root,
            String point,
            List<String> options,
            List<String> tags,
            String type,
            List<String> superOptions) {
        static Mount of(String line) {
            List<String> words = List.of(line.split(" ", -1));
            int dash = words.indexOf("-");
            return new Mount(
                    words.get(3),
                    words.get(4),
                    List.of(words.get(5).split(",", -1)),
                    words.subList(6, dash),
                    words.get(dash + 1),
                    List.of(words.get(dash + 3).split(",", -1)));
        }

        boolean has(String option) {
            return options.contains(option);
        }
    }

    private List<String> section(String name) {
        return sections.getOrDefault(name, List.of());
    }

    /** The only line of a section. */
    String line(String name) {
        return String.join("\n", section(name)).strip();
    }

    /** A field of proc_pid_status(5), white space as single blanks. */
    String status(String field) {
        return section("status").stream()
                .filter(line -> line.startsWith(field + ":"))
                .map(line -> line.substring(field.length() + 1).strip().replaceAll("\\s+", " "))
                .findFirst()
                .orElse("");
    }

    /** A set of capabilities, for example {@code CapEff}. */
    long capabilities(String set) {
        return Long.parseUnsignedLong(status(set), 16);
    }

    /** Soft and hard limit as {@code proc_pid_limits(5)} names them, for example {@code Max open files}. */
    String limit(String name) {
        return section("limits").stream()
                .filter(line -> line.startsWith(name))
                .map(line -> line.substring(name.length()).strip().split("\\s+"))
                .map(words -> words[0] + " " + words[1])
                .findFirst()
                .orElse("");
    }

    /** In the order in which they were mounted. */
    List<Mount> mounts() {
        return section("mounts").stream().map(Mount::of).toList();
    }

    /** The uppermost mount at {@code point}. */
    Mount mount(String point) {
        return mounts().reversed().stream()
                .filter(mount -> mount.point().equals(point))
                .findFirst()
                .orElseThrow(() -> new AssertionError("nothing is mounted at " + point + ": " + section("mounts")));
    }

    List<String> environment() {
        return section("environment");
    }

    /** Id mappings, {@code inside outside size} each. */
    List<String> idMap(String which) {
        return section(which).stream()
                .map(line -> line.strip().replaceAll("\\s+", " "))
                .toList();
    }

    /** {@code type|mode|uid|gid|major|minor} of a node in /dev, the numbers in hexadecimal; empty when there is none. */
    String device(String path) {
        return devices(path)
                .map(words -> String.join("|", List.of(words).subList(1, 7)))
                .findFirst()
                .orElse("");
    }

    /** Where a symbolic link in /dev leads. */
    String link(String path) {
        return devices(path)
                .map(words -> words[7].replaceAll(".* -> ", "").replace("'", ""))
                .findFirst()
                .orElse("");
    }

    private Stream<String[]> devices(String path) {
        return section("devices").stream().map(line -> line.split("\\|", -1)).filter(words -> words[0].equals(path));
    }

    /** What {@code /dev/ptmx} is, links followed: {@code type|major|minor}. */
    String ptmx() {
        return line("ptmx");
    }

    /** What the test's own lines printed. */
    List<String> rest() {
        return section("rest");
    }
}
