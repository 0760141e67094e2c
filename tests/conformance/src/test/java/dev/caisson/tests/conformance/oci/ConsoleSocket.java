package dev.caisson.tests.conformance.oci;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/** Who listens at a console socket, takes one terminal's master, and copies between it and this test: Podman's conmon, in ten lines of Python. */
final class ConsoleSocket implements AutoCloseable {
    private static final Duration SOON = Duration.ofMinutes(2);
    private static final String COPY = """
            import os, select, socket, sys
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(sys.argv[1])
            listener.listen(1)
            fds = []
            while not fds:
                connection = listener.accept()[0]
                fds = socket.recv_fds(connection, 64, 1)[1]
            while True:
                for ready in select.select([0, fds[0]], [], [])[0]:
                    data = os.read(ready, 4096)
                    if not data:
                        sys.exit()
                    os.write(fds[0] if ready == 0 else 1, data)
            """;

    private final Path socket;
    private final Path output;
    private final Process copier;

    /** @param base of the names of its files */
    ConsoleSocket(Path base) {
        Skip.unless(Command.find("python3").isPresent(), "a console socket", "python3");
        this.socket = base.resolveSibling(base.getFileName() + ".sock");
        this.output = base.resolveSibling(base.getFileName() + ".out");
        this.copier = Command.of(
                        "sh",
                        "-c",
                        "exec python3 -IS -c \"$1\" \"$2\" >\"$3\" 2>&1",
                        "sh",
                        COPY,
                        path(),
                        output.toString())
                .env(Map.of())
                .start();
        try {
            Await.until("the console socket", SOON, () -> Files.exists(socket));
        } catch (AssertionError e) {
            close();
            throw e;
        }
    }

    String path() {
        return socket.toString();
    }

    void type(String line) {
        try {
            copier.getOutputStream().write((line + "\n").getBytes(StandardCharsets.UTF_8));
            copier.getOutputStream().flush();
        } catch (IOException e) {
            throw new UncheckedIOException(Box.text(output), e);
        }
    }

    void expect(String text) {
        Await.until(text + " on the terminal", SOON, () -> Box.text(output).contains(text));
    }

    @Override
    public void close() {
        copier.destroyForcibly();
        try {
            copier.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
