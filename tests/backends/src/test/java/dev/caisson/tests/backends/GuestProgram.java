package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;

/** A program for a guest, on a disk that has nothing else: {@code dd if=/dev/vda} is how it gets it. */
final class GuestProgram {
    private static final int SECTOR = 512;

    private GuestProgram() {}

    /**
     * Compiles one, statically.
     *
     * @param name of its source, beside this class
     */
    static Path disk(Path directory, String name) throws IOException, InterruptedException {
        Path source = directory.resolve(name);
        Path program = directory.resolve(name + ".disk");
        try (InputStream in = Objects.requireNonNull(GuestProgram.class.getResourceAsStream(name), name)) {
            Files.copy(in, source);
        }
        Process compiler = new ProcessBuilder(
                        "gcc", "-static", "-O1", "-Wall", "-o", program.toString(), source.toString())
                .redirectErrorStream(true)
                .start();
        String messages = new String(compiler.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(compiler.waitFor()).as(messages).isZero();
        byte[] bytes = Files.readAllBytes(program);
        return Files.write(program, Arrays.copyOf(bytes, (bytes.length + SECTOR - 1) / SECTOR * SECTOR));
    }
}
