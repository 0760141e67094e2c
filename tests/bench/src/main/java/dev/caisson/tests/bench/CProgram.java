package dev.caisson.tests.bench;

import dev.caisson.tests.support.Cache;
import dev.caisson.tests.support.Command;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Small programs that measure: what Java would add to a time is more than most of what they time. */
final class CProgram {
    private CProgram() {}

    /** Compiles {@code source}, static, so that it runs in a container too. */
    static Path build(String name, String source) {
        Path program = Cache.dir("bench").resolve(name);
        Path file = program.resolveSibling(name + ".c");
        try {
            Files.writeString(file, source);
        } catch (IOException e) {
            throw new UncheckedIOException("write " + file, e);
        }
        Command.of("gcc", "-O2", "-static", "-o", program.toString(), file.toString())
                .run()
                .ok();
        return program;
    }
}
