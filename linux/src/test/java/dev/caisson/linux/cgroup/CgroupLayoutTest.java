package dev.caisson.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CgroupLayoutTest {
    private static String mountOf(CgroupLayout layout, String controller) {
        return Objects.requireNonNull(layout.of(controller), controller).mountPoint();
    }

    @Test
    void version1WithControllersMountedTogether() {
        CgroupLayout layout = Layouts.v1();
        assertThat(layout.mode()).isEqualTo(CgroupMode.V1);
        assertThat(layout.unified()).isNull();
        assertThat(layout.hierarchies()).hasSize(11);
        assertThat(mountOf(layout, "cpu")).isEqualTo("/sys/fs/cgroup/cpu,cpuacct");
        assertThat(layout.of("cpuacct")).isSameAs(layout.of("cpu"));
        assertThat(mountOf(layout, "name=systemd")).isEqualTo("/sys/fs/cgroup/systemd");
        assertThat(layout.of("io")).isNull();
    }

    @Test
    void hybridTakesEachControllerWhereItIs() {
        CgroupLayout layout = Layouts.hybrid();
        assertThat(layout.mode()).isEqualTo(CgroupMode.HYBRID);
        assertThat(mountOf(layout, "memory")).isEqualTo("/sys/fs/cgroup/memory");
        assertThat(mountOf(layout, "hugetlb")).isEqualTo("/sys/fs/cgroup/unified");
        assertThat(layout.of("pids")).isNull();
    }

    @Test
    void version2PrefersTheUsualMount() {
        CgroupLayout layout = Layouts.v2();
        assertThat(layout.mode()).isEqualTo(CgroupMode.V2);
        assertThat(layout.hierarchies())
                .containsExactly(new CgroupHierarchy(
                        true,
                        List.of("cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"),
                        "/sys/fs/cgroup",
                        "/",
                        "/system.slice/caisson.service"));
    }

    @Test
    void ofTwoMountsAtOnePlaceTheLaterOneIsVisible() {
        String mounts = Layouts.V2_MOUNTS.replace("0:28 / /sys", "0:28 /../.. /sys")
                + "61 32 0:34 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw\n"
                + "62 61 0:28 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n";
        CgroupLayout layout = Layouts.layout(mounts, "0::/session\n", Layouts.V2_CONTROLLERS);
        assertThat(Objects.requireNonNull(layout.unified()).root()).isEqualTo("/");
    }

    @Test
    void aNamedHierarchyAloneMakesNoHybrid() {
        String mounts =
                Layouts.V2_MOUNTS + "50 31 0:50 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,none,name=systemd\n";
        CgroupLayout layout = Layouts.layout(mounts, "1:name=systemd:/x\n" + Layouts.V2_GROUPS, Layouts.V2_CONTROLLERS);
        assertThat(layout.mode()).isEqualTo(CgroupMode.V2);
        assertThat(layout.hierarchies()).hasSize(2);
    }

    @Test
    void aHierarchyThatIsNotMountedIsLeftOut() {
        CgroupLayout layout = Layouts.nested();
        assertThat(layout.of("cpu")).isNull();
        assertThat(layout.hierarchies()).hasSize(3);
    }

    @Test
    void readsFilesBelowGivenRoots(@TempDir Path root) throws Exception {
        Files.createDirectories(root.resolve("proc/self"));
        Files.writeString(root.resolve("proc/self/mountinfo"), Layouts.V2_MOUNTS);
        Files.writeString(root.resolve("proc/self/cgroup"), Layouts.V2_GROUPS);
        Files.createDirectories(root.resolve("host/sys/fs/cgroup"));
        Files.writeString(root.resolve("host/sys/fs/cgroup/cgroup.controllers"), Layouts.V2_CONTROLLERS);
        assertThat(CgroupLayout.detect(
                        root.resolve("proc").toString(), root.resolve("host").toString()))
                .isEqualTo(Layouts.v2());
    }

    @Test
    void noCgroupsAtAllIsAnError() {
        assertThatThrownBy(() -> CgroupLayout.of(List.of(), Layouts.V2_GROUPS, path -> null))
                .isInstanceOf(CgroupException.class)
                .hasMessage("find cgroups: no cgroup file system of this process's groups is mounted");
        assertThatThrownBy(() -> CgroupLayout.of(List.of(), "garbage\n", path -> null))
                .hasMessage("read /proc/self/cgroup: not a line as cgroups(7) describes: 'garbage'");
    }
}
