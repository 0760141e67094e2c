package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.tests.api.cri.LinuxSandboxSecurityContext;
import dev.caisson.tests.api.cri.NamespaceMode;
import dev.caisson.tests.api.cri.NamespaceOption;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Pod;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** Where pods behind the seccomp-trap wall are not as others, as its README says. */
@EnabledIfSystemProperty(named = "caisson.wall", matches = "trap")
class TrapPodTest extends Bed {
    private Pod with(NamespaceOption.Builder namespaces) {
        return Pod.run(
                bed(),
                builder -> builder.setLinux(builder.getLinux().toBuilder()
                        .setSecurityContext(
                                LinuxSandboxSecurityContext.newBuilder().setNamespaceOptions(namespaces))));
    }

    @Test
    void namespacesOfTheHostAreRefused() {
        assertThatThrownBy(() -> with(NamespaceOption.newBuilder().setNetwork(NamespaceMode.NODE)))
                .hasMessageContaining("no network namespace: behind this wall no pod has the host's network");
        assertThatThrownBy(() -> with(NamespaceOption.newBuilder().setPid(NamespaceMode.NODE)))
                .hasMessageContaining("no pid namespace: behind this wall no pod has the host's processes");
        assertThatThrownBy(() -> with(NamespaceOption.newBuilder().setIpc(NamespaceMode.NODE)))
                .hasMessageContaining("no ipc namespace: behind this wall no pod has the host's IPC");
    }

    @Test
    void thereAreNoRawSocketsAndNamespacesAreOnlyNames() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("one", "sleep", "1000");

            assertThat(pod.exec(container, 10, "ping", "-c", "1", "127.0.0.1").getExitCode())
                    .isNotZero();
            assertThat(pod.execOut(container, "readlink", "/proc/self/ns/net")).startsWith("net:[");
            assertThat(pod.exec(container, 10, "cat", "/proc/self/ns/net")
                            .getStderr()
                            .toStringUtf8())
                    .contains("Permission denied");
        }
    }

    /** Whatever the user: the network is the pod's own. */
    @Test
    void anyPortOfThePodIsEverybodys() {
        try (Pod pod = Pod.run(bed())) {
            String container = pod.start("one", "sleep", "1000");

            assertThat(pod.execOut(container, "sh", "-c", "nc -l -p 81 & sleep 0.3; netstat -ltn; kill $!"))
                    .contains(":81 ");
        }
    }

    private Command caisson(String... words) {
        List<String> line = new ArrayList<>(List.of(
                bed().settings().runtime().shim().resolveSibling("caisson").toString()));
        line.addAll(List.of(words));
        return Command.of(line.toArray(String[]::new)).env(bed().environment());
    }

    private String log() {
        try {
            return Files.readString(bed().caissonState().resolve("caissond.log"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Of a pod that runs already, by the command line. */
    @Test
    void aRunningContainerIsTracedAndHeldToWhatItDid() throws Exception {
        Path policy = bed().dir().resolve("policy");
        try (Pod pod = Pod.run(bed())) {
            String container =
                    pod.start("one", "sh", "-c", "while :; do cat /etc/hostname; nc -w 1 127.0.0.1 9; sleep 0.1; done");
            Process trace = caisson("trace", "--path", "/etc/hostname", container.substring(0, 20))
                    .start();
            try (BufferedReader out = trace.inputReader()) {
                assertThat(out.readLine()).contains("\"/etc/hostname\"");
            } finally {
                trace.destroyForcibly().waitFor();
            }

            Process record = caisson("policy", "record", container).start();
            StringBuilder learnt = new StringBuilder();
            try (BufferedReader out = record.inputReader()) {
                while (!learnt.toString().contains("path /etc/hostname\n")
                        || !learnt.toString().contains("connect inet 127.0.0.1:9\n")
                        || !learnt.toString().contains("call execve\n")) {
                    learnt.append(out.readLine()).append('\n');
                    assertThat(learnt.length()).as(learnt.toString()).isLessThan(10_000);
                }
            } finally {
                record.destroyForcibly().waitFor();
            }

            // What it did not do yet: commands that are executed in it.
            Files.writeString(
                    policy,
                    learnt + "path /bin/*\npath /sbin/*\npath /usr/*\npath /etc/passwd\npath /dev/*\npath /tmp\n");
            caisson("policy", "enforce", container, policy.toString()).run().ok();
            assertThat(pod.execOut(container, "cat", "/etc/hostname")).isNotEmpty();
            assertThat(pod.exec(container, 10, "cat", "/etc/hosts").getStderr().toStringUtf8())
                    .contains("Permission denied");
            assertThat(pod.exec(container, 10, "ln", "-s", "/etc/hosts", "/tmp/x")
                            .getExitCode())
                    .isNotZero();
            assertThat(pod.exec(container, 10, "nc", "-w", "1", "127.0.0.1", "10")
                            .getStderr()
                            .toStringUtf8())
                    .contains("Permission denied");
            assertThat(pod.exec(container, 10, "nc", "-w", "1", "127.0.0.1", "9")
                            .getStderr()
                            .toStringUtf8())
                    .contains("refused");
            Await.until(
                    "the refusal in the daemon's log",
                    Duration.ofSeconds(10),
                    () -> log().contains("refused by the policy: no line path /etc/hosts\n"));

            Files.writeString(policy, "call opem\n");
            assertThat(caisson("policy", "enforce", container, policy.toString())
                            .run()
                            .err())
                    .contains("policy, line 1: there is no system call opem");

            caisson("policy", "off", container).run().ok();
            assertThat(pod.execOut(container, "cat", "/etc/hosts")).contains("localhost");
        }
    }
}
