package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Programs {@code create}, {@code start}, {@code state}, {@code kill}, {@code killsig}, {@code kill_no_effect}, {@code delete},
 * {@code pidfile}, {@code config_updates_without_affect}.
 */
class LifecycleTest extends OciSuite {
    private static final String SLEEP = "exec sleep 1000";

    private void refused(Command.Result result) {
        assertThat(result.exit()).as("%s", result).isNotZero();
        assertThat(result.err()).as("a reason").isNotBlank();
    }

    @Test
    void createNeedsAnId() {
        Box box = box(SLEEP).write();

        refused(box.command("create", "--bundle", box.bundle.toString()).run());
    }

    @Test
    void createdContainerHasNotRunItsProgram() {
        Box box = box("echo ran");
        box.create();

        assertThat(box.status()).isEqualTo("created");
        assertThat(box.output()).isEmpty();
        assertThat(Proc.lives(box.pid())).isTrue();
    }

    @Test
    void anIdIsUsedOnce() {
        Box box = box(SLEEP);
        box.create();
        long pid = box.pid();

        Command.Result again = box.command("create", "--bundle", box.bundle.toString(), box.id)
                .into(box.bundle.resolve("again"))
                .run();

        refused(again);
        assertThat(box.status()).isEqualTo("created");
        assertThat(box.pid()).isEqualTo(pid);
    }

    @Test
    void createNeedsAConfiguration() throws IOException {
        Box box = box(SLEEP).write();
        Files.delete(box.bundle.resolve("config.json"));

        refused(box.command("create", "--bundle", box.bundle.toString(), box.id)
                .into(box.bundle.resolve("c"))
                .run());
    }

    /** The configuration is read at create; what is written later is the next container's. */
    @Test
    void laterEditsOfTheConfigurationHaveNoEffect() {
        Box box = box("echo first");
        box.create();
        box.set("/process/args", "[\"/bin/echo\", \"second\"]")
                .set("/hostname", "\"other\"")
                .write();
        box.start().await("stopped");

        assertThat(box.output()).isEqualTo("first\n");
    }

    @Test
    void pidFileHasThePid() {
        Box box = box(SLEEP);
        Path file = box.bundle.resolve("pid");
        box.create("--pid-file", file.toString());

        // Digits and nothing else: conmon parses to the end.
        assertThat(file).hasContent(Long.toString(box.pid()));
        assertThat(Proc.read(box.pid(), "cgroup")).contains(tag());
    }

    @Test
    void startNeedsAnIdOfAContainer() {
        Box box = box(SLEEP);

        refused(box.command("start").run());
        refused(box.command("start", "nobody").run());
    }

    @Test
    void startRunsTheProgram() {
        Box box = box("echo ran; exit 3");
        box.create().start().await("stopped");

        assertThat(box.output()).isEqualTo("ran\n");
    }

    @Test
    void startedTwiceIsRefusedWithoutEffect() {
        Box box = box("echo ran; exec sleep 1000");
        box.create().start();
        long pid = box.pid();

        refused(box.tryStart());
        assertThat(box.status()).isEqualTo("running");
        assertThat(box.pid()).isEqualTo(pid);
        Await.until("output", SOON, () -> box.output().equals("ran\n"));
    }

    @Test
    void aStoppedContainerIsNotStartedAgain() {
        Box box = box("echo ran");
        box.create().start().await("stopped");

        refused(box.tryStart());
        assertThat(box.output()).isEqualTo("ran\n");
    }

    /**
     * The specification lets create work without {@code process} and start fail; runc and crun refuse at create, and callers see the
     * same: an error before anything runs.
     */
    @Test
    void withoutAProcessThereIsNothingToStart() {
        Box box = box(SLEEP);
        box.config().remove("process");

        if (box.tryCreate().exit() == 0) {
            refused(box.tryStart());
        }
    }

    @Test
    void stateNeedsAnIdOfAContainer() {
        Box box = box(SLEEP);

        refused(box.command("state").run());
        Command.Result unknown = box.command("state", "nobody").run();
        refused(unknown);
        assertThat(unknown.out()).isEmpty();
    }

    @Test
    void stateHasTheSpecifiedFields() {
        Box box = box(SLEEP).set("/annotations", "{\"a.b\": \"c\"}");
        box.create().start();
        JsonNode state = box.state();

        assertThat(state.get("ociVersion").asText()).matches("1\\.[0-9]+\\.[0-9]+.*");
        assertThat(state.get("id").asText()).isEqualTo(box.id);
        assertThat(state.get("status").asText()).isEqualTo("running");
        assertThat(state.get("bundle").asText()).isEqualTo(box.bundle.toString());
        assertThat(state.at("/annotations/a.b").asText()).isEqualTo("c");
        long pid = state.get("pid").asLong();
        Await.until("the program", SOON, () -> Proc.read(pid, "cmdline").strip().equals("sleep 1000"));
    }

    @Test
    void stateOfAStoppedContainerStays() {
        Box box = box("true");
        box.create().start().await("stopped");

        assertThat(box.state().get("pid").asLong()).isZero();
        assertThat(box.state().get("id").asText()).isEqualTo(box.id);
    }

    @ParameterizedTest
    @ValueSource(strings = {"TERM", "USR1", "USR2"})
    void signalsArrive(String name) {
        Box box = box("trap 'echo got " + name + "; exit 0' " + name + "; echo ready; while :; do sleep 0.02; done");
        box.create().start();
        Await.until("ready", SOON, () -> box.output().equals("ready\n"));

        box.kill(name).ok();
        box.await("stopped");

        assertThat(box.output()).isEqualTo("ready\ngot " + name + "\n");
    }

    @ParameterizedTest
    @ValueSource(strings = {"9", "KILL", "SIGKILL", "sigkill"})
    void signalsHaveNamesAndNumbers(String signal) {
        if (signal.equals("sigkill")) {
            deviates(Kind.CRUN, "a signal in small letters", "1.8.1 knows capitals only");
        }
        Box box = box(SLEEP);
        box.create().start();

        box.kill(signal).ok();

        box.await("stopped");
    }

    @Test
    void killWithoutASignalTerminates() {
        Box box = box("trap 'echo terminated; exit' TERM; echo ready; while :; do sleep 0.02; done");
        box.create().start();
        Await.until("ready", SOON, () -> box.output().equals("ready\n"));

        box.kill().ok();
        box.await("stopped");

        assertThat(box.output()).endsWith("terminated\n");
    }

    @Test
    void killNeedsAnIdOfAContainer() {
        Box box = box(SLEEP);

        refused(box.command("kill").run());
        refused(box.command("kill", "nobody", "KILL").run());
    }

    @Test
    void aCreatedContainerIsKilled() {
        Box box = box(SLEEP);
        box.create();

        box.kill("KILL").ok();

        box.await("stopped");
        box.delete().ok();
    }

    @Test
    void killOfAStoppedContainerFailsWithoutEffect() {
        Box box = box("true");
        box.create().start().await("stopped");
        JsonNode before = box.state();

        refused(box.kill("KILL"));

        assertThat(box.state()).isEqualTo(before);
    }

    @Test
    void anUnknownSignalIsRefusedWithoutEffect() {
        deviates(Kind.CRUN, "refusal of an unknown signal", "1.8.1 takes its number to be 0");
        Box box = box(SLEEP);
        box.create().start();

        refused(box.kill("NOSUCH"));

        assertThat(box.status()).isEqualTo("running");
    }

    @Test
    void deleteNeedsAnIdOfAContainer() {
        Box box = box(SLEEP);

        refused(box.command("delete").run());
        refused(box.command("delete", "nobody").run());
    }

    /** Callers send this after failed creates, too. */
    @Test
    void forcedDeleteOfNobodyIsFine() {
        Box box = box(SLEEP);

        box.command("delete", "--force", "nobody").run().ok();
    }

    /** The specification forbids it; runc and crun do it, and containerd, Podman and Docker rely on that. */
    @Test
    void aCreatedContainerIsDeleted() {
        Box box = box(SLEEP);
        box.create();
        long pid = box.pid();

        box.delete().ok();

        refused(box.tryState());
        Await.until("the end of its process", SOON, () -> !Proc.lives(pid));
    }

    @Test
    void aRunningContainerIsNotDeleted() {
        Box box = box(SLEEP);
        box.create().start();
        long pid = box.pid();

        refused(box.delete());

        assertThat(box.status()).isEqualTo("running");
        assertThat(Proc.lives(pid)).isTrue();
    }

    @Test
    void aRunningContainerIsDeletedByForce() {
        Box box = box(SLEEP);
        box.create().start();
        long pid = box.pid();

        box.delete("--force").ok();

        refused(box.tryState());
        assertThat(Proc.lives(pid)).isFalse();
    }

    @Test
    void aStoppedContainerIsDeletedOnceAndItsIdIsFree() {
        Box box = box("true");
        box.create().start().await("stopped");

        box.delete().ok();

        refused(box.tryState());
        refused(box.delete());
        box.create();
        assertThat(box.status()).isEqualTo("created");
    }

    @Test
    void runReturnsTheExitCodeAndDeletes() {
        Box box = box("echo out; echo err >&2; exit 42");
        Command.Result result = box.run();

        assertThat(result.exit()).isEqualTo(42);
        assertThat(result.out()).isEqualTo("out\n");
        assertThat(result.err()).isEqualTo("err\n");
        refused(box.tryState());
    }

    @Test
    void runReturnsTheSignalOfADeadProgram() {
        assertThat(box("kill -KILL $$").without("pid").run().exit()).isEqualTo(137);
    }

    /** Without a pid namespace only its groups tell what else runs in there. */
    @Test
    void runEndsWhatItsProgramLeftRunning() {
        deviates(Kind.CRUN, "the end of what a program left", "1.8.1 waits for that to end");
        Box box = box("sleep 1000 >/dev/null 2>&1 & echo $!; exit 3").without("pid");
        Command.Result result = box.run();

        assertThat(result.exit()).isEqualTo(3);
        long left = Long.parseLong(result.out().strip());
        Await.until("end of " + left, SOON, () -> !Proc.lives(left));
        refused(box.tryState());
    }

    /** Podman kills, pauses and deletes without PATH or HOME in the environment. */
    @Test
    void commandsNeedNoEnvironment() {
        Box box = box(SLEEP);
        box.under("/usr/bin/env", "-i")
                .under(runtime.environment().entrySet().stream()
                        .map(entry -> entry.getKey() + "=" + entry.getValue())
                        .toArray(String[]::new));
        box.create().start();

        box.kill("KILL").ok();
        box.await("stopped");
        box.delete("--force").ok();
    }
}
