package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.tests.api.tasks.WaitResponse;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.Fifo;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** Where output goes besides bare fifos: logger programs, files, and the same fifos by URI. */
class LoggerTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(15);

    /** Copies both streams to files beside it, notes arguments and environment, and is ready after {@code seconds}. */
    private static final String LOGGER = """
            #!/bin/sh
            dir=DIRECTORY
            cat /proc/$$/environ > $dir/environ
            echo "$@" > $dir/args
            echo $$ > $dir/pid
            sleep SECONDS
            cat <&3 >> $dir/out 5>&- &
            cat <&4 >> $dir/err 5>&- &
            exec 3<&- 4<&- 5>&-
            wait
            echo done > $dir/end
            """;

    private Path logger(String name, String seconds) throws IOException {
        Path dir = Files.createDirectories(bed().dir().resolve("log-" + Ctr.newId(name)));
        Path program = dir.resolve("logger");
        Files.writeString(program, LOGGER.replace("DIRECTORY", dir.toString()).replace("SECONDS", seconds));
        Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwxr-xr-x"));
        return dir;
    }

    private static Stdio both(String uri) {
        return new Stdio("", uri, uri);
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return "";
        }
    }

    @Test
    void loggerProgramGetsBothStreamsItsArgumentsAndNoOtherEnvironment() throws IOException {
        Path dir = logger("log", "0");
        try (Task task = Task.container(bed(), Ctr.newId("logged"), "sh", "-c", "echo out; echo err >&2; exit 4")) {
            task.create(both("binary://" + dir.resolve("logger") + "?--level=debug"));
            Future<WaitResponse> waiting = task.waiting("");
            task.start();

            assertThat(Task.result(waiting, SOON)).isEqualTo(4);
            Await.until(
                    "output arrives",
                    SOON,
                    () -> text(dir.resolve("out")).equals("out\n")
                            && text(dir.resolve("err")).equals("err\n"));
            assertThat(text(dir.resolve("args"))).isEqualTo("--level debug\n");
            assertThat(text(dir.resolve("environ")).split("\0", -1))
                    .contains("CONTAINER_ID=" + task.id(), "CONTAINER_NAMESPACE=" + bed().tag())
                    .hasSize(3); // the last one is what follows the last NUL
            task.delete();
            if (runtime().isSubject()) { // containerd's own shim kills it
                Await.until(
                        "the logger ends with its streams",
                        SOON,
                        () -> text(dir.resolve("end")).equals("done\n"));
            }
        }
    }

    @Test
    void containerIsNotStartedBeforeItsLoggerIsReady() throws IOException {
        Path dir = logger("slow", "1.5");
        try (Task task = Task.container(bed(), Ctr.newId("slowlog"), "echo", "first")) {
            long begin = System.nanoTime();
            task.create(both("binary://" + dir.resolve("logger")));
            assertThat(Duration.ofNanos(System.nanoTime() - begin)).isGreaterThan(Duration.ofMillis(1400));
            task.start();

            assertThat(task.await("", SOON)).isZero();
            Await.until("output arrives", SOON, () -> text(dir.resolve("out")).equals("first\n"));
        }
    }

    @Test
    void execHasALoggerOfItsOwn() throws IOException {
        Path dir = logger("exec", "0");
        try (Task task = Task.running(bed(), "execlog", "sleep", "1000")) {
            task.exec("x", Spec.process("sh", "-c", "echo from exec"), both("binary://" + dir.resolve("logger")));
            Future<WaitResponse> waiting = task.waiting("x");
            task.start("x");

            assertThat(Task.result(waiting, SOON)).isZero();
            Await.until("output arrives", SOON, () -> text(dir.resolve("out")).equals("from exec\n"));
            task.deleteExec("x");
        }
    }

    @Test
    void missingLoggerIsNamed() {
        try (Task task = Task.container(bed(), Ctr.newId("nolog"), "true")) {
            assertThatThrownBy(() -> task.create(both("binary:///no/such/logger")))
                    .isInstanceOf(StatusRuntimeException.class)
                    .hasMessageContaining("/no/such/logger");
        }
    }

    @Test
    void loggerOutlivesAKilledDaemon() throws IOException {
        subjectOnly("a daemon that may die");
        Path dir = logger("daemon", "0");
        try (Task task =
                Task.container(bed(), Ctr.newId("keeplog"), "sh", "-c", "echo before; sleep 2; echo after; exit 6")) {
            task.create(both("binary://" + dir.resolve("logger")));
            Future<WaitResponse> waiting = task.waiting("");
            task.start();
            Await.until("output arrives", SOON, () -> text(dir.resolve("out")).equals("before\n"));
            long logger = Long.parseLong(text(dir.resolve("pid")).strip());

            bed().caissondPid().flatMap(ProcessHandle::of).ifPresent(ProcessHandle::destroyForcibly);
            task.state();

            assertThat(Proc.lives(logger)).isTrue();
            assertThat(Task.result(waiting, SOON)).isEqualTo(6);
            Await.until("output arrives", SOON, () -> text(dir.resolve("out")).equals("before\nafter\n"));
        }
    }

    @Test
    void fileIsMadeWithItsDirectoriesAndAppendedTo() throws IOException {
        Path file = bed().dir().resolve("deep").resolve(Ctr.newId("file")).resolve("output.log");
        for (int round = 1; round <= 2; round++) {
            try (Task task = Task.container(bed(), Ctr.newId("tofile"), "sh", "-c", "echo out; echo err >&2")) {
                task.create(both("file://" + file));
                task.start();
                assertThat(task.await("", SOON)).isZero();
            }
            int lines = 2 * round;
            Await.until(
                    () -> "both streams in one file, so far " + text(file),
                    SOON,
                    () -> text(file).lines().count() == lines);
        }
        assertThat(Files.readAllLines(file)).containsExactlyInAnyOrderElementsOf(List.of("out", "err", "out", "err"));
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-r--r--");
    }

    @Test
    void fifoMayBeAUri() {
        try (Fifo in = Fifo.writing(Task.fifoPath(bed()));
                Fifo out = Fifo.reading(Task.fifoPath(bed()));
                Task task = Task.container(bed(), Ctr.newId("urififo"), "cat")) {
            subjectOnly("a fifo:// URI for standard input");
            task.create(new Stdio("fifo://" + in.path(), "fifo://" + out.path(), "fifo://" + out.path()));
            task.start();
            in.write("through".getBytes(StandardCharsets.UTF_8));
            task.closeStdin("");
            in.detach();

            assertThat(out.textToEnd(SOON)).isEqualTo("through");
            assertThat(task.await("", SOON)).isZero();
        }
    }

    @Test
    void unknownSchemeIsRefused() {
        try (Task task = Task.container(bed(), Ctr.newId("scheme"), "true")) {
            assertThatThrownBy(() -> task.create(both("carrier-pigeon:///loft")))
                    .isInstanceOf(StatusRuntimeException.class)
                    .hasMessageContaining("carrier-pigeon");
        }
    }
}
