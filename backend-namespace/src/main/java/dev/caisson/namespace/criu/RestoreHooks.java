package dev.caisson.namespace.criu;

import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;

/**
 * Stops CRIU in the middle of a restore, when the container's namespaces are there and its processes are not yet (criu(8), {@code
 * --action-script}, action {@code setup-namespaces}), for hooks that have to run then. The script is the shell's; it asks and is answered
 * through two fifos.
 */
final class RestoreHooks implements AutoCloseable {
    private static final String SCRIPT = "criu-hooks";
    private static final String ASKED = SCRIPT + ".asked";
    private static final String ANSWER = SCRIPT + ".answer";
    private static final String TEXT = """
            #!/bin/sh
            # CRIU calls this at each of its steps.
            [ "$CRTOOLS_SCRIPT_ACTION" = setup-namespaces ] || exit 0
            echo "$CRTOOLS_INIT_PID" >"${0%/*}/criu-hooks.asked"
            read -r answer <"${0%/*}/criu-hooks.answer"
            [ "$answer" = go ]
            """;
    private static final String OVER = "over";

    private final Path directory;
    /** Open for both directions: so nobody waits for the other to open, and nobody meets an end. */
    private final RandomAccessFile asked;

    private final RandomAccessFile answer;

    private RestoreHooks(Path directory) throws IOException {
        this.directory = directory;
        this.asked = new RandomAccessFile(directory.resolve(ASKED).toFile(), "rw");
        this.answer = new RandomAccessFile(directory.resolve(ANSWER).toFile(), "rw");
    }

    /** @param directory for the script and its fifos; CRIU and this process see it by the same name */
    static RestoreHooks in(Path directory) throws IOException {
        Files.createDirectories(directory);
        remove(directory);
        Path script = Files.writeString(directory.resolve(SCRIPT), TEXT);
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
        try {
            HostFiles.mkfifo(directory.resolve(ASKED).toString(), 0600);
            HostFiles.mkfifo(directory.resolve(ANSWER).toString(), 0600);
        } catch (ErrnoException e) {
            throw new IOException(e.getMessage(), e);
        }
        return new RestoreHooks(directory);
    }

    Path script() {
        return directory.resolve(SCRIPT);
    }

    /**
     * Waits until CRIU has come so far, runs the hooks, and lets it go on, or fail with them. Returns also when there is nothing to wait for
     * any more, see {@link #over}.
     */
    void serve(Criu.InNamespaces hooks) throws ContainerFault {
        String word = "failed";
        try {
            String line = String.valueOf(asked.readLine());
            if (line.equals(OVER)) {
                return;
            }
            hooks.run(Integer.parseInt(line));
            word = "go";
        } catch (IOException | NumberFormatException e) {
            throw new ContainerFault(
                    ContainerFault.Kind.FAILED, "read from " + directory.resolve(ASKED) + ": " + e.getMessage(), e);
        } finally {
            write(answer, word);
        }
    }

    /** CRIU has ended, and will not ask any more. */
    void over() {
        write(asked, OVER);
    }

    private static void write(RandomAccessFile fifo, String word) {
        try {
            fifo.write((word + "\n").getBytes(StandardCharsets.US_ASCII));
        } catch (IOException e) {
            // Closed: nobody reads any more.
        }
    }

    @Override
    public void close() throws IOException {
        asked.close();
        answer.close();
        remove(directory);
    }

    private static void remove(Path directory) throws IOException {
        for (String name : List.of(SCRIPT, ASKED, ANSWER)) {
            Files.deleteIfExists(directory.resolve(name));
        }
    }
}
