package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.tests.api.cri.ContainerConfig;
import dev.caisson.tests.api.cri.ContainerState;
import dev.caisson.tests.api.cri.ContainerStats;
import dev.caisson.tests.api.cri.ContainerStatus;
import dev.caisson.tests.api.cri.ExecSyncResponse;
import dev.caisson.tests.api.cri.LinuxContainerConfig;
import dev.caisson.tests.api.cri.LinuxContainerResources;
import dev.caisson.tests.api.cri.LinuxContainerSecurityContext;
import dev.caisson.tests.api.cri.LinuxSandboxSecurityContext;
import dev.caisson.tests.api.cri.Mount;
import dev.caisson.tests.api.cri.NamespaceMode;
import dev.caisson.tests.api.cri.NamespaceOption;
import dev.caisson.tests.api.cri.PodSandboxState;
import dev.caisson.tests.api.cri.PodSandboxStats;
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

/** Pods as a kubelet makes them: sandbox, network by CNI, containers that share it, logs, exec, stats. */
class PodTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(15);

    @Test
    void sandboxIsReadyHasAnAddressAndGoesAway() {
        try (Pod pod = Pod.run(bed())) {
            assertThat(pod.status().getState()).isEqualTo(PodSandboxState.SANDBOX_READY);
            assertThat(pod.status().getNetwork().getIp()).startsWith("10.213.");

            pod.stop();
            assertThat(pod.status().getState()).isEqualTo(PodSandboxState.SANDBOX_NOTREADY);
            pod.stop();
            pod.remove();
            assertThatThrownBy(pod::status).hasMessageContaining("NOT_FOUND");
        }
    }

    @Test
    void twoContainersShareNetworkAndIpcButNotFilesOrProcesses() {
        try (Pod pod = Pod.run(bed())) {
            String one = pod.start("one", "sleep", "1000");
            String two = pod.start("two", "sleep", "1000");

            for (String shared : new String[] {"net", "ipc", "uts"}) {
                assertThat(pod.execOut(one, "readlink", "/proc/self/ns/" + shared))
                        .as(shared)
                        .isEqualTo(pod.execOut(two, "readlink", "/proc/self/ns/" + shared));
            }
            for (String own : new String[] {"mnt", "pid"}) {
                assertThat(pod.execOut(one, "readlink", "/proc/self/ns/" + own))
                        .as(own)
                        .isNotEqualTo(pod.execOut(two, "readlink", "/proc/self/ns/" + own));
            }
            pod.execOut(one, "sh", "-c", "echo shared > /dev/shm/note; echo own > /tmp/note");
            assertThat(pod.execOut(two, "cat", "/dev/shm/note")).isEqualTo("shared\n");
            assertThat(pod.exec(two, 10, "cat", "/tmp/note").getExitCode()).isEqualTo(1);
        }
    }

    @Test
    void hostReachesAServerInThePod() {
        try (Pod pod = Pod.run(bed())) {
            pod.start("server", "sh", "-c", "mkdir /www; echo hello from the pod > /www/note; httpd -f -p 80 -h /www");
            String address = pod.status().getNetwork().getIp();

            Await.until(
                    () -> "an answer from " + address + ", so far " + get(address),
                    SOON,
                    () -> get(address).endsWith("hello from the pod\n"));
        }
    }

    private static String get(String address) {
        try (Socket socket = new Socket(address, 80)) {
            socket.getOutputStream().write("GET /note HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException notYet) {
            return notYet.toString();
        }
    }

    @Test
    void processesAreSharedWhereThePodAsks() {
        NamespaceOption shared =
                NamespaceOption.newBuilder().setPid(NamespaceMode.POD).build();
        try (Pod pod = Pod.run(
                bed(),
                builder -> builder.setLinux(builder.getLinux().toBuilder()
                        .setSecurityContext(
                                LinuxSandboxSecurityContext.newBuilder().setNamespaceOptions(shared))))) {
            String one = pod.start("one", builder -> sharing(builder, shared), "sleep", "1111");
            String two = pod.start("two", builder -> sharing(builder, shared), "sleep", "2222");

            assertThat(pod.execOut(one, "ps")).contains("sleep 1111", "sleep 2222");
            pod.stop(one, 0);
            assertThat(pod.containerStatus(two).getState()).isEqualTo(ContainerState.CONTAINER_RUNNING);
            assertThat(pod.execOut(two, "ps")).contains("sleep 2222").doesNotContain("sleep 1111");
        }
    }

    private static ContainerConfig.Builder sharing(ContainerConfig.Builder builder, NamespaceOption shared) {
        return builder.setLinux(builder.getLinux().toBuilder()
                .setSecurityContext(LinuxContainerSecurityContext.newBuilder().setNamespaceOptions(shared)));
    }

    @Test
    void hostPathMountsAreLiveAndReadOnlyWhereAsked() throws IOException {
        Path dir = Files.createDirectories(bed().dir().resolve("vol"));
        Files.writeString(dir.resolve("file"), "first\n");
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start(
                    "vol",
                    builder -> builder.addMounts(Mount.newBuilder()
                                    .setHostPath(dir.toString())
                                    .setContainerPath("/rw"))
                            .addMounts(Mount.newBuilder()
                                    .setHostPath(dir.toString())
                                    .setContainerPath("/ro")
                                    .setReadonly(true)),
                    "sleep",
                    "1000");

            assertThat(pod.execOut(container, "cat", "/rw/file")).isEqualTo("first\n");
            Files.writeString(dir.resolve("file"), "second\n");
            assertThat(pod.execOut(container, "cat", "/ro/file")).isEqualTo("second\n");
            pod.execOut(container, "sh", "-c", "echo third > /rw/file");
            assertThat(Files.readString(dir.resolve("file"))).isEqualTo("third\n");
            assertThat(pod.exec(container, 10, "sh", "-c", "echo no > /ro/file").getExitCode())
                    .isNotZero();
            assertThat(Files.readString(dir.resolve("file"))).isEqualTo("third\n");
        }
    }

    @Test
    void execSyncGivesOutputErrorsAndCode() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("exec", "sleep", "1000");

            ExecSyncResponse answer = pod.exec(container, 10, "sh", "-c", "echo out; echo err >&2; exit 9");

            assertThat(answer.getStdout().toStringUtf8()).isEqualTo("out\n");
            assertThat(answer.getStderr().toStringUtf8()).isEqualTo("err\n");
            assertThat(answer.getExitCode()).isEqualTo(9);
        }
    }

    @Test
    void execSyncThatTakesTooLongIsKilled() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("slow", "sleep", "1000");

            assertThatThrownBy(() -> pod.exec(container, 1, "sleep", "555")).hasMessageContaining("timeout");

            Await.until(
                    "sleep is gone", SOON, () -> !pod.execOut(container, "ps").contains("sleep 555"));
        }
    }

    @Test
    void logFileHasEveryLineWithItsStream() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("log", "sh", "-c", "echo to out; echo to err >&2; exit 0");
            pod.awaitExit(container, SOON);

            Await.until(
                    () -> "both lines in " + pod.log("log"),
                    SOON,
                    () -> pod.log("log").contains(" stdout F to out\n")
                            && pod.log("log").contains(" stderr F to err\n"));
        }
    }

    @Test
    void exitCodeAndReasonAreReported() {
        try (Pod pod = Pod.run(bed())) {
            String failed = pod.start("failed", "sh", "-c", "sleep 0.2; exit 12");
            ContainerStatus status = pod.awaitExit(failed, SOON);
            assertThat(status.getExitCode()).isEqualTo(12);
            assertThat(status.getReason()).isEqualTo("Error");
            assertThat(status.getFinishedAt()).isGreaterThanOrEqualTo(status.getStartedAt());
        }
    }

    @Test
    void outOfMemoryIsTheReason() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start(
                    "oom",
                    builder -> builder.setLinux(LinuxContainerConfig.newBuilder()
                            .setResources(LinuxContainerResources.newBuilder()
                                    .setMemoryLimitInBytes(64L << 20)
                                    .setOomScoreAdj(500))),
                    "dd",
                    "if=/dev/zero",
                    "of=/dev/null",
                    "bs=300M",
                    "count=1");
            ContainerStatus status = pod.awaitExit(container, Duration.ofSeconds(40));
            assertThat(status.getExitCode()).isEqualTo(137);
            Await.until(
                    () -> "OOMKilled, reason is "
                            + pod.containerStatus(container).getReason(),
                    SOON,
                    () -> pod.containerStatus(container).getReason().equals("OOMKilled"));
        }
    }

    @Test
    void statsCountProcessorAndMemory() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("busy", "sh", "-c", "while :; do :; done");
            Await.until(
                    "processor time",
                    SOON,
                    () -> pod.stats(container)
                                    .getCpu()
                                    .getUsageCoreNanoSeconds()
                                    .getValue()
                            > 100_000_000);

            ContainerStats stats = pod.stats(container);

            assertThat(stats.getMemory().getWorkingSetBytes().getValue()).isBetween(1L, 64L << 20);
        }
    }

    @Test
    void statsOfThePodCountProcessesAndTheirContainers() {
        try (Pod pod = Pod.run(bed())) {
            String one = pod.start("one", "sh", "-c", "sleep 1000 & sleep 1000 & wait");
            String two = pod.start("two", "sleep", "1000");

            Await.until(
                    () -> "four processes beside the sandbox's, so far " + processes(pod),
                    SOON,
                    () -> processes(pod) >= 4);
            PodSandboxStats stats = pod.podStats();
            assertThat(stats.getLinux().getContainersList())
                    .extracting(container -> container.getAttributes().getId())
                    .containsExactlyInAnyOrder(one, two);
            assertThat(stats.getLinux().getContainersList())
                    .allSatisfy(container -> assertThat(
                                    container.getMemory().getWorkingSetBytes().getValue())
                            .isPositive());
        }
    }

    private static long processes(Pod pod) {
        return pod.podStats().getLinux().getProcess().getProcessCount().getValue();
    }

    @Test
    void stopGivesTheProgramItsGraceAndThenKills() {
        try (Pod pod = Pod.run(bed())) {
            String polite =
                    pod.start("polite", "sh", "-c", "trap 'exit 44' TERM; echo ready; while :; do sleep 0.05; done");
            String deaf = pod.start("deaf", "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done");
            Await.until("polite is ready", SOON, () -> pod.log("polite").contains("ready"));
            Await.until("deaf is ready", SOON, () -> pod.log("deaf").contains("ready"));

            pod.stop(polite, 10);
            pod.stop(deaf, 1);

            assertThat(pod.containerStatus(polite).getExitCode()).isEqualTo(44);
            assertThat(pod.containerStatus(deaf).getExitCode()).isEqualTo(137);
            pod.remove(polite);
            pod.remove(deaf);
        }
    }

    @Test
    void stoppingThePodStopsItsContainers() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("member", "sleep", "1000");

            pod.stop();

            assertThat(pod.containerStatus(container).getState()).isEqualTo(ContainerState.CONTAINER_EXITED);
        }
    }

    @Test
    void containerOfAPodCanBeReplaced() {
        try (Pod pod = Pod.run(bed())) {
            String keeper = pod.start("keeper", "sleep", "1000");
            for (int round = 0; round < 3; round++) {
                int code = round + 1;
                String container = pod.start("worker" + round, "sh", "-c", "exit " + code);
                assertThat(pod.awaitExit(container, SOON).getExitCode()).isEqualTo(code);
                pod.remove(container);
            }
            assertThat(pod.containerStatus(keeper).getState()).isEqualTo(ContainerState.CONTAINER_RUNNING);
        }
    }

    @Test
    void podSurvivesARestartOfContainerd() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("survivor", "sleep", "1000");
            String address = pod.status().getNetwork().getIp();

            bed().restart();

            assertThat(pod.status().getState()).isEqualTo(PodSandboxState.SANDBOX_READY);
            assertThat(pod.status().getNetwork().getIp()).isEqualTo(address);
            assertThat(pod.containerStatus(container).getState()).isEqualTo(ContainerState.CONTAINER_RUNNING);
            assertThat(pod.execOut(container, "echo", "still here")).isEqualTo("still here\n");
        }
    }

    @Test
    void missingProgramFailsToStartAndLeavesNothing() {
        try (Pod pod = Pod.run(bed())) {
            assertThatThrownBy(() -> pod.start("missing", "/no/such/program")).hasMessageContaining("/no/such/program");

            String next = pod.start("next", "sh", "-c", "exit 0");
            assertThat(pod.awaitExit(next, SOON).getExitCode()).isZero();
        }
    }
}
