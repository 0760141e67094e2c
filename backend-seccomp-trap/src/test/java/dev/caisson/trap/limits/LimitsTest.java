package dev.caisson.trap.limits;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.MountInfo;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class LimitsTest {
    private static final List<MountInfo> MOUNTS = MountInfo.parse("""
            30 20 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:5 - cgroup2 cgroup2 rw,nsdelegate
            31 20 0:27 /docker/a /sys/fs/cgroup/cpu,cpuacct rw shared:6 - cgroup cgroup rw,cpu,cpuacct
            32 20 0:28 / /sys/fs/cgroup/memory rw shared:7 - cgroup cgroup rw,memory
            """);

    private static final String GROUPS = "5:memory:/pods/p/c\n4:cpu,cpuacct:/docker/a/c\n0::/pods/p\n";

    @Test
    void aGroupAndThoseThatItIsIn() {
        assertThat(GroupChain.of(MOUNTS, GROUPS, "memory"))
                .isEqualTo(new GroupChain(
                        false,
                        List.of(
                                "/sys/fs/cgroup/memory/pods/p/c",
                                "/sys/fs/cgroup/memory/pods/p",
                                "/sys/fs/cgroup/memory/pods",
                                "/sys/fs/cgroup/memory")));
        assertThat(GroupChain.of(MOUNTS, GROUPS, "cpu"))
                .isEqualTo(
                        new GroupChain(false, List.of("/sys/fs/cgroup/cpu,cpuacct/c", "/sys/fs/cgroup/cpu,cpuacct")));
        assertThat(GroupChain.of(MOUNTS, GROUPS, "pids"))
                .isEqualTo(new GroupChain(
                        true,
                        List.of(
                                "/sys/fs/cgroup/unified/pods/p",
                                "/sys/fs/cgroup/unified/pods",
                                "/sys/fs/cgroup/unified")));
        assertThat(GroupChain.of(List.of(), GROUPS, "pids")).isNull();
    }

    @Test
    void meminfoIsOfTheContainer() {
        String machine = """
                MemTotal:        8000000 kB
                MemFree:         4000000 kB
                MemAvailable:    5000000 kB
                Buffers:          100000 kB
                SwapTotal:       1000000 kB
                SwapFree:         900000 kB
                HugePages_Total:       7
                Hugepagesize:       2048 kB
                """;
        assertThat(new MemoryUse(64 << 20, 16 << 20, 8 << 20, 4 << 20, MemoryUse.UNLIMITED, 0).meminfo(machine))
                .isEqualTo("""
                        MemTotal:          65536 kB
                        MemFree:           49152 kB
                        MemAvailable:      53248 kB
                        Buffers:               0 kB
                        SwapTotal:       1000000 kB
                        SwapFree:        1000000 kB
                        HugePages_Total:       0
                        Hugepagesize:       2048 kB
                        """);
        assertThat(MemoryUse.NONE.meminfo(machine)).isEqualTo(machine);
    }

    @Test
    void processorsAreTheFirstOfTheSet() {
        BitSet set = ProcessorText.set("1-3,6\n", 8);
        assertThat(set).hasToString("{1, 2, 3, 6}");
        assertThat(ProcessorText.first(set, 2)).hasToString("{1, 2}");
        assertThat(ProcessorText.first(set, 0)).hasToString("{1}");
        assertThat(ProcessorText.first(set, Integer.MAX_VALUE)).isEqualTo(set);
        for (String none : new String[] {null, "", "\n", "x", "9-2", "0-99999999999"}) {
            assertThat(ProcessorText.set(none, 2)).as(String.valueOf(none)).hasToString("{0, 1}");
        }
        assertThat(ProcessorText.cpuinfo(
                        "processor\t: 0\nmodel\t: m\n\nprocessor\t: 1\nmodel\t: n\n\n", ProcessorText.set("1", 2)))
                .isEqualTo("processor\t: 1\nmodel\t: n\n\n");
    }
}
