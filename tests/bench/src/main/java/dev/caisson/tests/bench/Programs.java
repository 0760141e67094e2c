package dev.caisson.tests.bench;

import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Whole programs of this host's that a container runs: the resources {@code /programs/NAME.sh}, which prepare something, and print in milliseconds how long
 * the rest took. Their argument is the stopwatch.
 *
 * @param row its name
 * @param needs files without which there is nothing to run
 */
record Programs(String row, List<String> needs) {
    private static final List<Programs> ALL = List.of(
            new Programs("build", List.of("/usr/bin/make", "/usr/bin/gcc")),
            new Programs("git", List.of("/usr/bin/git")),
            new Programs("tree", List.of("/usr/bin/python3")),
            new Programs("redis", List.of("/usr/bin/redis-server", "/usr/bin/redis-benchmark")),
            new Programs("nginx", List.of("/usr/sbin/nginx", "/usr/bin/wrk")),
            new Programs("postgres", List.of("/usr/lib/postgresql", "/usr/bin/setpriv")));

    /** Those that this host has; of the others it says what is missing. */
    static List<Programs> available() {
        return ALL.stream().filter(Programs::isThere).toList();
    }

    private boolean isThere() {
        List<String> missing =
                needs.stream().filter(n -> !Files.exists(Path.of(n))).toList();
        if (!missing.isEmpty()) {
            Skip.note(row + " behind the trap wall", String.join(", ", missing));
        }
        return missing.isEmpty();
    }

    /** The words of a command in a container whose {@code /work} is what {@link #layOut} made. */
    List<String> command(Stopwatch stopwatch) {
        return List.of(
                "/usr/bin/sh",
                "-eu",
                "/work/" + row + ".sh",
                stopwatch.program().toString());
    }

    /** Puts what they need into a directory. */
    static void layOut(Path work) throws IOException {
        for (Programs program : ALL) {
            String name = "/programs/" + program.row + ".sh";
            try (InputStream in = Programs.class.getResourceAsStream(name)) {
                if (in == null) {
                    throw new IllegalStateException("no resource " + name);
                }
                Files.writeString(
                        work.resolve(program.row + ".sh"),
                        "export PATH=/usr/local/bin:/usr/bin:/usr/sbin\n"
                                + new String(in.readAllBytes(), StandardCharsets.UTF_8));
            }
        }
        Path monitor = Files.createDirectories(work.resolve("monitor"));
        try (Stream<Path> sources = Files.list(Path.of("monitor/src"))) {
            for (Path source : sources.toList()) {
                Files.copy(source, monitor.resolve(String.valueOf(source.getFileName())));
            }
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }
}
