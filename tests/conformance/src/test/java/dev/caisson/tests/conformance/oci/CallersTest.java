package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What callers ask of the command line besides a life: readiness, descriptors of processes, containers that stay, groups of an exec. */
class CallersTest extends OciSuite {
    private static final String HEARD = "heard";
    private static final String SLEEP = "exec sleep 1000";

    /** Sends its argument to $NOTIFY_SOCKET, as sd_notify(3) does. */
    private static final String NOTIFY_C = """
            #include <stdlib.h>
            #include <string.h>
            #include <sys/socket.h>
            #include <sys/un.h>

            int main(int argc, char **argv)
            {
                struct sockaddr_un at = { .sun_family = AF_UNIX };
                int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
                strncpy(at.sun_path, getenv("NOTIFY_SOCKET"), sizeof at.sun_path - 1);
                return argc < 2 || sendto(fd, argv[1], strlen(argv[1]), 0, (struct sockaddr *)&at, sizeof at) < 0;
            }
            """;

    private static final String MANAGER = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
            while True:
                with open(sys.argv[2], "ab") as out: out.write(s.recv(4096))
            """;

    /** Receives one descriptor and writes what the kernel says of it. */
    private static final String RECEIVER = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(1)
            c, _ = s.accept()
            data, fds, _, _ = socket.recv_fds(c, 4096, 4)
            with open(sys.argv[2], "w") as out: out.write(open("/proc/self/fdinfo/%d" % fds[0]).read())
            """;

    private Process python(String program, Path socket, Path output) {
        Skip.unless(Command.find("python3").isPresent(), "the other end of a socket", "python3");
        Process process = beside("python3", "-c", program, socket.toString(), output.toString());
        Await.until("socket " + socket, SOON, () -> Files.exists(socket));
        return process;
    }

    private void compile(Box box, String path, String program) {
        try {
            Path source = Files.writeString(dir.resolve("program.c"), program);
            Command.of("gcc", "-static", "-O1", "-o", box.file(path).toString(), source.toString())
                    .run()
                    .ok();
        } catch (IOException e) {
            throw new UncheckedIOException("write a program in C", e);
        }
    }

    /** A service manager, whose socket is returned; it writes what it hears to the file {@link #HEARD}. */
    private Path startManager() {
        deviates(
                Kind.CRUN,
                "readiness passed on with the process",
                "1.8.1 lets the container send to the manager itself");
        Path manager = dir.resolve("manager.sock");
        python(MANAGER, manager, dir.resolve(HEARD));
        return manager;
    }

    private Box notifying(String id, Path manager) {
        Box box = box(
                id,
                "test ! -e /tmp/wait || while ! test -e /tmp/go; do sleep 0.02; done; notify STATUS=x; notify READY=1; "
                        + SLEEP);
        compile(box, "/bin/notify", NOTIFY_C);
        box.under("env", "NOTIFY_SOCKET=" + manager);
        return box;
    }

    /** A unit of Type=notify: start returns when the container has said that it is ready, and its manager knows the process. */
    @Test
    void readinessReachesTheServiceManager() {
        Path manager = startManager();
        Path heard = dir.resolve(HEARD);
        Box box = notifying("c1", manager).create();
        assertThat(Box.text(heard)).isEmpty();

        box.start();

        Await.until("MAINPID", SOON, () -> Box.text(heard).contains("MAINPID="));
        assertThat(Box.text(heard)).isEqualTo("READY=1\nMAINPID=" + box.pid() + "\n");
    }

    @Test
    void aDetachedRunWaitsForReadiness() throws IOException {
        Path manager = startManager();
        Path heard = dir.resolve(HEARD);
        Box box = notifying("c1", manager);
        Files.createFile(box.file("/tmp/wait"));
        box.write();
        Process run = box.command("run", "-d", "--bundle", box.bundle.toString(), box.id)
                .into(dir.resolve("run"))
                .start();
        Await.until(
                "running",
                SOON,
                () -> box.tryState().exit() == 0 && box.status().equals("running"));
        assertThat(run.isAlive()).isTrue();

        Files.createFile(box.file("/tmp/go"));

        Await.until("end of run", SOON, () -> !run.isAlive());
        assertThat(Box.text(heard)).contains("MAINPID=" + box.pid());
    }

    /** As many as there are processors, and one more. */
    @Test
    void whoIsNotReadyKeepsNobodyElseWaiting() throws IOException {
        Path manager = startManager();
        List<Box> waiting = new ArrayList<>();
        List<Process> runs = new ArrayList<>();
        for (int i = 0; i <= Runtime.getRuntime().availableProcessors(); i++) {
            Box box = notifying("w" + i, manager);
            Files.createFile(box.file("/tmp/wait"));
            box.write();
            runs.add(box.command("run", "-d", "--bundle", box.bundle.toString(), box.id)
                    .into(dir.resolve("run" + i))
                    .start());
            waiting.add(box);
        }

        for (Box box : waiting) {
            Await.until(
                    "running",
                    SOON,
                    () -> box.tryState().exit() == 0 && box.status().equals("running"));
        }

        for (Box box : waiting) {
            Files.createFile(box.file("/tmp/go"));
        }
        Await.until("end of the runs", SOON, () -> runs.stream().noneMatch(Process::isAlive));
    }

    @Test
    void aKeptContainerIsThereAfterItsEnd() {
        deviates(Kind.CRUN, "run --keep", "1.8.1 does not have it");
        Box box = box("exit 3").write();
        assertThat(box.command("run", "--keep", "--bundle", box.bundle.toString(), box.id)
                        .run()
                        .exit())
                .isEqualTo(3);
        assertThat(box.status()).isEqualTo("stopped");
        box.delete().ok();
    }

    @Test
    void aCallerGetsADescriptorOfTheProcess() {
        Skip.unless(runtime.isSubject(), "run --pidfd-socket", "a runtime that has it; " + runtime + " does not");
        Path socket = dir.resolve("pidfd.sock");
        Path info = dir.resolve("info");
        python(RECEIVER, socket, info);
        Box box = box(SLEEP).create("--pidfd-socket", socket.toString());
        Await.until("a descriptor", SOON, () -> Box.text(info).contains("\nPid:"));
        assertThat(Box.text(info)).containsPattern("\nPid:\\s+" + box.pid() + "\n");
    }

    /** The group of a controller that a process of the host is in. */
    private static String group(long pid, String controller) {
        return Proc.read(pid, "cgroup")
                .lines()
                .map(line -> line.split(":", 3))
                .filter(parts -> List.of(parts[1].split(",", -1)).contains(controller))
                .map(parts -> parts[2])
                .findFirst()
                .orElse("");
    }

    @Test
    void anExecJoinsAGroupBelow() throws IOException {
        deviates(Kind.CRUN, "exec --cgroup with a controller", "1.8.1 has it for version 2 only");
        Skip.unless(Files.isDirectory(Path.of("/sys/fs/cgroup/pids")), "exec --cgroup CONTROLLER:PATH", "cgroup v1");
        Box box = box(SLEEP).create().start();
        String own = group(box.pid(), "pids");
        Path below = Path.of("/sys/fs/cgroup/pids" + own, "below");
        Files.createDirectory(below);

        Path pidFile = dir.resolve("pid");
        box.command(
                        "exec",
                        "-d",
                        "--pid-file",
                        pidFile.toString(),
                        "--cgroup",
                        "pids:below",
                        box.id,
                        "/bin/sleep",
                        "1000")
                .into(dir.resolve("exec"))
                .run()
                .ok();

        long pid = Long.parseLong(Box.text(pidFile));
        assertThat(group(pid, "pids")).isEqualTo(own + "/below");
        assertThat(group(pid, "memory")).isEqualTo(group(box.pid(), "memory"));
        Command.Result missing = box.command("exec", "--cgroup", "pids:nowhere", box.id, "/bin/true")
                .run();
        assertThat(missing.exit()).isNotZero();
        assertThat(missing.err()).contains("nowhere");
        box.kill("KILL").ok();
        box.await("stopped");
        Await.until("end of the exec", SOON, () -> !Proc.lives(pid));
    }

    @Test
    void aGroupOutsideIsNotJoined() {
        Skip.unless(runtime.isSubject(), "refusal of .. in exec --cgroup", "only asked of the subject");
        Skip.unless(Files.isDirectory(Path.of("/sys/fs/cgroup/pids")), "exec --cgroup CONTROLLER:PATH", "cgroup v1");
        Box box = box(SLEEP).create().start();
        assertThat(box.command("exec", "--cgroup", "pids:../../..", box.id, "/bin/sh", "-c", "cat /proc/self/cgroup")
                        .run()
                        .ok()
                        .out())
                .contains(":pids:" + group(box.pid(), "pids") + "\n");
    }
}
