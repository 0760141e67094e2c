package dev.caisson.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.cgroup.CgroupStats.BlockIoEntry;
import dev.caisson.linux.cgroup.CgroupStats.Counter;
import dev.caisson.linux.cgroup.CgroupStats.Hugetlb;
import dev.caisson.linux.cgroup.CgroupStats.IoDevice;
import dev.caisson.linux.cgroup.CgroupStats.MemoryEvents;
import dev.caisson.linux.cgroup.CgroupStats.OomControl;
import dev.caisson.linux.cgroup.CgroupStats.Pids;
import dev.caisson.linux.cgroup.CgroupStats.Pressure;
import dev.caisson.linux.cgroup.CgroupStats.PressureShare;
import dev.caisson.linux.cgroup.CgroupStats.Rdma;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Statistics out of files as real kernels write them. */
class CgroupStatsTest {
    @TempDir
    Path directory;

    private void file(String name, String text) throws IOException {
        Files.writeString(directory.resolve(name), text);
    }

    private CgroupStats v2(String... controllers) throws IOException {
        String dir = directory.toString();
        Map<String, String> map = new LinkedHashMap<>();
        for (String controller : controllers) {
            map.put(controller, dir);
        }
        return Cgroup.open(new CgroupState(CgroupMode.V2, dir, map, List.of())).stats();
    }

    @Test
    void version2() throws Exception {
        file("pids.current", "7\n");
        file("pids.max", "max\n");
        file("cpu.stat", """
                usage_usec 1500
                user_usec 1000
                system_usec 500
                nice_usec 0
                nr_periods 3
                nr_throttled 2
                throttled_usec 17
                nr_bursts 1
                burst_usec 4
                """);
        file("memory.stat", "anon 4096\nfile 8192\nkernel 1\ninactive_file 100\nworkingset_refault_anon 5\n");
        file("memory.current", "12288\n");
        file("memory.max", "max\n");
        file("memory.peak", "20000\n");
        file("memory.swap.current", "0\n");
        file("memory.swap.max", "4096\n");
        file("memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n");
        file("io.stat", "8:0 rbytes=90112 wbytes=1 rios=10 wios=2 dbytes=0 dios=0\n253:0 \n8:16 rbytes=5\n");
        file("hugetlb.2MB.current", "2097152\n");
        file("hugetlb.2MB.max", "max\n");
        file("hugetlb.2MB.rsvd.current", "1\n");
        file("hugetlb.2MB.events", "max 9\n");
        file("rdma.current", "mlx5_0 hca_handle=2 hca_object=20\n");
        file("rdma.max", "mlx5_00 hca_handle=1 hca_object=1\nmlx5_0 hca_handle=max hca_object=30\n");
        file(
                "memory.pressure",
                "some avg10=1.50 avg60=0.25 avg300=0.00 total=123\nfull avg10=0.10 avg60=0.00 avg300=0.00 total=9\n");
        file("cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");

        CgroupStats stats = v2("cpu", "memory", "io", "hugetlb", "pids", "rdma");

        assertThat(stats.mode()).isEqualTo(CgroupMode.V2);
        assertThat(stats.pids()).isEqualTo(new Pids(7, -1));
        assertThat(stats.cpu())
                .isEqualTo(new CgroupStats.Cpu(1_500_000, 1_000_000, 500_000, List.of(), 3, 2, 17_000, 1, 4000));
        assertThat(stats.memoryStat())
                .containsExactly(
                        Map.entry("anon", 4096L),
                        Map.entry("file", 8192L),
                        Map.entry("kernel", 1L),
                        Map.entry("inactive_file", 100L),
                        Map.entry("workingset_refault_anon", 5L));
        assertThat(stats.memory())
                .isEqualTo(new CgroupStats.Memory(
                        new Counter(-1, 12288, 20000, 0), new Counter(4096, 0, 0, 0), null, null));
        assertThat(stats.memoryEvents()).isEqualTo(new MemoryEvents(1, 2, 3, 4, 5, 6));
        assertThat(stats.oomControl()).isNull();
        assertThat(stats.io()).containsExactly(new IoDevice(8, 0, 90112, 1, 10, 2), new IoDevice(8, 16, 5, 0, 0, 0));
        assertThat(stats.hugetlb()).containsExactly(new Hugetlb("2MB", 2097152, 0, -1, 9));
        assertThat(stats.rdma()).containsExactly(new Rdma("mlx5_0", 2, 20, -1, 30));
        assertThat(stats.memoryPressure())
                .isEqualTo(new Pressure(new PressureShare(1.5, 0.25, 0, 123), new PressureShare(0.1, 0, 0, 9)));
        assertThat(stats.cpuPressure()).isEqualTo(new Pressure(new PressureShare(0, 0, 0, 0), PressureShare.NONE));
        assertThat(stats.ioPressure()).isNull();
        assertThat(stats.blockIo()).isEmpty();
    }

    @Test
    void version2WithoutControllersStillHasTime() throws Exception {
        file("cpu.stat", "usage_usec 2\n");
        CgroupStats stats = v2();
        assertThat(stats.cpu()).isEqualTo(new CgroupStats.Cpu(2000, 0, 0, List.of(), 0, 0, 0, 0, 0));
        assertThat(stats.memory()).isNull();
        assertThat(stats.memoryEvents()).isNull();
        assertThat(stats.pids()).isNull();
        assertThat(stats.memoryPressure()).isNull();
    }

    @Test
    void version1() throws Exception {
        file("pids.current", "1\n");
        file("pids.max", "20\n");
        file("cpuacct.usage", "123456789\n");
        file("cpuacct.usage_user", "100000000\n");
        file("cpuacct.usage_sys", "23456789\n");
        file("cpuacct.usage_percpu", "23456789 100000000 \n");
        file("cpu.stat", "nr_periods 1\nnr_throttled 2\nthrottled_time 3\nnr_bursts 4\nburst_time 5\n");
        file("memory.stat", "cache 1\nrss 2\nhierarchical_memory_limit 9223372036854771712\ntotal_rss 3\n");
        for (String kind : List.of("memory", "memory.memsw", "memory.kmem.tcp")) {
            file(kind + ".limit_in_bytes", "9223372036854771712\n");
            file(kind + ".usage_in_bytes", "10\n");
            file(kind + ".max_usage_in_bytes", "11\n");
            file(kind + ".failcnt", "12\n");
        }
        file("memory.oom_control", "oom_kill_disable 1\nunder_oom 0\noom_kill 3\n");
        file("blkio.throttle.io_service_bytes_recursive", "8:0 Read 100\n8:0 Total 100\nTotal 100\n");
        file("blkio.bfq.io_service_bytes_recursive", "Total 0\n");
        file("blkio.bfq.io_serviced_recursive", "8:0 Write 7\nTotal 7\n");
        file("blkio.time_recursive", "8:16 5\n");

        String dir = directory.toString();
        Map<String, String> map = new LinkedHashMap<>();
        for (String controller : List.of("cpu", "cpuacct", "memory", "pids", "blkio")) {
            map.put(controller, dir);
        }
        CgroupStats stats = Cgroup.open(new CgroupState(CgroupMode.V1, null, map, List.of()))
                .stats();

        long unlimited = 9223372036854771712L;
        Counter counter = new Counter(unlimited, 10, 11, 12);
        assertThat(stats.pids()).isEqualTo(new Pids(1, 20));
        assertThat(stats.cpu())
                .isEqualTo(new CgroupStats.Cpu(
                        123456789, 100000000, 23456789, List.of(23456789L, 100000000L), 1, 2, 3, 4, 5));
        assertThat(stats.memory()).isEqualTo(new CgroupStats.Memory(counter, counter, null, counter));
        assertThat(stats.memoryStat())
                .containsEntry("hierarchical_memory_limit", unlimited)
                .hasSize(4);
        assertThat(stats.oomControl()).isEqualTo(new OomControl(1, 0, 3));
        assertThat(stats.blockIo())
                .containsExactly(
                        Map.entry(
                                "io_service_bytes",
                                List.of(new BlockIoEntry("Read", 8, 0, 100), new BlockIoEntry("Total", 8, 0, 100))),
                        Map.entry("io_serviced", List.of(new BlockIoEntry("Write", 8, 0, 7))),
                        Map.entry("time", List.of(new BlockIoEntry("", 8, 16, 5))));
        assertThat(stats.memoryEvents()).isNull();
        assertThat(stats.io()).isEmpty();
    }

    @Test
    void oneValueOfManyIsFoundByItsWholeKey() {
        String text = "oom_kill_disable 7\nunder_oom 8\noom_kill 9\n";
        assertThat(CgroupFile.value(text, "oom_kill")).isEqualTo(9);
        assertThat(CgroupFile.value(text, "oom_kill_disable")).isEqualTo(7);
        assertThat(CgroupFile.value(text, "oom")).isZero();
        assertThat(CgroupFile.value("", "oom")).isZero();
        assertThat(CgroupFile.value("frozen 1", "frozen")).isEqualTo(1);
    }
}
