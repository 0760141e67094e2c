package dev.caisson.tests.support;

import java.nio.file.Path;

/**
 * Where runtimes keep their state, as in /run on a host. {@code -Dcaisson.bed.run} names another one than /tmp: the benchmarks have a tmpfs
 * there. sun_path is 108 bytes long, so it must be short.
 */
public final class RunDirectory {
    private static final Path BASE = Path.of(System.getProperty("caisson.bed.run", "/tmp"));

    private RunDirectory() {}

    public static Path path() {
        return BASE;
    }
}
