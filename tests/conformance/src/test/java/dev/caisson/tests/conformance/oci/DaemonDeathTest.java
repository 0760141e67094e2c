package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Commands do what they are asked, once and completely, although caissond is killed while they are at it. */
class DaemonDeathTest extends OciSuite {
    private static final int ROUNDS = 8;

    private final AtomicBoolean isOver = new AtomicBoolean();
    private final AtomicInteger kills = new AtomicInteger();

    @BeforeEach
    void onlyOneHasADaemon() {
        Skip.unless(runtime.is(Kind.CAISSON), "killing the daemon", "caisson; " + runtime + " has none");
    }

    private long daemon() {
        String text = Box.text(Path.of(runtime.environment().get("CAISSON_STATE_DIR"), "caissond.pid"));
        return text.isBlank() ? 0 : Long.parseLong(text.strip());
    }

    private void kill() {
        long pid = daemon();
        if (pid > 1 && Proc.read(pid, "cmdline").contains("caissond")) {
            Command.of("kill", "-9", Long.toString(pid)).run();
            kills.incrementAndGet();
        }
    }

    /** A daemon needs some 100 ms to start, a verb some 10: both are hit. */
    private Thread killer(long seed) {
        Random random = new Random(seed);
        return Thread.ofPlatform().start(() -> {
            while (!isOver.get()) {
                try {
                    Thread.sleep(Duration.ofMillis(300 + random.nextInt(900)));
                } catch (InterruptedException e) {
                    return;
                }
                kill();
            }
        });
    }

    @Test
    void verbsSurviveIt() throws InterruptedException {
        long seed = Long.getLong("caisson.seed", System.nanoTime());
        System.out.println("seed " + seed);
        Thread killer = killer(seed);
        try {
            for (int i = 0; i < ROUNDS; i++) {
                Command.Result run = box("r" + i, "echo ran; exit 7").run();
                assertThat(run.exit()).as(run.err()).isEqualTo(7);
                assertThat(run.out()).isEqualTo("ran\n");
                Box box = box("c" + i, "echo started; exec sleep 1000");
                box.create("--pid-file", dir.resolve("pid").toString());
                assertThat(Long.parseLong(Box.text(dir.resolve("pid")))).isEqualTo(box.pid());
                box.start();
                Command.Result exec = box.command("exec", box.id, "/bin/sh", "-c", "echo hi; exit 3")
                        .run();
                assertThat(exec.exit()).as(exec.err()).isEqualTo(3);
                assertThat(exec.out()).isEqualTo("hi\n");
                assertThat(box.status()).isEqualTo("running");
                assertThat(box.output()).isEqualTo("started\n");
                box.delete("--force").ok();
            }
        } finally {
            isOver.set(true);
            killer.join();
        }
        assertThat(kills.get()).isPositive();
    }

    /** The command is the process's parent and needs nobody until that has ended. */
    @Test
    void aContainerInTheForegroundEndsAsItEnds() throws InterruptedException {
        Box box = box("trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done");
        box.write();
        Path out = dir.resolve("out");
        Process run = box.command("run", "--bundle", box.bundle.toString(), box.id)
                .into(out)
                .start();
        dev.caisson.tests.support.Await.until(
                "a running container",
                SOON,
                () -> Box.text(dir.resolve("out.out")).contains("ready"));
        kill();
        run.destroy(); // SIGTERM, which the command passes on
        assertThat(run.waitFor()).isEqualTo(9);
        assertThat(box.tryState().exit()).isNotZero(); // it was deleted, by another daemon
    }

    @Test
    void whatACreatorLeftThatWasKilledCanBeDeleted() throws InterruptedException {
        Box box = box("sleep 1000");
        box.set("/hooks", "{\"createRuntime\": [{\"path\": \"/bin/sleep\", \"args\": [\"sleep\", \"1000\"]}]}");
        box.write();
        Process create = box.command("create", "--bundle", box.bundle.toString(), box.id)
                .into(dir.resolve("out"))
                .start();
        dev.caisson.tests.support.Await.until(
                "a container in the making", SOON, () -> box.tryState().out().contains("creating"));
        create.destroyForcibly().waitFor();
        box.delete("--force").ok();
        assertThat(box.tryState().err()).contains("container does not exist");
    }
}
