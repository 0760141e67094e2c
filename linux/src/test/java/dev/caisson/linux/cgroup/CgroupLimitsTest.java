package dev.caisson.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.cgroup.CgroupResources.BlockIo;
import dev.caisson.linux.cgroup.CgroupResources.Cpu;
import dev.caisson.linux.cgroup.CgroupResources.DeviceRule;
import dev.caisson.linux.cgroup.CgroupResources.HugepageLimit;
import dev.caisson.linux.cgroup.CgroupResources.Memory;
import dev.caisson.linux.cgroup.CgroupResources.Network;
import dev.caisson.linux.cgroup.CgroupResources.Priority;
import dev.caisson.linux.cgroup.CgroupResources.Rdma;
import dev.caisson.linux.cgroup.CgroupResources.ThrottleDevice;
import dev.caisson.linux.cgroup.CgroupResources.WeightDevice;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CgroupLimitsTest {
    private static final Memory NO_MEMORY = Memory.NONE;
    private static final Cpu NO_CPU = Cpu.NONE;

    private static CgroupResources of(Memory memory, Cpu cpu) {
        return new CgroupResources(
                memory, cpu, null, BlockIo.NONE, List.of(), Network.NONE, Map.of(), List.of(), Map.of());
    }

    private static CgroupResources unified(Map<String, String> files) {
        return new CgroupResources(
                NO_MEMORY, NO_CPU, null, BlockIo.NONE, List.of(), Network.NONE, Map.of(), List.of(), files);
    }

    private static Memory memory(@Nullable Long limit, @Nullable Long swap) {
        return new Memory(limit, null, swap, null, false, false);
    }

    private static Cpu bandwidth(@Nullable Long quota, @Nullable Long period, @Nullable Long burst) {
        return new Cpu(null, quota, period, burst, null, null, null, "", "");
    }

    /** Everything that both versions can express. */
    private static CgroupResources everything() {
        Map<String, Rdma> rdma = new LinkedHashMap<>();
        rdma.put("mlx5_1", new Rdma(3L, 10_000L));
        rdma.put("mlx4_0", new Rdma(null, -1L));
        return new CgroupResources(
                new Memory(512L << 20, 256L << 20, 768L << 20, null, false, false),
                new Cpu(1024L, 50_000L, 100_000L, 20_000L, null, null, 0L, "0-1", "0"),
                100L,
                new BlockIo(
                        500,
                        null,
                        List.of(new WeightDevice(8, 0, 300, null)),
                        List.of(new ThrottleDevice(8, 0, 1000)),
                        List.of(new ThrottleDevice(8, 0, 2000)),
                        List.of(new ThrottleDevice(8, 16, 30)),
                        List.of(new ThrottleDevice(8, 16, 0))),
                List.of(new HugepageLimit("2MB", 4 << 20)),
                new Network(0x100001L, List.of(new Priority("eth0", 5))),
                rdma,
                List.of(new DeviceRule(false, "a"), new DeviceRule(true, "c 1:3 rwm")),
                Map.of());
    }

    private static String text(List<CgroupStep> steps) {
        StringBuilder out = new StringBuilder();
        for (CgroupStep step : steps) {
            switch (step) {
                case CgroupStep.Write write -> out.append(write).append('\n');
                case CgroupStep.AnyOrder group -> {
                    out.append("any order:\n");
                    group.writes()
                            .forEach(write -> out.append("  ").append(write).append('\n'));
                }
                case CgroupStep.Downwards down ->
                    out.append("downwards: ").append(down.write()).append('\n');
            }
        }
        return out.toString();
    }

    @Test
    void everythingOnVersion1() throws Exception {
        List<CgroupStep> steps = CgroupLimits.plan(everything(), Layouts.v1());
        assertThat(text(steps)).isEqualTo("""
                devices/devices.deny = a
                devices/devices.allow = c 1:3 rwm
                cpuset/cpuset.cpus = 0-1
                cpuset/cpuset.mems = 0
                any order:
                  memory/memory.limit_in_bytes = 536870912
                  memory/memory.memsw.limit_in_bytes = 805306368
                memory/memory.soft_limit_in_bytes = 268435456
                cpu/cpu.idle = 0
                cpu/cpu.shares = 1024
                any order:
                  cpu/cpu.cfs_period_us = 100000
                  cpu/cpu.cfs_quota_us = 50000
                  cpu/cpu.cfs_burst_us = 20000
                pids/pids.max = 100
                blkio/blkio.weight = 500 else blkio/blkio.bfq.weight = 500
                blkio/blkio.weight_device = 8:0 300 else blkio/blkio.bfq.weight_device = 8:0 300
                blkio/blkio.throttle.read_bps_device = 8:0 1000
                blkio/blkio.throttle.write_bps_device = 8:0 2000
                blkio/blkio.throttle.read_iops_device = 8:16 30
                blkio/blkio.throttle.write_iops_device = 8:16 0
                hugetlb/hugetlb.2MB.limit_in_bytes = 4194304
                hugetlb/hugetlb.2MB.rsvd.limit_in_bytes = 4194304 (IGNORE_ABSENT)
                net_cls/net_cls.classid = 1048577
                net_prio/net_prio.ifpriomap = eth0 5
                rdma/rdma.max = mlx5_1 hca_handle=3 hca_object=10000
                rdma/rdma.max = mlx4_0 hca_object=max
                """);
        assertThat(CgroupLimits.controllers(steps))
                .containsExactly(
                        "devices",
                        "cpuset",
                        "memory",
                        "cpu",
                        "pids",
                        "blkio",
                        "hugetlb",
                        "net_cls",
                        "net_prio",
                        "rdma");
    }

    @Test
    void everythingOnVersion2() throws Exception {
        assertThat(text(CgroupLimits.plan(everything(), Layouts.v2()))).isEqualTo("""
                cpuset/cpuset.cpus = 0-1
                cpuset/cpuset.mems = 0
                memory/memory.swap.max = 268435456
                memory/memory.max = 536870912
                memory/memory.low = 268435456
                cpu/cpu.idle = 0
                cpu/cpu.weight = 100
                any order:
                  cpu/cpu.max = 50000 100000
                  cpu/cpu.max.burst = 20000
                pids/pids.max = 100
                io/io.bfq.weight = 500 else io/io.weight = 4950
                io/io.bfq.weight = 8:0 300 else io/io.weight = 8:0 2930
                io/io.max = 8:0 rbps=1000
                io/io.max = 8:0 wbps=2000
                io/io.max = 8:16 riops=30
                io/io.max = 8:16 wiops=max
                hugetlb/hugetlb.2MB.max = 4194304
                hugetlb/hugetlb.2MB.rsvd.max = 4194304 (IGNORE_ABSENT)
                rdma/rdma.max = mlx5_1 hca_handle=3 hca_object=10000
                rdma/rdma.max = mlx4_0 hca_object=max
                """);
    }

    @Test
    void whatOnlyVersion1Has() throws Exception {
        CgroupResources resources = of(
                new Memory(null, null, null, 60L, true, false), new Cpu(null, null, null, null, 9L, 10L, null, "", ""));
        assertThat(text(CgroupLimits.plan(resources, Layouts.v1()))).isEqualTo("""
                memory/memory.oom_control = 1
                memory/memory.swappiness = 60
                downwards: cpu/cpu.rt_period_us = 10
                downwards: cpu/cpu.rt_runtime_us = 9
                """);
        assertThatThrownBy(() -> CgroupLimits.plan(resources, Layouts.v2()))
                .hasMessage("set memory.swappiness: cgroup version 2 has no such setting");
        assertThatThrownBy(() -> CgroupLimits.plan(of(NO_MEMORY, resources.cpu()), Layouts.v2()))
                .hasMessage("set cpu.realtimeRuntime: cgroup version 2 has no such setting");
    }

    @Test
    void hybridMixesBothLanguages() throws Exception {
        CgroupResources resources = new CgroupResources(
                Memory.ofLimit(1 << 20),
                NO_CPU,
                null,
                BlockIo.NONE,
                List.of(new HugepageLimit("1GB", -1)),
                Network.NONE,
                Map.of(),
                List.of(),
                Map.of("cgroup.max.depth", "3"));
        assertThat(text(CgroupLimits.plan(resources, Layouts.hybrid()))).isEqualTo("""
                memory/memory.limit_in_bytes = 1048576
                hugetlb/hugetlb.1GB.max = max
                hugetlb/hugetlb.1GB.rsvd.max = max (IGNORE_ABSENT)
                unified/cgroup.max.depth = 3
                """);
    }

    @Test
    void nothingGivenWritesNothing() throws Exception {
        for (CgroupLayout layout : List.of(Layouts.v1(), Layouts.hybrid(), Layouts.v2())) {
            assertThat(CgroupLimits.plan(CgroupResources.NONE, layout)).isEmpty();
            CgroupResources zeroes =
                    of(new Memory(0L, 0L, 0L, null, false, true), new Cpu(0L, 0L, 0L, null, 0L, 0L, null, "", ""));
            assertThat(CgroupLimits.plan(zeroes, layout)).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                // limit, swap, version 1, version 2; as in the runtime-spec and runc
                "-1,    -,     ~memory.limit_in_bytes=-1;memory.memsw.limit_in_bytes=-1(IGNORE_ABSENT), memory.swap.max=max(IGNORE_ABSENT);memory.max=max",
                "1000,  -1,    ~memory.limit_in_bytes=1000;memory.memsw.limit_in_bytes=-1(IGNORE_ABSENT), memory.swap.max=max(IGNORE_ABSENT);memory.max=1000",
                "1000,  1000,  ~memory.limit_in_bytes=1000;memory.memsw.limit_in_bytes=1000, memory.swap.max=0(IGNORE_ABSENT);memory.max=1000",
                "1000,  0,     memory.limit_in_bytes=1000, memory.max=1000",
                "-,     -1,    memory.memsw.limit_in_bytes=-1(IGNORE_ABSENT), memory.swap.max=max(IGNORE_ABSENT)",
            })
    void memoryAndSwap(@Nullable Long limit, @Nullable Long swap, String v1, String v2) throws Exception {
        assertThat(shortened(CgroupLimits.plan(of(memory(limit, swap), NO_CPU), Layouts.v1())))
                .isEqualTo(v1);
        assertThat(shortened(CgroupLimits.plan(of(memory(limit, swap), NO_CPU), Layouts.v2())))
                .isEqualTo(v2);
    }

    private static String shortened(List<CgroupStep> steps) {
        return text(steps)
                .replace("any order:\n", "~")
                .replace("memory/", "")
                .replace(" ", "")
                .strip()
                .replace('\n', ';');
    }

    @Test
    void swapNeedsAMemoryLimitOnVersion2() throws Exception {
        CgroupResources swapOnly = of(memory(null, 1000L), NO_CPU);
        assertThatThrownBy(() -> CgroupLimits.plan(swapOnly, Layouts.v2()))
                .isInstanceOf(CgroupException.class)
                .hasMessage("set memory.swap: it includes memory, so memory.limit is needed with it");
        assertThatThrownBy(() -> CgroupLimits.plan(of(memory(-1L, 1000L), NO_CPU), Layouts.v2()))
                .hasMessage("set memory.swap: it includes memory, so memory.limit is needed with it");
        // An update may rely on the limit that is there.
        CgroupCurrent current = new CgroupCurrent(null, 600L, 10L);
        assertThat(shortened(CgroupLimits.plan(swapOnly, Layouts.v2(), current)))
                .isEqualTo("memory.swap.max=400");
    }

    @Test
    void impossibleMemory() {
        for (CgroupLayout layout : List.of(Layouts.v1(), Layouts.v2())) {
            assertThatThrownBy(() -> CgroupLimits.plan(of(memory(1000L, 999L), NO_CPU), layout))
                    .hasMessage("set memory.swap: 999 bytes are less than memory.limit of 1000, which they include");
            assertThatThrownBy(() -> CgroupLimits.plan(of(memory(-2L, null), NO_CPU), layout))
                    .hasMessage("set memory.limit: -2 is neither a number of bytes nor -1");
            CgroupResources checked = of(new Memory(1000L, null, null, null, false, true), NO_CPU);
            CgroupCurrent current = new CgroupCurrent(null, -1L, 1001L);
            assertThatThrownBy(() -> CgroupLimits.plan(checked, layout, current))
                    .hasMessage("set memory.limit: 1000 bytes are less than the 1001 in use");
        }
        CgroupResources swappy = of(new Memory(null, null, null, 101L, false, false), NO_CPU);
        assertThatThrownBy(() -> CgroupLimits.plan(swappy, Layouts.v1()))
                .hasMessage("set memory.swappiness: 101 is not between 0 and 100");
    }

    @ParameterizedTest
    @CsvSource(
            nullValues = "-",
            value = {
                // quota, period, present cpu.max, written cpu.max
                "50000, -,      -,              50000 100000",
                "-1,    -,      -,              max 100000",
                "-,     200000, -,              max 200000",
                "50000, 200000, -,              50000 200000",
                "50000, -,      max 300000,     50000",
                "-1,    -,      50000 300000,   max",
                "-,     200000, 50000 300000,   50000 200000",
                "-,     200000, max 300000,     max 200000",
            })
    void cpuMaxKeepsTheMissingHalf(@Nullable Long quota, @Nullable Long period, @Nullable String now, String text)
            throws Exception {
        CgroupCurrent current = new CgroupCurrent(now, null, null);
        assertThat(CgroupLimits.plan(of(NO_MEMORY, bandwidth(quota, period, null)), Layouts.v2(), current))
                .containsExactly(new CgroupStep.Write("cpu", "cpu.max", text));
    }

    @Test
    void anUpdateWritesOnlyWhatIsGiven() throws Exception {
        assertThat(CgroupLimits.plan(of(NO_MEMORY, bandwidth(-5L, null, null)), Layouts.v1()))
                .containsExactly(new CgroupStep.Write("cpu", "cpu.cfs_quota_us", "-1"));
        assertThat(CgroupLimits.plan(of(NO_MEMORY, bandwidth(null, 5000L, null)), Layouts.v1()))
                .containsExactly(new CgroupStep.Write("cpu", "cpu.cfs_period_us", "5000"));
        assertThat(CgroupLimits.plan(of(NO_MEMORY, bandwidth(null, null, 7L)), Layouts.v2()))
                .containsExactly(new CgroupStep.Write("cpu", "cpu.max.burst", "7"));
    }

    @Test
    void anIdleGroupHasNoWeight() throws Exception {
        CgroupResources idle = of(NO_MEMORY, new Cpu(512L, null, null, null, null, null, 1L, "", ""));
        for (CgroupLayout layout : List.of(Layouts.v1(), Layouts.v2())) {
            assertThat(CgroupLimits.plan(idle, layout)).containsExactly(new CgroupStep.Write("cpu", "cpu.idle", "1"));
        }
    }

    /** Computed apart with 60 decimal digits; 1024 is exactly 100. */
    @ParameterizedTest
    @CsvSource({
        "1,1",
        "2,1",
        "3,2",
        "256,35",
        "512,59",
        "1024,100",
        "2048,174",
        "10240,639",
        "262143,10000",
        "262144,10000",
        "9223372036854775807,10000"
    })
    void sharesBecomeWeight(long shares, long weight) {
        assertThat(CgroupLimits.weightOfShares(shares)).isEqualTo(weight);
    }

    @Test
    void weightGrowsWithShares() {
        long last = 1;
        for (long shares = 2; shares <= 262_144; shares++) {
            long weight = CgroupLimits.weightOfShares(shares);
            assertThat(weight).isBetween(last, 10_000L);
            last = weight;
        }
    }

    @ParameterizedTest
    @CsvSource({"-1,max", "0,1", "1,1", "100,100"})
    void pids(long limit, String text) throws Exception {
        CgroupResources resources = new CgroupResources(
                NO_MEMORY, NO_CPU, limit, BlockIo.NONE, List.of(), Network.NONE, Map.of(), List.of(), Map.of());
        for (CgroupLayout layout : List.of(Layouts.v1(), Layouts.v2())) {
            assertThat(CgroupLimits.plan(resources, layout))
                    .containsExactly(new CgroupStep.Write("pids", "pids.max", text));
        }
    }

    @Test
    void aMissingControllerIsNamedWithTheField() {
        CgroupResources resources = new CgroupResources(
                NO_MEMORY, NO_CPU, 5L, BlockIo.NONE, List.of(), Network.NONE, Map.of(), List.of(), Map.of());
        assertThatThrownBy(() -> CgroupLimits.plan(resources, Layouts.hybrid()))
                .hasMessage("set pids.limit: this host has no cgroup controller pids");
        CgroupResources weight = new CgroupResources(
                NO_MEMORY,
                NO_CPU,
                null,
                new BlockIo(9, null, List.of(), List.of(), List.of(), List.of(), List.of()),
                List.of(),
                Network.NONE,
                Map.of(),
                List.of(),
                Map.of());
        assertThatThrownBy(() -> CgroupLimits.plan(weight, Layouts.hybrid()))
                .hasMessage("set blockIO: this host has no cgroup controller for block devices");
        assertThatThrownBy(() -> CgroupLimits.plan(weight, Layouts.v2()))
                .hasMessage("set blockIO.weight: 9 is not between 10 and 1000");
    }

    @Test
    void unifiedIsWrittenLastLineByLine() throws Exception {
        Map<String, String> files = new LinkedHashMap<>();
        files.put("memory.high", "1000");
        files.put("io.max", "8:0 rbps=1\n8:16 rbps=2\n");
        files.put("cgroup.freeze", "0");
        assertThat(text(CgroupLimits.plan(unified(files), Layouts.v2()))).isEqualTo("""
                memory/memory.high = 1000
                io/io.max = 8:0 rbps=1
                io/io.max = 8:16 rbps=2
                unified/cgroup.freeze = 0
                """);
    }

    @ParameterizedTest
    @CsvSource({"memory/high", "../memory.high", "high", ".x", "''"})
    void unifiedTakesOnlyNamesOfFiles(String name) {
        assertThatThrownBy(() -> CgroupLimits.plan(unified(Map.of(name, "1")), Layouts.v2()))
                .hasMessage("set unified: '" + name + "' is not a cgroup file's name");
    }

    @Test
    void unifiedNeedsTheControllerOnVersion2() {
        assertThatThrownBy(() -> CgroupLimits.plan(unified(Map.of("memory.high", "1")), Layouts.hybrid()))
                .hasMessage(
                        "set unified 'memory.high': controller memory is not available in cgroup version 2 on this host");
        assertThatThrownBy(() -> CgroupLimits.plan(unified(Map.of("memory.high", "1")), Layouts.v1()))
                .hasMessage("set unified: this host has no cgroup version 2");
    }

    @Test
    void aPageSizeIsNoPath() {
        for (String size : List.of("../2MB", "2MB/x", "MB", "2", "2MiB", "")) {
            CgroupResources resources = new CgroupResources(
                    NO_MEMORY,
                    NO_CPU,
                    null,
                    BlockIo.NONE,
                    List.of(new HugepageLimit(size, 1)),
                    Network.NONE,
                    Map.of(),
                    List.of(),
                    Map.of());
            assertThatThrownBy(() -> CgroupLimits.plan(resources, Layouts.v1()))
                    .hasMessage("set hugepageLimits: '" + size + "' is not a page size like 2MB");
        }
    }
}
