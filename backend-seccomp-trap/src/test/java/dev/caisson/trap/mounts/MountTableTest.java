package dev.caisson.trap.mounts;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class MountTableTest {
    private static final String FIRST = """
            10 9 8:1 /fs / rw,nodev - ext4 root rw
            11 10 0:5 / /proc rw - proc proc rw
            12 10 8:1 /ro /data/ro ro,nosuid - ext4 root rw
            13 10 0:6 /null /data/mask ro - devtmpfs dev rw
            """;

    private final MountTable table = new MountTable();

    private Map<Integer, MountInfo> see(String more) {
        Map<Integer, MountInfo> all = MountInfo.parse(FIRST + more);
        table.see(all);
        return all;
    }

    @Test
    void whatTheConfigurationMountedIsLocked() {
        see("");
        assertThat(table.isLocked(10)).isTrue();
        assertThat(table.isLocked(13)).isTrue();
        assertThat(table.restrictions(12)).isEqualTo(MountInfo.RDONLY | MountInfo.NOSUID);
        assertThat(table.coversLocked(10, "/data")).isTrue();
        assertThat(table.coversLocked(10, "/data/mask")).isTrue();
        assertThat(table.coversLocked(10, "/dat")).isFalse();
        assertThat(table.below(10, "/data")).isEqualTo(3);
    }

    @Test
    void whatTheContainerMadeIsItsOwn() {
        see("");
        table.made(20);
        see("20 10 0:9 / /mnt rw - tmpfs t rw\n");
        assertThat(table.isLocked(20)).isFalse();
        assertThat(table.restrictions(20)).isZero();
        see("");
        see("20 10 0:9 / /mnt rw - tmpfs t rw\n");
        assertThat(table.isLocked(20)).as("another one with its number").isTrue();
    }

    @Test
    void copiesKeepRestrictionsAndWhatCovers() {
        see("");
        table.made(20);
        see("20 10 0:9 / /data/own rw - tmpfs t rw\n");
        String copies = "20 10 0:9 / /data/own rw - tmpfs t rw\n30 10 8:1 /fs/data /mnt rw - ext4 root rw\n"
                + "31 30 8:1 /ro /mnt/ro ro - ext4 root rw\n32 30 0:6 /null /mnt/mask ro - devtmpfs dev rw\n"
                + "33 30 0:9 / /mnt/own rw - tmpfs t rw\n34 10 0:9 / /else rw - tmpfs t rw\n";
        table.copied(10, "/data", MountInfo.parse(FIRST + copies), 30);
        assertThat(table.isLocked(30)).isFalse();
        assertThat(table.restrictions(30)).isEqualTo(MountInfo.NODEV);
        assertThat(table.isLocked(31)).isTrue();
        assertThat(table.restrictions(31)).isEqualTo(MountInfo.RDONLY | MountInfo.NOSUID);
        assertThat(table.isLocked(32)).isTrue();
        assertThat(table.isLocked(33)).isFalse();
        assertThat(table.isLocked(34)).as("somebody else's").isTrue();
        assertThat(table.coversLocked(30, "/mnt")).isTrue();
        assertThat(table.coversLocked(30, "/mnt/own")).isFalse();
    }

    @Test
    void ofSeveralAtOnePlaceTheStrictestCounts() {
        see("");
        table.made(20);
        see("20 13 0:6 /null /data/mask rw - devtmpfs dev rw\n");
        table.copied(
                10,
                "/data",
                MountInfo.parse(FIRST + "20 13 0:6 /null /data/mask rw - devtmpfs dev rw\n"
                        + "30 10 8:1 /fs/data /mnt rw - ext4 root rw\n31 30 0:6 /null /mnt/mask ro - devtmpfs dev rw\n"
                        + "32 31 0:6 /null /mnt/mask rw - devtmpfs dev rw\n"),
                30);
        assertThat(table.isLocked(31)).isTrue();
        assertThat(table.isLocked(32)).isTrue();
    }
}
