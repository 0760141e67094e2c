package dev.caisson.kvm.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SparseCopyTest {
    private static final int SIZE = 8 << 20;

    @TempDir
    Path directory;

    private Path sparse() throws IOException {
        Path file = directory.resolve("file");
        try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
            out.setLength(SIZE);
            out.seek(SIZE / 2);
            out.writeBytes("in the middle");
            out.seek(SIZE - 3);
            out.writeBytes("end");
        }
        return file;
    }

    @Test
    void holesAreCopiedAsHoles() throws Exception {
        Path to = directory.resolve("copy");
        SparseCopy.of(sparse(), to, 0600);
        assertThat(to).hasSameBinaryContentAs(directory.resolve("file"));
    }

    /** A pod's disk is on a tmpfs mostly, and its image wherever somebody wants it. */
    @Test
    void toAFileSystemOfAnotherKind() throws Exception {
        Path shared = Path.of("/dev/shm");
        Assumptions.assumeTrue(
                Files.isDirectory(shared)
                        && !Files.getFileStore(shared)
                                .type()
                                .equals(Files.getFileStore(directory).type()),
                "SKIPPED: a copy between two kinds of file systems needs a tmpfs at /dev/shm");
        Path to = shared.resolve("caisson-test-" + ProcessHandle.current().pid());
        try {
            SparseCopy.of(sparse(), to, 0600);
            assertThat(to).hasSameBinaryContentAs(directory.resolve("file"));
        } finally {
            Files.deleteIfExists(to);
        }
    }
}
