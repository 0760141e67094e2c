package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Ctr;
import dev.caisson.tests.support.EventLog;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.Pod;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Task;
import dev.caisson.tests.support.Task.Stdio;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code kill -9} of a monitor: its pod ends, an event says so, nobody else notices, and nothing is left. */
class DeadMonitorTest extends SurvivalBed {
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void podOfADeadMonitorEndsWhole(boolean withDaemon) {
        try (EventLog log = new EventLog(bed().client());
                Task witness = Task.running(bed(), "witness", "sleep", "1000");
                Task task = Task.running(bed(), "dead", "sh", "-c", "sleep 1001 & sleep 1002 & wait")) {
            Await.until("three processes", SOON, () -> task.pids().size() == 3);
            List<Long> pids = task.pids();
            task.exec("x", Spec.process("sleep", "1003"), Stdio.NONE);
            long exec = task.start("x");
            long monitor = parent(task.state().getPid());
            assertThat(parent(witness.state().getPid()))
                    .as("a monitor of its own")
                    .isNotEqualTo(monitor);

            if (!withDaemon) {
                killCaissond();
            }
            signal("KILL", monitor);

            Await.until("every process gone", SOON, () -> pids.stream().noneMatch(Proc::lives) && !Proc.lives(exec));
            assertThat(log.await(task.id(), "exit", SOON).status()).isEqualTo(137);
            log.await(task.id(), "delete", SOON);
            assertThat(witness.state().getStatus()).isEqualTo(Status.RUNNING);
        }
    }

    @Test
    void containerInTheHostsPidNamespaceEndsToo() {
        String id = Ctr.newId("hostpid");
        Spec spec = Spec.of(bed().tag(), id, "sh", "-c", "sleep 1001 & sleep 1002 & wait")
                .with(root -> {
                    var namespaces = root.at("/linux/namespaces").iterator();
                    while (namespaces.hasNext()) {
                        if (namespaces.next().path("type").asText().equals("pid")) {
                            namespaces.remove();
                        }
                    }
                });
        try (Task task = Task.container(bed(), id, spec)) {
            task.create(Stdio.NONE);
            task.start();
            Await.until("three processes", SOON, () -> task.pids().size() == 3);
            List<Long> pids = task.pids();

            signal("KILL", parent(task.state().getPid()));

            // The parent-death signal reaches init only; its children end with the cgroup.
            Await.until("every process gone", SOON, () -> pids.stream().noneMatch(Proc::lives));
        }
    }

    @Test
    void allContainersOfAPodEndAndAnotherPodDoesNot() {
        try (Pod other = Pod.run(bed());
                Pod pod = Pod.run(bed())) {
            String bystander = other.start("bystander", "sleep", "1000");
            String one = pod.start("one", "sleep", "1000");
            String two = pod.start("two", "sleep", "1000");
            long init = HostSnapshot.processesOf(one).stream()
                    .filter(pid -> Proc.read(pid, "cmdline").startsWith("sleep"))
                    .findFirst()
                    .orElseThrow();

            signal("KILL", parent(init));

            pod.awaitExit(one, SOON);
            pod.awaitExit(two, SOON);
            assertThat(other.execOut(bystander, "echo", "fine")).isEqualTo("fine\n");
        }
    }
}
