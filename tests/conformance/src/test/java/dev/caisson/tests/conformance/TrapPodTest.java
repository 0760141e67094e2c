package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.tests.api.cri.LinuxSandboxSecurityContext;
import dev.caisson.tests.api.cri.NamespaceMode;
import dev.caisson.tests.api.cri.NamespaceOption;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Pod;
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
}
