package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Assumptions;

/** A program of {@code tests/syscalls}. */
final class CompiledProgram {
    private static final List<String> HEADERS = List.of("say.h", "signals.h");

    private CompiledProgram() {}

    /** The text of a file there. */
    static String source(String name) throws IOException {
        try (InputStream in =
                Objects.requireNonNull(CompiledProgram.class.getResourceAsStream("/syscalls/" + name), name)) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Compiles one, statically; the test is skipped where there is no compiler. */
    static void compile(String name, Path directory, Path output) throws IOException, InterruptedException {
        Assumptions.assumeTrue(Files.isExecutable(Path.of("/usr/bin/gcc")), "no C compiler");
        for (String header : HEADERS) {
            Files.writeString(directory.resolve(header), source(header));
        }
        Path source = Files.writeString(directory.resolve(name + ".c"), source(name + ".c"));
        Process gcc = new ProcessBuilder(
                        "gcc", "-O1", "-w", "-static", "-pthread", "-o", output.toString(), source.toString())
                .redirectErrorStream(true)
                .start();
        String said = new String(gcc.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(gcc.waitFor()).as(said).isZero();
    }
}
