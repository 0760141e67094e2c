package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Launch;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.oci.Mount;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A pod in a real machine: its containers, run by the agent in the guest; {@link KvmMachineTest} has what is the machine's own. */
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
            aSecondContainer();
            done("second container");
            aContainerWithVolumes();
            done("volumes");

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

    /** A directory both ways, a file alone, and a secret as the kubelet replaces it: by another link. */
    private void aContainerWithVolumes() throws Exception {
        Path data = Files.createDirectory(temp.resolve("data"));
        Files.setPosixFilePermissions(data, PosixFilePermissions.fromString("rwxrwxrwx"));
        Path one = Files.writeString(temp.resolve("one"), "the host's\n");
        Path secret = Files.createDirectory(temp.resolve("secret"));
        Files.writeString(Files.createDirectory(secret.resolve("v1")).resolve("token"), "old\n");
        Files.createSymbolicLink(secret.resolve("..data"), Path.of("v1"));
        Files.createSymbolicLink(secret.resolve("token"), Path.of("..data/token"));
        Files.writeString(data.resolve("host"), "from the host\n");
        Bundle bundle = shell(
                        "cat /data/host /one /secret/token; mkdir /data/d; echo guest >/data/d/f; chmod 640 /data/d/f; chown 7:0 /data/d/f;"
                                + " mv /data/d/f /data/d/g; ln -s g /data/d/l; echo changed >/one; echo no >/secret/no;"
                                + " echo ready; while [ ! -e /data/go ]; do sleep 1; done; cat /secret/token /data/host;"
                                + " cat /data/d/l; rm /data/host")
                .spec(spec -> {
                    Spec.Builder b = spec.toBuilder();
                    List<Mount> mounts = new ArrayList<>(b.mounts);
                    mounts.add(Mount.of("/data", data.toString(), "bind", List.of("rbind", "rw")));
                    mounts.add(Mount.of("/one", one.toString(), "bind", List.of("rbind", "rw")));
                    mounts.add(Mount.of("/secret", secret.toString(), "bind", List.of("rbind", "ro")));
                    b.mounts = mounts;
                    return b.build();
                });
        List<String> owner = List.of("CAP_CHOWN");
        bundle.process(p -> p.capabilities = new ProcessSpec.Capabilities(owner, owner, List.of(), owner, List.of()));
        try (TestContainer c = prepare(bundle).create().start()) {
            await("what it does first", () -> c.stdout().contains("ready"));
            assertThat(c.stdout()).isEqualTo("from the host\nthe host's\nold\nready\n");
            // Another stream, which takes its own time.
            await("the refusal", () -> c.stderr().contains("Read-only file system"));
            assertThat(secret.resolve("no")).doesNotExist();
            assertThat(one).hasContent("changed\n");
            assertThat(data.resolve("d/l")).hasContent("guest\n");
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(data.resolve("d/g"))))
                    .isEqualTo("rw-r-----");
            assertThat(Files.getAttribute(data.resolve("d/g"), "unix:uid")).isEqualTo(7);
            ProcessSpec.Builder other =
                    bundle.exec("sh", "-c", "echo mine >/data/mine && ! echo no >/data/host").toBuilder();
            other.user = new ProcessSpec.User(1000, 1001, null, List.of());
            assertThat(c.exec(other.build()).awaitCode()).isZero();
            assertThat(Files.getAttribute(data.resolve("mine"), "unix:uid")).isEqualTo(1000);
            assertThat(Files.getAttribute(data.resolve("mine"), "unix:gid")).isEqualTo(1001);
            Files.writeString(Files.createDirectory(secret.resolve("v2")).resolve("token"), "new\n");
            Files.createSymbolicLink(secret.resolve("..next"), Path.of("v2"));
            Files.move(secret.resolve("..next"), secret.resolve("..data"), StandardCopyOption.ATOMIC_MOVE);
            Files.writeString(data.resolve("host"), "changed by the host\n");
            Files.createFile(data.resolve("go"));
            assertThat(c.awaitExit().code()).as(c.stderr()).isZero();
            assertThat(c.stdout()).endsWith("ready\nnew\nchanged by the host\nguest\n");
            assertThat(data.resolve("host")).doesNotExist();
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
