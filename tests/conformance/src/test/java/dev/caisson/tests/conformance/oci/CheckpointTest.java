package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** {@code checkpoint} and {@code restore}. CRIU works on the lab's kernel, not on every host's. */
class CheckpointTest extends OciSuite {
    /** Counts up in memory; whoever starts it anew would begin at 1. */
    private static final String COUNT = "i=0; while :; do i=$((i+1)); echo $i > /tmp/n; sleep 0.1; done";

    @BeforeEach
    void needCriu() {
        Skip.unless(Command.find("criu").isPresent(), "checkpoint and restore", "the package criu");
        deviates(Kind.CRUN, "checkpoint and restore", "Debian builds it without CRIU");
    }

    private static boolean criuWorks() {
        return Command.of("criu", "check").run().exit() == 0;
    }

    private static void needsKernel() {
        Skip.unless(criuWorks(), "checkpoint and restore", "a kernel that CRIU 3.17 works on, such as the lab's");
    }

    /** A command whose streams are nobody's, as a file of the host's cannot be saved; what it says is in the log. */
    private Command silent(Box box, String... arguments) {
        List<String> argv = new ArrayList<>(box.command(arguments).argv());
        argv.addAll(1, List.of("--log", dir.resolve("log").toString()));
        argv.addAll(0, List.of("sh", "-c", "exec \"$@\" </dev/null >/dev/null 2>&1", "sh"));
        return Command.of(argv).env(runtime.environment());
    }

    private void ok(Command command) {
        Command.Result result = command.run();
        assertThat(result.exit())
                .as("%s: %s", result, Box.text(dir.resolve("log")))
                .isZero();
    }

    private Box running(Box box) {
        box.write();
        ok(silent(box, "run", "--detach", "--bundle", box.bundle.toString(), box.id));
        return box;
    }

    private String image() {
        return dir.resolve("image").toString();
    }

    private Command restore(Box box, String... flags) {
        List<String> arguments = new ArrayList<>(List.of("restore", "--detach", "--bundle", box.bundle.toString()));
        arguments.addAll(List.of(
                "--image-path", image(), "--work-path", dir.resolve("work").toString()));
        arguments.addAll(List.of(flags));
        arguments.add(box.id);
        return silent(box, arguments.toArray(String[]::new));
    }

    private void checkpoint(Box box, String... flags) {
        List<String> arguments = new ArrayList<>(List.of(
                "checkpoint",
                "--image-path",
                image(),
                "--work-path",
                dir.resolve("work").toString()));
        arguments.addAll(List.of(flags));
        arguments.add(box.id);
        box.command(arguments.toArray(String[]::new)).run().ok();
    }

    private static int count(Box box) {
        String text = Box.text(box.file("/tmp/n")).strip();
        return text.isEmpty() ? 0 : Integer.parseInt(text);
    }

    private void counts(Box box) {
        int before = count(box);
        Await.until("the counter moves on", SOON, () -> count(box) > before);
    }

    @Test
    void aContainerGoesOnWhereItWas() {
        needsKernel();
        Box box = box(COUNT);
        Path data = dir.resolve("data");
        assertThat(data.toFile().mkdir()).isTrue();
        box.spec().bind(data, "/data");
        box.spec().resource("memory", "{\"limit\": 67108864}");
        running(box);
        Await.until("the counter has come some way", SOON, () -> count(box) > 20);

        checkpoint(box);

        assertThat(box.tryState().exit())
                .as("state of what is only an image now")
                .isNotZero();
        int saved = count(box);
        ok(restore(box, "--pid-file", dir.resolve("pid").toString()));
        counts(box);
        assertThat(count(box)).isGreaterThan(saved);
        assertThat(box.status()).isEqualTo("running");
        assertThat(Box.text(dir.resolve("pid"))).isEqualTo(Long.toString(box.pid()));
        if (CgroupFiles.isUnified()) {
            assertThat(new CgroupFiles(box.pid()).read("", "memory.max")).isEqualTo("67108864");
        }
        assertThat(box.command("exec", box.id, "sh", "-c", "touch /data/seen; wc -c < /proc/kcore; cat /proc/1/comm")
                        .run()
                        .ok()
                        .out())
                .isEqualTo("0\nsh\n");
        assertThat(data.resolve("seen")).exists();
        long pid = box.pid();
        box.delete("--force").ok();
        assertThat(Proc.lives(pid)).isFalse();
    }

    /** Another container's id and its own caller: the pipe of the image is that caller's now, and so is the exit code. */
    @Test
    void whoRestoresInTheForegroundGetsOutputAndExitCode() throws Exception {
        needsKernel();
        Box box = box("echo first; until [ -e /tmp/go ]; do sleep 0.1; done; echo second; exit 7");
        box.write();
        Process run =
                box.command("run", "--bundle", box.bundle.toString(), box.id).start();
        Await.until(
                "the container runs",
                SOON,
                () -> box.tryState().exit() == 0 && box.status().equals("running"));
        Await.until("its first word", SOON, () -> {
            try {
                return run.getInputStream().available() >= 6;
            } catch (java.io.IOException e) {
                return false;
            }
        });
        checkpoint(box);
        run.waitFor();
        Files.createFile(box.file("/tmp/go"));

        Command.Result restored = box.command(
                        "restore", "--bundle", box.bundle.toString(), "--image-path", image(), box.id)
                .run();

        assertThat(restored.out()).as(restored.toString()).isEqualTo("second\n");
        assertThat(restored.exit()).isEqualTo(7);
        assertThat(box.tryState().exit()).isNotZero();
    }

    private Box echoing() {
        Box box = box("n=0; while read line; do n=$((n+1)); echo \"$n: $line on $(tty)\"; done");
        box.process().put("terminal", true);
        return box;
    }

    /** What it says names its terminal, and how many lines it has heard in its life. */
    @Test
    void aTerminalsMasterGoesToTheConsoleSocket() {
        needsKernel();
        Box box = echoing().write();
        try (ConsoleSocket first = new ConsoleSocket(dir.resolve("first"))) {
            ok(silent(
                    box,
                    "run",
                    "--detach",
                    "--console-socket",
                    first.path(),
                    "--bundle",
                    box.bundle.toString(),
                    box.id));
            first.type("one");
            first.expect("1: one on /dev/pts/0");
            checkpoint(box);
        }

        try (ConsoleSocket second = new ConsoleSocket(dir.resolve("second"))) {
            ok(restore(box, "--console-socket", second.path()));
            second.type("two");
            second.expect("2: two on /dev/pts/0");
            assertThat(box.status()).isEqualTo("running");
            assertThat(box.command("exec", box.id, "ls", "-l", "/proc/1/fd/0")
                            .run()
                            .ok()
                            .out())
                    .contains("/dev/pts/0");
            box.delete("--force").ok();
        }
    }

    /** Runs it at a terminal until it has said something there, and checkpoints it. */
    private void checkpointAtItsTerminal(Box box) {
        try (ConsoleSocket console = new ConsoleSocket(dir.resolve("first"))) {
            ok(silent(
                    box,
                    "run",
                    "--detach",
                    "--console-socket",
                    console.path(),
                    "--bundle",
                    box.bundle.toString(),
                    box.id));
            console.type("one");
            console.expect("1: one on /dev/pts/0");
            checkpoint(box);
        }
    }

    @Test
    void aTerminalThatNobodyTakesUndoesTheRestore() {
        needsKernel();
        Box box = echoing().write();
        checkpointAtItsTerminal(box);

        Command.Result refused = restore(
                        box, "--console-socket", dir.resolve("nobody").toString())
                .run();

        assertThat(refused.exit()).isNotZero();
        assertThat(box.tryState().exit()).isNotZero();
    }

    @Test
    void whoRestoresInTheForegroundHasTheTerminalOnItsOwn() throws Exception {
        needsKernel();
        Skip.unless(Command.find("script").isPresent(), "a terminal", "script(1) of the package bsdutils");
        Box box = echoing().write();
        Path log = dir.resolve("out");
        Process run = onTerminal(box.command("run", "--bundle", box.bundle.toString(), box.id), log);
        type(run, "one");
        Await.until("an answer", SOON, () -> Box.text(log).contains("1: one on /dev/pts/0"));
        checkpoint(box);
        run.waitFor();

        Path after = dir.resolve("after");
        Process restored = onTerminal(
                box.command("restore", "--bundle", box.bundle.toString(), "--image-path", image(), box.id), after);
        type(restored, "two");
        Await.until("an answer", SOON, () -> Box.text(after).contains("2: two on /dev/pts/0"));
        restored.getOutputStream().write(4); // end of file, for a terminal
        restored.getOutputStream().flush();

        assertThat(restored.waitFor()).as(Box.text(after)).isZero();
        assertThat(box.tryState().exit()).isNotZero();
    }

    private Process onTerminal(Command command, Path log) {
        String line = String.join(" ", command.argv());
        return Command.of("script", "-qefc", line, log.toString())
                .env(runtime.environment())
                .start();
    }

    private static void type(Process process, String line) throws Exception {
        process.getOutputStream().write((line + "\n").getBytes(java.nio.charset.StandardCharsets.UTF_8));
        process.getOutputStream().flush();
    }

    @Test
    void anImagesTerminalIsNotLeftWithoutAMaster() {
        needsKernel();
        Box box = echoing().write();
        checkpointAtItsTerminal(box);
        box.process().put("terminal", false);
        box.write();

        Command.Result refused = restore(box).run();

        if (runtime.isSubject()) { // runc leaves it hung up
            assertThat(refused.exit()).isNotZero();
            assertThat(Box.text(dir.resolve("log"))).contains("process.terminal is false");
            assertThat(box.tryState().exit()).isNotZero();
        }
    }

    @Test
    void memoryIsSavedBeforehandWhileTheContainerRuns() {
        needsKernel();
        Box box = running(box(COUNT));
        Await.until("the counter moves", SOON, () -> count(box) > 2);

        box.command(
                        "checkpoint",
                        "--pre-dump",
                        "--image-path",
                        dir.resolve("before").toString(),
                        box.id)
                .run()
                .ok();
        counts(box);
        checkpoint(box, "--parent-path", "../before", "--leave-running");
        counts(box);
        box.kill("KILL").ok();
        box.await("stopped").delete().ok();

        assertThat(dir.resolve("image/parent")).isSymbolicLink();
        ok(restore(box));
        counts(box);
        assertThat(box.status()).isEqualTo("running");
    }

    /** The memory comes when the restored container asks for it; the command that saves ends when all of it has gone. */
    @Test
    void memoryFollowsOnDemand() throws Exception {
        needsKernel();
        Box box = running(box(COUNT));
        Await.until("the counter has come some way", SOON, () -> count(box) > 5);
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Path status = dir.resolve("status");
        List<String> save = new ArrayList<>(List.of("sh", "-c", "exec \"$@\" 3>" + status, "sh"));
        save.addAll(box.command(
                        "checkpoint",
                        "--image-path",
                        image(),
                        "--work-path",
                        dir.resolve("saved").toString(),
                        "--lazy-pages",
                        "--page-server",
                        "127.0.0.1:" + port,
                        "--status-fd",
                        "3",
                        box.id)
                .argv());
        Process saving = Command.of(save).env(runtime.environment()).start();
        Await.until("memory can be asked for", SOON, () -> status.toFile().length() > 0);
        String work = dir.resolve("work").toString();
        assertThat(new java.io.File(work).mkdir()).isTrue();
        Process pages = beside(
                "criu",
                "lazy-pages",
                "--images-dir",
                image(),
                "--work-dir",
                work,
                "--page-server",
                "--address",
                "127.0.0.1",
                "--port",
                Integer.toString(port));
        Await.until("the page daemon's socket", SOON, () -> Files.exists(Path.of(work, "lazy-pages.socket")));
        int saved = count(box);
        Box other = box("c2", COUNT).write();

        ok(restore(other, "--lazy-pages"));

        counts(other);
        assertThat(count(other)).isGreaterThan(saved);
        assertThat(saving.waitFor()).isZero();
        assertThat(pages.waitFor()).isZero();
        assertThat(other.status()).isEqualTo("running");
        other.delete("--force").ok();
        if (runtime.is(Kind.RUNC)) { // 1.1.5 leaves the group of what it has saved
            Command.of("rmdir", "/sys/fs/cgroup/" + tag() + "/" + box.id).run();
        }
    }

    @Test
    void anotherNetworkNamespaceStaysTheOthers() {
        needsKernel();
        Process other = beside("unshare", "--net", "sleep", "1000");
        Await.until(
                "the other's namespace",
                SOON,
                () -> !Proc.link(other.pid(), "ns/net")
                        .equals(Proc.link(ProcessHandle.current().pid(), "ns/net")));
        Box box = box(COUNT).without("network");
        box.add("/linux/namespaces", "{\"type\": \"network\", \"path\": \"/proc/" + other.pid() + "/ns/net\"}");
        running(box);
        checkpoint(box);

        ok(restore(box));

        counts(box);
        assertThat(Proc.link(box.pid(), "ns/net")).isEqualTo(Proc.link(other.pid(), "ns/net"));
    }

    private Box hooked(String script) {
        return box(COUNT)
                .set(
                        "/hooks",
                        "{\"createRuntime\": [{\"path\": \"/bin/sh\", \"args\": [\"sh\", \"-c\", \"" + script
                                + "\"]}]}");
    }

    /** Such as a hook that sets up the network. */
    @Test
    void hooksOfTheNamespacesRunBeforeItsProcesses() {
        needsKernel();
        Path states = dir.resolve("states");
        Box box = running(hooked("cat >> " + states + "; echo >> " + states));
        Await.until("the counter has come some way", SOON, () -> count(box) > 5);
        checkpoint(box);

        ok(restore(box));

        counts(box);
        List<String> pids = Box.text(states)
                .lines()
                .filter(line -> line.contains("\"pid\""))
                .toList();
        assertThat(pids).hasSize(2);
        assertThat(pids.getLast()).contains(Long.toString(box.pid()));
    }

    @Test
    void aFailingHookUndoesTheRestore() {
        needsKernel();
        Path first = dir.resolve("first");
        Box box = running(hooked("[ ! -e " + first + " ] && touch " + first));
        Await.until("the counter has come some way", SOON, () -> count(box) > 5);
        checkpoint(box);

        Command.Result refused = restore(box).run();

        assertThat(refused.exit()).isNotZero();
        if (runtime.isSubject()) {
            assertThat(Box.text(dir.resolve("log"))).contains("hook /bin/sh");
        }
        assertThat(box.tryState().exit()).isNotZero();
    }

    @Test
    void whatCannotBeSavedGoesOn() {
        Box box = box(COUNT);
        box.create().start(); // with a file of the host's as its output
        counts(box);

        Command.Result refused =
                box.command("checkpoint", "--image-path", image(), box.id).run();

        assertThat(refused.exit()).isNotZero();
        assertThat(refused.err()).containsIgnoringCase("criu");
        if (runtime.isSubject()) { // runc names the log and no reason
            assertThat(refused.err().strip()).hasLineCount(1);
            assertThat(refused.err()).contains(criuWorks() ? "Can't lookup mount" : "CRIU says: ");
        }
        counts(box);
        assertThat(box.status()).isEqualTo("running");
    }

    @Test
    void onlyWhatRunsIsSaved() {
        Box box = box(COUNT);
        box.create();

        Command.Result refused =
                box.command("checkpoint", "--image-path", image(), box.id).run();

        assertThat(refused.exit()).isNotZero();
        assertThat(refused.err()).contains("cannot be checkpointed in created state");
    }

    @Test
    void whatIsNoImageIsNotRestored() {
        Box box = box(COUNT).write();
        assertThat(dir.resolve("image").toFile().mkdir()).isTrue();

        Command.Result refused = restore(box).run();

        assertThat(refused.exit()).isNotZero();
        assertThat(box.tryState().exit()).isNotZero();
    }
}
