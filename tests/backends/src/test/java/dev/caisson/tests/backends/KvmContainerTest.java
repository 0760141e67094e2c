package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Backend;
import dev.caisson.backend.Launch;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.backend.testkit.PodTest;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.kvm.KvmBackend;
import dev.caisson.linux.cgroup.CgroupStats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A pod in a real machine: its containers, run by the agent in the guest. In the lab, where /dev/kvm runs guests. */
@Timeout(400)
class KvmContainerTest extends PodTest {
    private static final int SIGTERM = 15;
    private static final int SIGKILL = 9;
    private static final Backend BACKEND = new KvmBackend();

    @BeforeAll
    static void thereIsKvm() {
        Assumptions.assumeTrue(System.getenv("CAISSON_LAB") != null, "SKIPPED: guests run in the lab");
    }

    @Override
    protected Backend backend() {
        return BACKEND;
    }

    @Override
    protected PodFixture openPod(Path directory) throws IOException {
        return MonitorPod.open(directory);
    }

    /** One boot for all that a pod's life has: a machine of the lab takes its time. */
    @Test
    void aPodsContainersLiveInItsMachine() throws Exception {
        Bundle first = shell("trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.1; done");
        try (TestContainer pod = prepare(first).create().start()) {
            await("its first container", () -> pod.stdout().contains("ready"));
            // The kernel is the guest's, and the processes are not the host's.
            assertThat(pod.execOutput("cat", "/proc/sys/kernel/osrelease"))
                    .isNotEqualTo(Files.readString(Path.of("/proc/sys/kernel/osrelease")));
            assertThat(pod.exec(first.exec("sh", "-c", "echo out; echo err >&2; exit 7")))
                    .satisfies(exec -> {
                        assertThat(exec.awaitCode()).isEqualTo(7);
                        assertThat(exec.stdout()).isEqualTo("out\n");
                        assertThat(exec.stderr()).isEqualTo("err\n");
                    });
            CgroupStats stats = pod.container().stats();
            assertThat(stats.pids())
                    .isNotNull()
                    .satisfies(pids -> assertThat(pids.current()).isPositive());

            aSecondContainer();

            Launch other = pod.exec(first.exec("sleep", "1000")).launch();
            other.kill(SIGKILL);
            assertThat(other.exit().join().code()).isEqualTo(128 + SIGKILL);
            await("its end in the guest", () -> !processes(pod).contains("sleep 1000"));
            pod.init().kill(SIGTERM);
            assertThat(pod.awaitExit().code()).isEqualTo(5);
            assertThat(pod.stdout()).isEqualTo("ready\ngot\n");
        }
        assertThat(Path.of("/run/caisson-kvm")).isEmptyDirectory();
    }

    private static String processes(TestContainer container) {
        try {
            return container.execOutput("ps");
        } catch (dev.caisson.backend.ContainerFault e) {
            throw new AssertionError(e);
        }
    }

    private void aSecondContainer() throws Exception {
        Bundle second = shell("cat; echo written >/file; cat /file; exit 3");
        Files.writeString(second.directory().resolve("stdin"), "given\n");
        try (TestContainer c = prepare(second)) {
            assertThat(c.run()).as("stderr: %s", c.stderr()).isEqualTo(3);
            assertThat(c.stdout()).isEqualTo("given\nwritten\n");
            // Of a copy: the host's files stay as they were.
            assertThat(second.rootfs("file")).doesNotExist();
        }
    }
}
