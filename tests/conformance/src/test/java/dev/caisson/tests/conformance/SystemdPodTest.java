package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.api.cri.LinuxContainerConfig;
import dev.caisson.tests.api.cri.LinuxContainerResources;
import dev.caisson.tests.support.Bed;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.Lab;
import dev.caisson.tests.support.Pod;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.Skip;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** containerd's {@code SystemdCgroup = true}, as a kubelet with the systemd driver asks for it: the lab with systemd. */
class SystemdPodTest extends Bed {
    private static final String SLICE = "caisson-pods.slice";

    private static String property(String unit, String name) {
        return Command.of("systemctl", "show", "--value", "-p", name, unit)
                .run()
                .ok()
                .out()
                .strip();
    }

    @Test
    void aPodsContainersAreUnits() {
        Lab.require("pods as systemd's units");
        Skip.unless(
                Files.isDirectory(Path.of("/run/systemd/system")),
                "pods as systemd's units",
                "systemd as process 1 (./dev lab --systemd)");
        try (PrivateContainerd bed = PrivateContainerd.start(
                        PrivateContainerd.Settings.of(build, runtime()).withSystemdCgroup());
                Pod pod = Pod.run(
                        bed, b -> b.setLinux(b.getLinux().toBuilder().setCgroupParent("/caisson.slice/" + SLICE)))) {
            String sandbox = "cri-containerd-" + pod.id() + ".scope";
            assertThat(property(sandbox, "ActiveState")).isEqualTo("active");
            assertThat(property(sandbox, "Slice")).isEqualTo(SLICE);
            String id = pod.start(
                    "one",
                    b -> b.setLinux(LinuxContainerConfig.newBuilder()
                            .setResources(LinuxContainerResources.newBuilder().setMemoryLimitInBytes(67_108_864))),
                    "sleep",
                    "1000");
            String unit = "cri-containerd-" + id + ".scope";
            assertThat(property(unit, "MemoryMax")).isEqualTo("67108864");
            assertThat(property(unit, "ControlGroup")).isEqualTo("/caisson.slice/" + SLICE + "/" + unit);
            // It has a cgroup namespace, whose root is the unit's group.
            assertThat(pod.execOut(id, "cat", "/proc/self/cgroup")).isEqualTo("0::/\n");

            pod.stop(id, 0);
            pod.stop();
            pod.remove();
            assertThat(property(unit, "LoadState")).isEqualTo("not-found");
            assertThat(property(sandbox, "LoadState")).isEqualTo("not-found");
        }
    }
}
