package dev.caisson.tests.callers;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.BusyboxRoot;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** conmon without Podman: it becomes the parent of the container's process, whose pid it reads from the pid file. */
class ConmonTest extends CallerSuite {
    @SuppressWarnings("NullAway.Init") // opened before each test
    private Caller caller;

    @BeforeEach
    void open() throws IOException {
        need("conmon", "conmon");
        caller = new Caller(runtime, "/oc[0-9]+/c1");
        BusyboxRoot.layOut(caller.dir.resolve("b/rootfs"));
        for (String name : List.of("exits", "root")) {
            Files.createDirectory(caller.dir.resolve(name));
        }
    }

    @AfterEach
    void close() {
        if (caller != null) {
            runtime("delete", "--force", "c1");
            caller.close();
        }
    }

    private Command.Result runtime(String... arguments) {
        List<String> argv = new ArrayList<>(List.of(
                caller.binary().toString(), "--root", caller.dir.resolve("root").toString()));
        argv.addAll(List.of(arguments));
        return caller.command(Map.of(), argv.toArray(String[]::new)).run();
    }

    private void configure(Spec spec) {
        caller.write("b/config.json", spec.tree().toString());
    }

    private Command.Result conmon(String... more) {
        Path dir = caller.dir;
        List<String> argv = new ArrayList<>(List.of(
                "sh",
                "-c",
                "exec 3>\"$0\"; export _OCI_SYNCPIPE=3; exec \"$@\"",
                dir.resolve("sync").toString(),
                "conmon",
                "--cid=c1",
                "--cuuid=c1",
                "--name=c1",
                "--runtime=" + caller.binary(),
                "--runtime-arg=--root=" + dir.resolve("root"),
                "--bundle=" + dir.resolve("b"),
                "--log-path=k8s-file:" + dir.resolve("log"),
                "--container-pidfile=" + dir.resolve("pid"),
                "--conmon-pidfile=" + dir.resolve("conmon.pid"),
                "--exit-dir=" + dir.resolve("exits"),
                "--socket-dir-path=" + dir));
        argv.addAll(List.of(more));
        return caller.command(Map.of(), argv.toArray(String[]::new))
                .into(dir.resolve("conmon"))
                .run();
    }

    private String text(String name) {
        try {
            return Files.readString(caller.dir.resolve(name));
        } catch (IOException none) {
            return "";
        }
    }

    private long created() {
        Await.until(
                () -> "the pid file; " + text("conmon.err"),
                SOON,
                () -> !text("pid").isEmpty());
        return Long.parseLong(text("pid"));
    }

    @Test
    void theContainersProcessBecomesConmonsChild() {
        configure(Spec.of(caller.tag(), "c1", "/bin/sh", "-c", "echo out; echo err >&2; sleep 0.3; exit 7"));
        conmon().ok();
        long pid = created();

        // The pid file may be there before the runtime's command has ended.
        String conmon = "PPid:\t" + text("conmon.pid").strip();
        Await.until(
                "the container's process is conmon's child",
                SOON,
                () -> Proc.read(pid, "status").lines().anyMatch(conmon::equals));
        runtime("start", "c1").ok();
        Await.until("the exit file", SOON, () -> text("exits/c1").equals("7"));
        assertThat(text("log").lines().map(line -> line.replaceFirst("^\\S+ ", "")))
                .containsExactlyInAnyOrder("stdout F out", "stderr F err");
        runtime("delete", "c1").ok();
    }

    @Test
    void aTerminalIsHandedOver() {
        configure(Spec.of(caller.tag(), "c1", "/bin/sh", "-c", "test -t 0 && test -t 1 && echo terminal")
                .terminal());
        conmon("--terminal").ok();
        created();
        runtime("start", "c1").ok();

        Await.until("the exit file", SOON, () -> text("exits/c1").equals("0"));
        assertThat(text("log")).contains("stdout F terminal");
    }

    @Test
    void execBecomesConmonsChildToo() {
        configure(Spec.of(caller.tag(), "c1", "/bin/sleep", "1000"));
        conmon().ok();
        created();
        runtime("start", "c1").ok();
        Path process = caller.write(
                "process.json",
                Spec.process("/bin/sh", "-c", "echo in exec; exit 9").toString());
        Path dir = caller.dir;

        Command.of(
                        "conmon",
                        "--cid=c1",
                        "--cuuid=e1",
                        "--name=c1",
                        "--runtime=" + caller.binary(),
                        "--runtime-arg=--root=" + dir.resolve("root"),
                        "--bundle=" + dir.resolve("b"),
                        "--exec",
                        "--exec-process-spec=" + process,
                        "--log-path=k8s-file:" + dir.resolve("exec.log"),
                        "--container-pidfile=" + dir.resolve("exec.pid"),
                        "--exit-dir=" + exits("exec-exits"),
                        "--socket-dir-path=" + dir)
                .into(dir.resolve("exec"))
                .run()
                .ok();

        Await.until(
                () -> "the exit file; " + text("exec.err"),
                SOON,
                () -> text("exec-exits/c1").equals("9"));
        assertThat(text("exec.log")).contains("stdout F in exec");
        runtime("kill", "c1", "KILL").ok();
        Await.until("the exit file", SOON, () -> text("exits/c1").equals("137"));
    }

    private Path exits(String name) {
        try {
            return Files.createDirectories(caller.dir.resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException("create " + name, e);
        }
    }

    /** conmon gives its caller what the runtime said. */
    @Test
    void aFailedCreateIsToldAndLeavesNoPidFile() {
        configure(Spec.of(caller.tag(), "c1", "/no/such/program"));

        conmon();

        Await.until("conmon's report", SOON, () -> !text("sync").isEmpty());
        assertThat(text("sync")).containsIgnoringCase("no such file or directory");
        assertThat(caller.dir.resolve("pid")).doesNotExist();
        runtime("delete", "--force", "c1").ok();
    }
}
