package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.backend.ContainerFault;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.plan.MachineFilter;
import dev.caisson.kvm.vmm.MachineArguments;
import dev.caisson.kvm.vmm.MachineMain;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.UnixSockets;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Machines that go on from a file where another one was, each in a process of its own. In the lab. */
@Timeout(400)
class KvmTemplateTest {
    private static final Path IMAGE =
            Path.of(System.getProperty("caisson.image", "build/image")).toAbsolutePath();
    private static final int MEMORY_MIB = 512;

    @TempDir
    Path directory;

    @BeforeAll
    static void thereIsKvm() {
        assumeTrue(System.getenv("CAISSON_LAB") != null, "SKIPPED: guests run in the lab");
    }

    /** A machine's process without its jail. */
    private record Machine(Path own, Process process) implements AutoCloseable {
        static Machine start(Path own, int processors, @Nullable Path template) throws IOException {
            Files.createDirectory(own);
            List<String> command = new ArrayList<>(List.of(
                    Path.of(System.getProperty("java.home"), "bin/java").toString(),
                    "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=1",
                    "--enable-native-access=ALL-UNNAMED",
                    "--sun-misc-unsafe-memory-access=allow",
                    "-Djava.library.path=" + System.getProperty("java.library.path"),
                    "-cp",
                    System.getProperty("java.class.path"),
                    MachineMain.class.getName()));
            command.addAll(new MachineArguments(
                            own, IMAGE, MEMORY_MIB, processors, false, 0, template, MachineFilter.encoded())
                    .words());
            return new Machine(
                    own,
                    new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(own.resolve("log").toFile())
                            .start());
        }

        GuestAgent agent() {
            return new GuestAgent(own.resolve(MachineMain.PORTS), () -> "");
        }

        /** How long it takes until its agent answers, in nanoseconds. */
        long greet(GuestAgent.@Nullable Copy copy) throws Exception {
            long begin = System.nanoTime();
            while (true) {
                try {
                    assertThat(agent().hello(copy)).startsWith("6.");
                    return System.nanoTime() - begin;
                } catch (ContainerFault e) {
                    if (!process.isAlive() || System.nanoTime() - begin > 180_000_000_000L) {
                        throw new AssertionError(ask("console") + "\n" + Files.readString(own.resolve("log")), e);
                    }
                }
                Thread.sleep(5);
            }
        }

        String ask(String request, @Nullable Fd file) throws IOException {
            StringBuilder answer = new StringBuilder();
            try (Fd connection =
                    UnixSockets.connect(own.resolve(MachineMain.CONTROL).toString())) {
                UnixSockets.send(connection, (request + "\n").getBytes(StandardCharsets.UTF_8), file);
                byte[] part;
                do {
                    part = UnixSockets.receive(connection, 1 << 16).bytes();
                    answer.append(new String(part, StandardCharsets.UTF_8));
                } while (part.length > 0);
            }
            return answer.toString();
        }

        String ask(String request) {
            try {
                return ask(request, null);
            } catch (IOException e) {
                return Objects.toString(e.getMessage());
            }
        }

        @Override
        public void close() {
            process.destroyForcibly().onExit().join();
        }
    }

    private Path template(int processors) throws Exception {
        Path file = directory.resolve("template-" + processors);
        try (Machine machine = Machine.start(directory.resolve("t" + processors), processors, null)) {
            System.out.println("cold: " + machine.greet(null) / 1_000_000 + " ms");
            long begin = System.nanoTime();
            try (Fd out = HostFiles.open(file.toString(), HostFiles.O_RDWR | HostFiles.O_CREAT, 0600)) {
                assertThat(machine.ask("save", out)).isEqualTo("ok");
            }
            System.out.println("save: " + (System.nanoTime() - begin) / 1_000_000 + " ms, "
                    + Files.getAttribute(file, "unix:ino"));
            // It goes on as if nothing had been.
            machine.greet(null);
        }
        return file;
    }

    @Test
    void aCopyInAnotherProcessAnswers() throws Exception {
        for (int processors = 1; processors <= 2; processors++) {
            Path template = template(processors);
            for (int i = 0; i < 2; i++) {
                long begin = System.nanoTime();
                try (Machine copy = Machine.start(directory.resolve("c" + processors + i), processors, template)) {
                    copy.greet(null);
                    System.out.println("copy: " + (System.nanoTime() - begin) / 1_000_000 + " ms");
                    System.out.println(copy.ask("behind") + "\n" + copy.ask("metrics"));
                }
            }
        }
    }
}
