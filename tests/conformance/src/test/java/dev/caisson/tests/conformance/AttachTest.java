package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Skip;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** {@code ctr run --detach}, {@code ctr task attach}, a client that is killed, and the next one. */
class AttachTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(15);

    /** A running {@code ctr} with its streams. */
    private static final class Client implements AutoCloseable {
        private final Process process;
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        Client(Command command) {
            process = command.start();
            Thread.ofPlatform().daemon().start(() -> collect(process.getInputStream()));
            Thread.ofPlatform().daemon().start(() -> collect(process.getErrorStream()));
        }

        private void collect(InputStream from) {
            byte[] buffer = new byte[4096];
            try {
                for (int n = from.read(buffer); n >= 0; n = from.read(buffer)) {
                    synchronized (out) {
                        out.write(buffer, 0, n);
                    }
                }
            } catch (IOException killed) {
                return;
            }
        }

        String text() {
            synchronized (out) {
                return out.toString(StandardCharsets.UTF_8);
            }
        }

        void type(String text) {
            try {
                process.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
                process.getOutputStream().flush();
            } catch (IOException e) {
                throw new UncheckedIOException("type to " + process.info(), e);
            }
        }

        void expect(String text) {
            Await.until(() -> "\"" + text + "\", so far: " + text(), SOON, () -> text().contains(text));
        }

        int exit() {
            Await.until(() -> "end of the client, so far: " + text(), SOON, () -> !process.isAlive());
            return process.exitValue();
        }

        /** SIGKILL: the client has no chance to tell anybody. */
        @Override
        public void close() {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
            try {
                assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AssertionError("interrupted", e);
            }
        }
    }

    private Command attach(String id) {
        return bed().ctr().command(List.of("task", "attach", id));
    }

    private Command run(String id, List<String> options, String... argv) {
        List<String> all = new ArrayList<>(
                List.of("--detach", "--fifo-dir", bed().dir().resolve("f").toString()));
        all.addAll(options);
        return bed().ctr().runContainer(id, all, argv);
    }

    /** Gives {@code ctr} the terminal that it insists on. */
    private static Command onTerminal(Command command) {
        Skip.unless(Command.find("script").isPresent(), "ctr on a terminal", "script(1) of the package bsdutils");
        return Command.of("script", "-qefc", String.join(" ", command.argv()), "/dev/null");
    }

    /** Of a container's first process; ctr's second column. */
    private long pid(String id) {
        String line = bed().ctr()
                .run("task", "ls")
                .ok()
                .out()
                .lines()
                .filter(each -> each.startsWith(id + " "))
                .findFirst()
                .orElseThrow();
        return Long.parseLong(line.strip().split(" +", -1)[1]);
    }

    private void assertRunning(String id) {
        assertThat(bed().ctr().run("task", "ls").ok().out()).containsPattern(id + " .*RUNNING");
    }

    @Test
    void clientsComeAndGoAndNothingIsLost() throws IOException {
        String id = Ctr.newId("attach");
        String script =
                "while read line; do case $line in quit) exit 7;; later) (while [ ! -e /alone ]; do sleep 0.02; done; echo while away; >/said) & ;; "
                        + "*) echo got $line;; esac; done; echo end of input";
        try {
            // Its standard input stays open until it has ended: an end of file would be passed on to the container.
            try (Client starter = new Client(run(id, List.of(), "sh", "-c", script))) {
                assertThat(starter.exit()).as(starter.text()).isZero();
            }
            try (Client first = new Client(attach(id))) {
                first.type("one\n");
                first.expect("got one\n");
                first.type("later\n");
                first.type("two\n");
                first.expect("got two\n");
            }
            // It writes now, with nobody there to read.
            Path root = Path.of("/proc/" + pid(id) + "/root");
            Files.createFile(root.resolve("alone"));
            Await.until("a line that nobody reads", SOON, () -> Files.exists(root.resolve("said")));
            assertRunning(id);
            try (Client second = new Client(attach(id))) {
                second.expect("while away\n");
                second.type("three\n");
                second.expect("got three\n");
                assertThat(second.text()).doesNotContain("got one");
                second.type("quit\n");
                assertThat(second.exit()).isEqualTo(7);
            }
        } finally {
            bed().ctr().remove(id);
        }
    }

    @Test
    void terminalStaysForTheNextClient() {
        String id = Ctr.newId("ttyattach");
        try {
            try (Client starter = new Client(onTerminal(run(id, List.of("--tty"), "sh")))) {
                starter.exit();
            }
            try (Client first = new Client(onTerminal(attach(id)))) {
                first.type("echo $((6 * 7)); tty\r");
                first.expect("\n42\r");
                first.expect("\n/dev/pts/0\r");
                first.type("kept=yes; echo $((50 + 5))\r");
                first.expect("\n55\r");
            }
            assertRunning(id);
            try (Client second = new Client(onTerminal(attach(id)))) {
                second.type("echo kept: $kept\r");
                second.expect("\nkept: yes\r");
                second.type("exit 11\r");
                assertThat(second.exit()).isEqualTo(11);
            }
        } finally {
            bed().ctr().remove(id);
        }
    }
}
