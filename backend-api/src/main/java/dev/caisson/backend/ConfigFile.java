package dev.caisson.backend;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Reading a bundle's config.json in bounded memory: what is made of one takes several times its size, and the heap is small. Large
 * ones, which nobody writes in earnest, therefore wait for each other.
 */
public final class ConfigFile {
    /** containerd carries up to 16 MiB, Kubernetes stores a pod of at most 1.5 MiB. */
    public static final long MAX_BYTES = 2L << 20;

    private static final long LARGE_BYTES = 256L << 10;
    private static final ReentrantLock LARGE = new ReentrantLock();

    private ConfigFile() {}

    /** What is done with the bytes. */
    public interface Use<T> {
        T with(byte[] json) throws ContainerFault, IOException;
    }

    /** Reads the file, which the caller knows to be of at most {@link #MAX_BYTES}, and uses it. */
    public static <T> T with(Path file, Use<T> use) throws ContainerFault, IOException {
        if (Files.size(file) <= LARGE_BYTES) {
            return use.with(Files.readAllBytes(file));
        }
        LARGE.lock();
        try {
            return use.with(Files.readAllBytes(file));
        } finally {
            LARGE.unlock();
        }
    }
}
