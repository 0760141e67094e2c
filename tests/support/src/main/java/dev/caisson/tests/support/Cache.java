package dev.caisson.tests.support;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where things that are slow to make are kept between runs: peers built from source, the lab's kernel. */
public final class Cache {
    private Cache() {}

    /** {@code $CAISSON_CACHE}, else {@code $XDG_CACHE_HOME/caisson}, else {@code ~/.cache/caisson}; made when absent. */
    public static Path dir(String name) {
        String own = System.getenv("CAISSON_CACHE");
        String xdg = System.getenv("XDG_CACHE_HOME");
        Path base;
        if (own != null && !own.isEmpty()) {
            base = Path.of(own);
        } else if (xdg != null && !xdg.isEmpty()) {
            base = Path.of(xdg, "caisson");
        } else {
            base = Path.of(System.getProperty("user.home"), ".cache", "caisson");
        }
        try {
            return Files.createDirectories(base.resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException("create cache directory " + base.resolve(name), e);
        }
    }
}
