package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A container of the command line behind the seccomp-trap wall: its sandbox process outlives the command, and the daemon. */
class TrapWallTest extends OciSuite {
    @BeforeEach
    void onlyOneHasIt() {
        Skip.unless(runtime.is(Kind.CAISSON), "the trap wall", "caisson; " + runtime + " has none");
    }

    private Box trapped(String script) {
        return trapped("c1", script);
    }

    private Box trapped(String id, String script) {
        return box(id, script).set("/annotations", "{\"dev.caisson.backend\": \"seccomp-trap\"}");
    }

    private long daemon() {
        return Long.parseLong(Box.text(Path.of(runtime.environment().get("CAISSON_STATE_DIR"), "caissond.pid"))
                .strip());
    }

    /** Sandbox processes of this installation and daemon; those that answer have threads that read notifications. */
    private static List<Long> sandboxes(boolean answering) {
        return Proc.pids().stream()
                .filter(pid -> Proc.read(pid, "cmdline").contains("dev.caisson.trap.sandbox.SandboxMain"))
                .filter(pid -> answering == answers(pid))
                .toList();
    }

    private static boolean answers(long pid) {
        return threads(pid).stream()
                .anyMatch(thread -> Proc.read(pid, "task/" + thread + "/comm").startsWith("reader-"));
    }

    private static List<String> threads(long pid) {
        String[] names = Path.of("/proc/" + pid + "/task").toFile().list();
        return names == null ? List.of() : List.of(names);
    }

    /** The sandbox process whose threads are where the container is. */
    private static long sandboxOf(Box box) {
        String mounts = Proc.link(box.pid(), "ns/mnt");
        return sandboxes(true).stream()
                .filter(pid -> threads(pid).stream()
                        .anyMatch(thread ->
                                Proc.link(pid, "task/" + thread + "/ns/mnt").equals(mounts)))
                .findFirst()
                .orElseThrow(() -> new AssertionError("no sandbox process has " + box));
    }

    @Test
    void livesThroughItsWholeLife() {
        Box box = trapped("uname -r; while :; do sleep 0.05; done").create();
        assertThat(box.status()).isEqualTo("created");
        box.start().await("running");
        Await.until("output", SOON, () -> box.output().contains("caisson"));
        for (int i = 0; i < 3; i++) {
            Command.Result exec = box.command("exec", box.id, "/bin/sh", "-c", "cat /proc/version; exit 3")
                    .run();
            assertThat(exec.exit()).as(exec.err()).isEqualTo(3);
            assertThat(exec.out()).contains("caisson");
        }
        box.command("pause", box.id).run().ok();
        assertThat(box.status()).isEqualTo("paused");
        box.command("resume", box.id).run().ok();
        box.kill("KILL").ok();
        box.await("stopped");
        box.delete().ok();
    }

    @Test
    void runPassesOutputAndCodeOn() {
        Command.Result run = trapped("stat -c %F /proc/self/exe; exit 7").run();
        assertThat(run.exit()).as(run.err()).isEqualTo(7);
        assertThat(run.out()).isEqualTo("symbolic link\n");
    }

    /** Another daemon finds the sandbox process by the container's record. */
    @Test
    void execWorksAfterTheDaemonWasKilled() {
        Box box = trapped("while :; do sleep 0.05; done").create().start().await("running");
        Command.of("kill", "-9", Long.toString(daemon())).run().ok();
        Command.Result exec =
                box.command("exec", box.id, "/bin/sh", "-c", "ls / | wc -l").run();
        assertThat(exec.exit()).as(exec.err()).isZero();
    }

    /** Nobody runs unanswered, whoever else is there or not. */
    @Test
    void theContainerEndsWithItsSandboxProcessWithoutADaemon() {
        Box box = trapped("while :; do :; done").create().start().await("running");
        long init = box.pid();
        long sandbox = sandboxOf(box);
        Command.of("kill", "-9", Long.toString(daemon())).run().ok();
        Command.of("kill", "-9", Long.toString(sandbox)).run().ok();
        Await.until("end of the container", SOON, () -> !Proc.lives(init));
        assertThat(box.status()).isEqualTo("stopped");
    }

    /** What a container asks is seen while somebody looks, by call and path, and nobody is held up when they go. */
    @Test
    void itsCallsAreTraced() throws Exception {
        Box box = trapped("while :; do cat /etc/motd /nothing; sleep 0.02; done 2>/dev/null")
                .create()
                .start()
                .await("running");
        List<String> lines = traced(box, 5, "--call", "open,openat", "--path", "/nothing");
        assertThat(lines)
                .allMatch(
                        line -> line.matches(
                                "\\[pid \\d+] open(at)?\\(.*\"/nothing\", .*\\) = -1 ENOENT <\\d\\.\\d{6}> answered by open(at)?"));
        for (String line : traced(box, 20, "--json")) {
            JsonNode call = Box.parse(line);
            assertThat(call.get("pid").asInt()).isPositive();
            assertThat(call.get("verdict").asText()).isIn("answered", "continued");
            assertThat(call.get("layer").asText()).isNotEmpty();
            assertThat(call.get("seconds").asDouble()).isBetween(0.0, 10.0);
            assertThat(call.get("arguments").isArray()).isTrue();
        }
        assertThat(traced(box, 5, "--json", "--call", "execve"))
                .allMatch(line -> Box.parse(line).get("layer").asText().equals("host kernel"));
        Command.Result none = box.command("trace", "--call", "opem", box.id).run();
        assertThat(none.exit()).isNotZero();
        assertThat(none.err()).contains("there is no system call opem");
        long sandbox = sandboxOf(box);
        Await.until(
                "end of the watchers",
                SOON,
                () -> threads(sandbox).stream()
                        .noneMatch(
                                t -> Proc.read(sandbox, "task/" + t + "/comm").startsWith("watcher-")));
        assertThat(box.command("exec", box.id, "/bin/true").run().exit()).isZero();
    }

    /** The first lines that a trace prints. */
    private static List<String> traced(Box box, int count, String... flags) throws Exception {
        List<String> words = new ArrayList<>(List.of("trace"));
        words.addAll(List.of(flags));
        words.add(box.id);
        Process trace = box.command(words.toArray(String[]::new)).start();
        List<String> lines = new ArrayList<>();
        try (BufferedReader out = trace.inputReader()) {
            while (lines.size() < count) {
                String line = out.readLine();
                assertThat(line).as("after %s", lines).isNotNull();
                lines.add(line);
            }
        } finally {
            trace.destroyForcibly().waitFor();
        }
        return lines;
    }

    @Test
    void aSpareWaitsAndCostsNothingAndEndsWithTheDaemon() {
        trapped("true").run().ok();
        long daemon = daemon();
        AtomicLong found = new AtomicLong();
        Await.until("a spare that has rehearsed", SOON, () -> {
            // Not the first container's, which is about to end.
            found.set(spareOf(daemon));
            long before = found.get() == 0 ? -1 : Proc.cpuTicks(found.get());
            Await.sleep(Duration.ofMillis(500));
            return spareOf(daemon) == found.get() && before > 0 && Proc.cpuTicks(found.get()) == before;
        });
        long spare = found.get();
        long before = Proc.cpuTicks(spare);
        Await.sleep(Duration.ofSeconds(2));
        assertThat(Proc.cpuTicks(spare) - before)
                .as("ticks of 10 ms in two seconds")
                .isLessThanOrEqualTo(1);
        // It is the next container's.
        Box box = trapped("c2", "while :; do sleep 0.05; done").create().start().await("running");
        assertThat(sandboxOf(box)).isEqualTo(spare);
        Await.until("another spare", SOON, () -> spareOf(daemon) != 0 && spareOf(daemon) != spare);
        long next = spareOf(daemon);
        Command.of(runtime.binary().toString(), "daemon", "leave")
                .env(runtime.environment())
                .run()
                .ok();
        Await.until("end of the spare", SOON, () -> !Proc.lives(next));
        assertThat(Proc.lives(spare)).as("sandbox process of a container").isTrue();
    }

    @Test
    void theGroupOfAKilledDaemonsSpareIsRemovedByTheNextDaemon() {
        trapped("true").run().ok();
        long daemon = daemon();
        Await.until("one spare, and nothing of the container", SOON, () -> {
            List<Long> seen = sandboxesOf(daemon, false);
            Await.sleep(Duration.ofMillis(300)); // the container's own, which ends now, looks like a spare for a moment
            return sandboxesOf(daemon, true).isEmpty()
                    && seen.size() == 1
                    && sandboxesOf(daemon, false).equals(seen);
        });
        long spare = spareOf(daemon);
        Path group = Path.of(
                "/sys/fs/cgroup",
                Files.exists(Path.of("/sys/fs/cgroup/pids")) ? "pids" : "",
                "caisson-sandbox",
                Long.toString(spare));
        assertThat(group).exists();
        ProcessHandle.of(daemon).orElseThrow().destroyForcibly();
        Await.until("end of the spare", SOON, () -> !Proc.lives(spare));
        assertThat(group).exists();

        box("c3", "true").run().ok();

        Await.until("no group of the spare", SOON, () -> !Files.exists(group));
    }

    private static List<Long> sandboxesOf(long daemon, boolean answering) {
        return sandboxes(answering).stream()
                .filter(pid -> Proc.read(pid, "stat").contains(") S " + daemon + " "))
                .toList();
    }

    private static long spareOf(long daemon) {
        return sandboxesOf(daemon, false).stream().findFirst().orElse(0L);
    }
}
