package dev.caisson.backend;

import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

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

    /** There is no configuration to use. */
    public static final class MissingException extends ContainerFault {
        private static final long serialVersionUID = 1;

        MissingException(String message) {
            super(Kind.INVALID, message);
        }
    }

    /**
     * Reads the file and uses it.
     *
     * @throws MissingException when there is no file of that name, or one that is not regular, or of more than {@link #MAX_BYTES}
     */
    public static <T> T with(Path file, Use<T> use) throws ContainerFault, IOException {
        byte[] json = read(file, LARGE_BYTES);
        if (json != null) {
            return use.with(json);
        }
        LARGE.lock();
        try {
            json = read(file, MAX_BYTES);
            if (json == null) {
                throw new MissingException(file.getFileName() + ": larger than " + MAX_BYTES + " bytes");
            }
            return use.with(json);
        } finally {
            LARGE.unlock();
        }
    }

    /** Null when there is more. Without java.nio, which asks the kernel twice as often: every container waits for this. */
    private static byte @Nullable [] read(Path file, long limit) throws MissingException, ErrnoException {
        try {
            byte[] json = HostFiles.readIfPresent(file.toString(), (int) limit);
            if (json != null) {
                return json;
            }
        } catch (ErrnoException e) {
            if (e.errno() == Errno.EFBIG) {
                return null;
            }
            // Of a directory, of a socket, and of a fifo that somebody writes to.
            if (e.errno() != Errno.EISDIR && e.errno() != Errno.ENXIO && e.errno() != Errno.EAGAIN) {
                throw e;
            }
        }
        throw new MissingException(
                "JSON specification file " + file.getFileName() + " not found in " + file.getParent());
    }
}
