package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Launch;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.linux.cgroup.CgroupStats;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A pod in a real machine: a container's life, run by the agent in the guest. {@link KvmMachineTest} has what is the machine's own, {@link KvmVolumeTest} what containers share. */
@Timeout(600)
class KvmContainerTest extends KvmSuite {
    private static final int SIGTERM = 15;
    private static final int SIGKILL = 9;

    /** One boot for all that a pod's life has. What waits in the guest forks as little as it can: a process takes an emulated machine a tenth of a second. */
    @Test
    void aPodsContainersLiveInItsMachine() throws Exception {
        String template = template();
        Bundle first = shell("trap 'echo got; exit 5' TERM; echo ready; sleep 1000 & wait");
        try (TestContainer pod = prepare(first).create().start()) {
            await("its first container", () -> pod.stdout().contains("ready"));
            done("first container");
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
            done("two execs and statistics");

            assertThat(commandLine(machine())).contains("/" + template + "/machine");
            theMachineIsConfined();
            done("confinement");

            Launch other = pod.exec(first.exec("sleep", "2000")).launch();
            other.kill(SIGKILL);
            assertThat(other.exit().join().code()).isEqualTo(128 + SIGKILL);
            await("its end in the guest", () -> !processes(pod).contains("sleep 2000"));
            pod.init().kill(SIGTERM);
            assertThat(pod.awaitExit().code()).isEqualTo(5);
            assertThat(pod.stdout()).isEqualTo("ready\ngot\n");
            done("two kills");
        }
        done("end");
        assertThat(Path.of("/run/caisson-kvm")).isEmptyDirectory();
        assertThat(Path.of("/sys/fs/cgroup/caisson-kvm")).doesNotExist();
    }

    /** See {@link MachineJailTest} for what that means. */
    private static void theMachineIsConfined() throws IOException {
        Path process = machine();
        String status = Files.readString(process.resolve("status"));
        assertThat(status).contains("Seccomp:\t2\n", "NoNewPrivs:\t1\n", "CapEff:\t00000000800000db\n");
        assertThat(status).containsPattern("Uid:\t20[0-9]{8}\t");
        assertThat(Files.readString(process.resolve("cgroup"))).contains("0::/caisson-kvm/");
        assertThat(Files.readString(Path.of("/sys/fs/cgroup", group(process), "memory.max")))
                .isEqualTo(((256 + 256 + 256) << 20) + "\n");
        assertThat(Files.exists(process.resolve("root/etc"))).isFalse();
    }

    private static String processes(TestContainer container) {
        try {
            return container.execOutput("ps");
        } catch (dev.caisson.backend.ContainerFault e) {
            throw new AssertionError(e);
        }
    }
}
