package dev.caisson.tests.conformance;

import static dev.caisson.tests.conformance.Errors.assertRefused;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.EventLog;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Limits, metrics, the freezer and the OOM killer. */
class ResourceTest extends Bed {
    private static final Duration SOON = Duration.ofSeconds(10);
    private static final long MIB = 1L << 20;

    /** The value of the first of {@code files} that the container's cgroup directories have. */
    private Optional<String> cgroupValue(Task task, String... files) {
        for (Path dir : HostSnapshot.cgroupsOf(bed().tag())) {
            if (!dir.endsWith(task.id())) {
                continue;
            }
            for (String file : files) {
                if (Files.exists(dir.resolve(file))) {
                    try {
                        return Optional.of(Files.readString(dir.resolve(file)).strip());
                    } catch (IOException e) {
                        throw new AssertionError("read " + dir.resolve(file), e);
                    }
                }
            }
        }
        return Optional.empty();
    }

    private static List<String> programs(Task task) {
        return task.pids().stream()
                .map(pid -> Proc.read(pid, "cmdline").strip())
                .toList();
    }

    private static boolean unified() {
        return Files.exists(Path.of("/sys/fs/cgroup/cgroup.controllers"));
    }

    @Test
    void memoryLimitKillsAndSaysSoBeforeTheExit() {
        String id = Ctr.newId("oom");
        Spec spec = Spec.of(bed().tag(), id, "dd", "if=/dev/zero", "of=/dev/null", "bs=300M", "count=1")
                .resource("memory", "{\"limit\": 67108864, \"swap\": 67108864}");
        try (EventLog log = new EventLog(bed().client());
                Task task = Task.container(bed(), id, spec)) {
            task.create(Stdio.NONE);
            task.start();

            assertThat(task.await("", Duration.ofSeconds(30))).isEqualTo(137);
            log.await(id, "exit", SOON);
            log.await(id, "oom", SOON);
            if (runtime().isSubject()) {
                assertThat(log.briefs(id)).containsSubsequence("start", "oom", "exit");
            }
        }
    }

    @Test
    void limitsOfTheConfigurationArriveInTheCgroup() {
        String id = Ctr.newId("limits");
        Spec spec = Spec.of(bed().tag(), id, "sleep", "1000")
                .resource("memory", "{\"limit\": 100663296}")
                .resource("pids", "{\"limit\": 77}");
        try (Task task = Task.container(bed(), id, spec)) {
            task.create(Stdio.NONE);
            task.start();

            assertThat(cgroupValue(task, "memory.limit_in_bytes", "memory.max")).hasValue("100663296");
            assertThat(cgroupValue(task, "pids.max")).hasValue("77");
        }
    }

    @Test
    void updateChangesWhatItNamesAndNothingElse() {
        String id = Ctr.newId("update");
        Spec spec = Spec.of(bed().tag(), id, "sleep", "1000")
                .resource("memory", "{\"limit\": 100663296}")
                .resource("pids", "{\"limit\": 77}");
        try (Task task = Task.container(bed(), id, spec)) {
            task.create(Stdio.NONE);
            task.start();

            task.update("{\"memory\": {\"limit\": 201326592}}");

            assertThat(cgroupValue(task, "memory.limit_in_bytes", "memory.max")).hasValue("201326592");
            assertThat(cgroupValue(task, "pids.max")).hasValue("77");
        }
    }

    @Test
    void pidsLimitBites() {
        String id = Ctr.newId("pids");
        Spec spec = Spec.of(
                        bed().tag(), id, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; wait")
                .resource("pids", "{\"limit\": 6}");
        try (Task task = Task.container(bed(), id, spec)) {
            task.create(Stdio.NONE);
            task.start();
            Await.until(
                    "a refused fork",
                    SOON,
                    () -> !cgroupValue(task, "pids.events").orElse("max 0").equals("max 0"));

            String current = cgroupValue(task, "pids.current").orElse("0");
            assertThat(Integer.parseInt(current)).isLessThanOrEqualTo(6);
        }
    }

    @Test
    void metricsAreOfTheHostsCgroupKindAndPlausible() throws InvalidProtocolBufferException {
        String id = Ctr.newId("metrics");
        Spec spec = Spec.of(bed().tag(), id, "sh", "-c", "while :; do :; done")
                .resource("memory", "{\"limit\": 100663296}");
        try (Task task = Task.container(bed(), id, spec)) {
            task.create(Stdio.NONE);
            task.start();
            long pid = task.state().getPid();
            Await.until("100 ms of a processor", SOON, () -> Proc.cpuTicks(pid) >= 10);

            Any metrics = task.metrics();

            if (unified()) {
                assertThat(metrics.getTypeUrl()).endsWith("io.containerd.cgroups.v2.Metrics");
                var m = dev.caisson.tests.api.cgroups2.Metrics.parseFrom(metrics.getValue());
                assertThat(m.getPids().getCurrent()).isEqualTo(1);
                assertThat(m.getCpu().getUsageUsec()).isGreaterThan(50_000);
                assertThat(m.getMemory().getUsage()).isBetween(1L, 96 * MIB);
                assertThat(m.getMemory().getUsageLimit()).isEqualTo(96 * MIB);
            } else {
                assertThat(metrics.getTypeUrl()).endsWith("io.containerd.cgroups.v1.Metrics");
                var m = dev.caisson.tests.api.cgroups1.Metrics.parseFrom(metrics.getValue());
                assertThat(m.getPids().getCurrent()).isEqualTo(1);
                assertThat(m.getCpu().getUsage().getTotal()).isGreaterThan(50_000_000);
                assertThat(m.getMemory().getUsage().getUsage()).isBetween(1L, 96 * MIB);
                assertThat(m.getMemory().getUsage().getLimit()).isEqualTo(96 * MIB);
            }
        }
    }

    @Test
    void pausedContainerStandsStill() {
        try (Task task = Task.running(bed(), "pause", "sh", "-c", "while :; do :; done")) {
            long pid = task.state().getPid();
            task.pause();
            assertThat(task.state().getStatus()).isEqualTo(Status.PAUSED);
            long before = Proc.cpuTicks(pid);
            Await.sleep(Duration.ofMillis(400));
            assertThat(Proc.cpuTicks(pid)).isEqualTo(before);

            task.resume();

            assertThat(task.state().getStatus()).isEqualTo(Status.RUNNING);
            Await.until("runs again", SOON, () -> Proc.cpuTicks(pid) > before);
        }
    }

    @Test
    void execIntoAPausedContainerIsRefused() {
        try (Task task = Task.running(bed(), "pausedexec", "sleep", "1000")) {
            task.pause();
            try {
                assertRefused(Errors.wrongState(runtime()), () -> task.exec("x", Spec.process("true"), Stdio.NONE));
            } finally {
                task.resume();
            }
        }
    }

    @Test
    void pidsListsEveryProcess() {
        try (Task task = Task.running(bed(), "list", "sh", "-c", "sleep 1001 & sleep 1002 & wait")) {
            Await.until(
                    () -> "both programs listed, so far " + programs(task),
                    SOON,
                    () -> programs(task).containsAll(List.of("sleep 1001", "sleep 1002")));
            assertThat(task.pids())
                    .hasSize(3)
                    .contains(Integer.toUnsignedLong(task.state().getPid()));
        }
    }

    @Test
    void cgroupIsGoneAfterDelete() {
        String id;
        try (Task task = Task.running(bed(), "cgone", "sleep", "1000")) {
            id = task.id();
            assertThat(HostSnapshot.cgroupsOf(bed().tag())).anyMatch(d -> d.endsWith(id));
            task.kill(9);
            task.await("", SOON);
            task.delete();
            assertThat(HostSnapshot.cgroupsOf(bed().tag())).noneMatch(d -> d.endsWith(id));
        }
    }
}
