package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountsTest {
    @TempDir
    Path directory;

    @Test
    void parsesMountinfo() {
        List<MountInfo> mounts = MountInfo.parse("""
                36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue
                40 31 0:37 / /a\\040b\\134c\\011\\012\\043 rw - cgroup  rw,name=systemd
                41 31 0:38 /- - rw - cgroup2 cgroup2 rw
                """);
        assertThat(mounts).hasSize(3);
        assertThat(mounts.get(0))
                .isEqualTo(new MountInfo(
                        36,
                        35,
                        "98:0",
                        "/mnt1",
                        "/mnt2",
                        "rw,noatime",
                        List.of("master:1", "shared:2"),
                        "ext3",
                        "/dev/root",
                        "rw,errors=continue"));
        assertThat(mounts.get(1).mountPoint()).isEqualTo("/a b\\c\t\n#");
        assertThat(mounts.get(1).source()).isEmpty();
        assertThat(mounts.get(1).hasSuperOption("name=systemd")).isTrue();
        assertThat(mounts.get(1).hasSuperOption("name")).isFalse();
        assertThat(mounts.get(2).mountPoint()).isEqualTo("-");
        assertThatThrownBy(() -> MountInfo.parse("1 2 0:1 / /x rw shared:1"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("mountinfo line with too few fields: '1 2 0:1 / /x rw shared:1'");
    }

    @Test
    void unmountsDeepestAndNewestFirst() {
        List<MountInfo> mounts = MountInfo.parse("""
                1 0 0:1 / / rw - ext4 a rw
                2 1 0:2 / /b rw - tmpfs first rw
                3 2 0:3 / /b/c/d rw - tmpfs a rw
                4 2 0:4 / /b/c rw - tmpfs a rw
                5 2 0:5 / /b rw - tmpfs second rw
                6 1 0:6 / /bb rw - tmpfs a rw
                """);
        assertThat(Mounts.targets(mounts, "/b")).containsExactly("/b/c/d", "/b/c", "/b", "/b");
        assertThat(Mounts.targets(mounts, "/b/c")).containsExactly("/b/c/d", "/b/c");
        assertThat(Mounts.targets(mounts, "/x")).isEmpty();
    }

    @Test
    void freesAPathFromStackedNestedAndBusyMounts() throws Exception {
        assumeTrue(Processes.effectiveUid() == 0, "mount needs root");
        String top =
                Files.createDirectory(directory.resolve("top")).toRealPath().toString();
        Mounts.mount("below", top, "tmpfs", Mounts.MS_NOSUID, "size=64k");
        assertThat(HostFiles.tryMkdir(top + "/sub", 0755)).isEqualTo(Errno.SUCCESS);
        Mounts.mount("nested", top + "/sub", "tmpfs", 0, null);
        Mounts.mount("above", top, "tmpfs", 0, null);
        assertThat(Mounts.fileSystemType(top)).isEqualTo(Mounts.TMPFS_MAGIC);
        // Keeps the topmost mount busy for longer than the retries last.
        try (Fd held = Objects.requireNonNull(HostFiles.openIfPresent(top, HostFiles.O_RDONLY))) {
            assertThat(Mounts.tryUnmount(top, Mounts.UMOUNT_NOFOLLOW)).isEqualTo(Errno.EBUSY);
            Mounts.unmountRecursively(top);
            assertThat(held.isOpen()).isTrue();
        }
        assertThat(Mounts.targets(Mounts.table(), top)).isEmpty();
        assertThat(Mounts.tryUnmount(top, 0)).isEqualTo(Errno.EINVAL);
        Mounts.unmountRecursively(top);
    }

    @Test
    void aRefusedMountIsNamed() {
        assertThatThrownBy(() -> Mounts.mount("x", "/nowhere/at/all", "tmpfs", 0, null))
                .hasMessageMatching("mount /nowhere/at/all \\(tmpfs\\): (ENOENT|EPERM)");
    }
}
