package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.tests.api.cri.ContainerState;
import dev.caisson.tests.api.cri.ContainerStats;
import dev.caisson.tests.api.cri.ContainerStatus;
import dev.caisson.tests.api.cri.ExecSyncResponse;
import dev.caisson.tests.api.cri.Mount;
import dev.caisson.tests.api.cri.PodSandboxState;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Pod;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** Pods in virtual machines as a kubelet makes them. One test, for a machine of the lab takes its time to boot. */
@EnabledIfSystemProperty(named = "caisson.wall", matches = "kvm")
class KvmPodTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(60);

    @Test
    void aPodIsAMachine() throws IOException {
        Path volume = Files.createDirectories(bed().dir().resolve("vol"));
        Files.writeString(volume.resolve("file"), "first\n");
        try (Pod pod = Pod.run(bed())) {
            assertThat(pod.status().getState()).isEqualTo(PodSandboxState.SANDBOX_READY);
            String one = pod.start(
                    "one",
                    builder -> builder.addMounts(
                            Mount.newBuilder().setHostPath(volume.toString()).setContainerPath("/vol")),
                    "sh",
                    "-c",
                    "echo to out; echo to err >&2; mkdir /www; echo hello > /www/note; httpd -f -p 80 -h /www");
            String two = pod.start("two", "sh", "-c", "trap 'exit 44' TERM; echo ready; while :; do sleep 0.1; done");

            executes(pod, one);
            shares(pod, one, two, volume);
            answersTheHost(pod);
            logs(pod);
            counts(pod, one);

            pod.stop(two, 30);
            ContainerStatus ended = pod.containerStatus(two);
            assertThat(ended.getState()).isEqualTo(ContainerState.CONTAINER_EXITED);
            assertThat(ended.getExitCode()).isEqualTo(44);
            pod.remove(two);
            String next = pod.start("two", "sh", "-c", "exit 12");
            assertThat(pod.awaitExit(next, SOON).getExitCode()).isEqualTo(12);

            pod.stop();
            assertThat(pod.status().getState()).isEqualTo(PodSandboxState.SANDBOX_NOTREADY);
            assertThat(pod.containerStatus(one).getState()).isEqualTo(ContainerState.CONTAINER_EXITED);
            pod.remove();
            assertThatThrownBy(pod::status).hasMessageContaining("NOT_FOUND");
            assertThat(Path.of("/run/caisson-kvm")).isEmptyDirectory();
        }
    }

    private static void executes(Pod pod, String one) throws IOException {
        ExecSyncResponse answer = pod.exec(one, 60, "sh", "-c", "echo out; echo err >&2; exit 9");
        assertThat(answer.getStdout().toStringUtf8()).isEqualTo("out\n");
        assertThat(answer.getStderr().toStringUtf8()).isEqualTo("err\n");
        assertThat(answer.getExitCode()).isEqualTo(9);
        assertThat(pod.execOut(one, "cat", "/proc/sys/kernel/osrelease"))
                .as("a kernel of its own")
                .isNotEqualTo(Files.readString(Path.of("/proc/sys/kernel/osrelease")));
        assertThat(pod.execOut(one, "hostname").strip()).isEqualTo(pod.config().getHostname());
    }

    private static void shares(Pod pod, String one, String two, Path volume) throws IOException {
        for (String shared : new String[] {"net", "ipc", "uts"}) {
            assertThat(pod.execOut(one, "readlink", "/proc/self/ns/" + shared))
                    .as(shared)
                    .isEqualTo(pod.execOut(two, "readlink", "/proc/self/ns/" + shared));
        }
        assertThat(pod.execOut(one, "readlink", "/proc/self/ns/pid"))
                .isNotEqualTo(pod.execOut(two, "readlink", "/proc/self/ns/pid"));
        pod.execOut(one, "sh", "-c", "echo shared > /dev/shm/note");
        assertThat(pod.execOut(two, "cat", "/dev/shm/note")).isEqualTo("shared\n");

        assertThat(pod.execOut(one, "cat", "/vol/file")).isEqualTo("first\n");
        Files.writeString(volume.resolve("file"), "second\n");
        assertThat(pod.execOut(one, "sh", "-c", "cat /vol/file; echo third > /vol/file"))
                .isEqualTo("second\n");
        assertThat(volume.resolve("file")).hasContent("third\n");
    }

    private static void answersTheHost(Pod pod) {
        String address = pod.status().getNetwork().getIp();
        Await.until(
                () -> "an answer from " + address + ", so far " + get(address),
                SOON,
                () -> get(address).endsWith("hello\n"));
    }

    private static String get(String address) {
        try (Socket socket = new Socket(address, 80)) {
            socket.getOutputStream().write("GET /note HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException notYet) {
            return notYet.toString();
        }
    }

    private static void logs(Pod pod) {
        Await.until(
                () -> "both lines in " + pod.log("one"),
                SOON,
                () -> pod.log("one").contains(" stdout F to out\n")
                        && pod.log("one").contains(" stderr F to err\n"));
    }

    private static void counts(Pod pod, String one) {
        ContainerStats stats = pod.stats(one);
        assertThat(stats.getCpu().getUsageCoreNanoSeconds().getValue()).isPositive();
        assertThat(stats.getMemory().getWorkingSetBytes().getValue()).isBetween(1L, 64L << 20);
    }
}
