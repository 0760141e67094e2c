package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Programs {@code linux_cgroups_*} and {@code linux_cgroups_relative_*}, {@code delete_resources}, {@code delete_only_create_resources}, on
 * version 1. Limits are read back from the host between create and start.
 */
class CgroupsV1Test extends OciSuite {
    private static final String ABSOLUTE = "absolute";

    @BeforeEach
    void needVersionOne() {
        Skip.unless(!CgroupFiles.isUnified(), "limits of cgroup v1", "a host with version 1 hierarchies");
    }

    private CgroupFiles created(String path, String resource, String json) {
        Box box = box("exec sleep 1000");
        String relative = tag() + "/relative";
        box.linux().put("cgroupsPath", path.equals(ABSOLUTE) ? "/" + tag() + "/absolute" : relative);
        if (!resource.isEmpty()) {
            box.spec().resource(resource, json);
        }
        CgroupFiles files = new CgroupFiles(box.create().pid());
        // Absolute: below the root of each hierarchy. Relative: where the runtime decides, but under that name.
        if (path.equals(ABSOLUTE)) {
            assertThat(files.path("memory")).isEqualTo("/" + tag() + "/absolute");
        } else {
            assertThat(files.path("memory")).endsWith("/" + relative);
        }
        return files;
    }

    private static void need(String controller) {
        Skip.unless(CgroupFiles.hasV1(controller), "limits of " + controller, "the version 1 controller " + controller);
    }

    @ParameterizedTest
    @ValueSource(strings = {ABSOLUTE, "relative"})
    void everyHierarchyIsJoined(String path) {
        CgroupFiles files = created(path, "", "");

        for (String controller : List.of("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids")) {
            need(controller);
            assertThat(files.path(controller)).as(controller).endsWith("/" + tag() + "/" + path);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "absolute, 1024, 100000, 50000, 0, 0",
        "absolute, 1024, 100000, 200000, 0-1, 0",
        "absolute, 2, 50000, 25000, 1, 0",
        "relative, 512, 100000, 50000, 0-1, 0"
    })
    void cpu(String path, int shares, int period, int quota, String cpus, String mems) {
        Skip.unless(Runtime.getRuntime().availableProcessors() > 1, "limits of cpusets", "two processors");
        CgroupFiles files = created(
                path,
                "cpu",
                "{\"shares\": " + shares + ", \"period\": " + period + ", \"quota\": " + quota + ", \"cpus\": \"" + cpus
                        + "\", \"mems\": \"" + mems + "\"}");

        assertThat(files.read("cpu", "cpu.shares")).isEqualTo(Integer.toString(shares));
        assertThat(files.read("cpu", "cpu.cfs_period_us")).isEqualTo(Integer.toString(period));
        assertThat(files.read("cpu", "cpu.cfs_quota_us")).isEqualTo(Integer.toString(quota));
        assertThat(files.read("cpuset", "cpuset.cpus")).isEqualTo(cpus);
        assertThat(files.read("cpuset", "cpuset.mems")).isEqualTo(mems);
    }

    /** {@code kernel} and {@code kernelTCP} are obsolete in the kernel; runc and crun of today ignore them, and so does the digest. */
    @ParameterizedTest
    @ValueSource(strings = {ABSOLUTE, "relative"})
    void memory(String path) {
        CgroupFiles files = created(
                path,
                "memory",
                "{\"limit\": 52428800, \"reservation\": 50331648, \"swap\": 104857600, \"kernel\": 50331648, \"kernelTCP\": 50331648,"
                        + " \"swappiness\": 50, \"disableOOMKiller\": false}");

        assertThat(files.read("memory", "memory.limit_in_bytes")).isEqualTo("52428800");
        assertThat(files.read("memory", "memory.soft_limit_in_bytes")).isEqualTo("50331648");
        assertThat(files.read("memory", "memory.memsw.limit_in_bytes")).isEqualTo("104857600");
        assertThat(files.read("memory", "memory.swappiness")).isEqualTo("50");
        assertThat(files.read("memory", "memory.oom_control")).contains("oom_kill_disable 0");
    }

    @Test
    void theOomKillerIsDisabled() {
        CgroupFiles files = created(ABSOLUTE, "memory", "{\"limit\": 52428800, \"disableOOMKiller\": true}");

        assertThat(files.read("memory", "memory.oom_control")).contains("oom_kill_disable 1");
    }

    @Test
    void memoryIsUnlimitedByMinusOne() {
        CgroupFiles files = created(ABSOLUTE, "memory", "{\"limit\": -1}");

        assertThat(Long.parseLong(files.read("memory", "memory.limit_in_bytes")))
                .isGreaterThan(1L << 60);
    }

    @ParameterizedTest
    @ValueSource(strings = {ABSOLUTE, "relative"})
    void pids(String path) {
        assertThat(created(path, "pids", "{\"limit\": 1000}").read("pids", "pids.max"))
                .isEqualTo("1000");
    }

    @Test
    void pidsAreUnlimitedByMinusOne() {
        deviates(Kind.CRUN, "a number of processes of -1", "1.8.1 writes -1 on version 1");
        assertThat(created(ABSOLUTE, "pids", "{\"limit\": -1}").read("pids", "pids.max"))
                .isEqualTo("max");
    }

    /** What the validation suite looks for: each rule of the configuration stands in {@code devices.list} as it was written. */
    @ParameterizedTest
    @ValueSource(strings = {ABSOLUTE, "relative"})
    void devices(String path) {
        CgroupFiles files = created(path, "devices", """
                [{"allow": false, "access": "rwm"},
                 {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"},
                 {"allow": true, "type": "b", "major": 8, "minor": 20, "access": "rwm"},
                 {"allow": true, "type": "b", "major": 10, "minor": 200, "access": "r"}]""");
        List<String> list = files.read("devices", "devices.list").lines().toList();

        assertThat(list).contains("c 10:229 rw", "b 8:20 rwm", "b 10:200 r");
        assertThat(list).doesNotContain("a *:* rwm");
        // What every container needs.
        assertThat(list)
                .contains(
                        "c 1:3 rwm",
                        "c 1:5 rwm",
                        "c 1:7 rwm",
                        "c 1:8 rwm",
                        "c 1:9 rwm",
                        "c 5:0 rwm",
                        "c 136:* rwm",
                        "c 5:2 rwm");
    }

    /** The first block device of this machine, {@code major:minor}. */
    private static String disk() {
        try (var disks = Files.list(Path.of("/sys/block"))) {
            return disks.sorted()
                    .map(disk -> Box.text(disk.resolve("dev")).strip())
                    .findFirst()
                    .orElseThrow(() -> Skip.because("limits of block devices", "a block device"));
        } catch (IOException none) {
            throw Skip.because("limits of block devices", "a block device");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {ABSOLUTE, "relative"})
    void blockThrottles(String path) {
        String disk = disk();
        String[] numbers = disk.split(":", -1);
        String device = "\"major\": " + numbers[0] + ", \"minor\": " + numbers[1];
        CgroupFiles files = created(
                path,
                "blockIO",
                "{\"throttleReadBpsDevice\": [{" + device + ", \"rate\": 102400}], \"throttleWriteBpsDevice\": [{"
                        + device
                        + ", \"rate\": 204800}], \"throttleReadIOPSDevice\": [{" + device
                        + ", \"rate\": 300}], \"throttleWriteIOPSDevice\": [{" + device + ", \"rate\": 400}]}");

        assertThat(files.read("blkio", "blkio.throttle.read_bps_device")).isEqualTo(disk + " 102400");
        assertThat(files.read("blkio", "blkio.throttle.write_bps_device")).isEqualTo(disk + " 204800");
        assertThat(files.read("blkio", "blkio.throttle.read_iops_device")).isEqualTo(disk + " 300");
        assertThat(files.read("blkio", "blkio.throttle.write_iops_device")).isEqualTo(disk + " 400");
    }

    /** Kernels without BFQ as the scheduler of a disk have no file for it. */
    @ParameterizedTest
    @ValueSource(strings = {ABSOLUTE, "relative"})
    void blockWeight(String path) throws IOException {
        Path probe = Files.createDirectories(Path.of("/sys/fs/cgroup/blkio", tag(), "probe"));
        boolean has = Files.exists(probe.resolve("blkio.weight")) || Files.exists(probe.resolve("blkio.bfq.weight"));
        Files.delete(probe);
        deviates(Kind.CRUN, "weights of block devices", "1.8.1 knows blkio.weight only");
        Skip.unless(has, "weights of block devices", "a kernel with blkio.weight or blkio.bfq.weight");
        CgroupFiles files = created(path, "blockIO", "{\"weight\": 500}");

        String file =
                Files.exists(files.directory("blkio").resolve("blkio.weight")) ? "blkio.weight" : "blkio.bfq.weight";
        assertThat(files.read("blkio", file)).isEqualTo("500");
    }

    /** A hybrid host may have a controller on either side; where it is, there is the limit. */
    @ParameterizedTest
    @ValueSource(strings = {ABSOLUTE, "relative"})
    void hugePages(String path) {
        boolean unified = CgroupFiles.hybridHas("hugetlb");
        if (unified) {
            deviates(Kind.RUNC, "limits of huge pages", "1.1.5 looks for them on version 1 only");
            deviates(Kind.CRUN, "limits of huge pages", "1.8.1 looks for them on version 1 only");
        } else {
            need("hugetlb");
        }
        CgroupFiles files = created(path, "hugepageLimits", "[{\"pageSize\": \"2MB\", \"limit\": 4194304}]");

        assertThat(unified ? files.read("", "hugetlb.2MB.max") : files.read("hugetlb", "hugetlb.2MB.limit_in_bytes"))
                .isEqualTo("4194304");
    }

    @ParameterizedTest
    @ValueSource(strings = {ABSOLUTE, "relative"})
    void network(String path) {
        need("net_cls");
        need("net_prio");
        CgroupFiles files =
                created(path, "network", "{\"classID\": 255, \"priorities\": [{\"name\": \"lo\", \"priority\": 10}]}");

        assertThat(files.read("net_cls", "net_cls.classid")).isEqualTo("255");
        assertThat(files.read("net_prio", "net_prio.ifpriomap")).contains("lo 10");
    }

    /** Asked for and not to be had is an error. */
    @Test
    void aLimitWithoutItsControllerIsRefused() {
        deviates(Kind.CRUN, "refusal of a limit without its controller", "1.8.1 refuses it and leaves the cgroups");
        Skip.unless(!CgroupFiles.hasV1("net_cls"), "refusal of a limit", "a host without the controller net_cls");
        Box box = box("true");
        box.spec().resource("network", "{\"classID\": 255}");

        assertThat(box.tryCreate().exit()).isNotZero();
    }

    @Test
    void deleteRemovesEveryCgroup() {
        Box box = box("exec sleep 1000");
        box.spec().resource("memory", "{\"limit\": 52428800}").resource("pids", "{\"limit\": 100}");
        box.create().start();
        List<Path> directories = new CgroupFiles(box.pid()).directories();
        assertThat(directories).hasSizeGreaterThan(5).allMatch(Files::isDirectory);

        box.delete("--force").ok();

        assertThat(directories).noneMatch(Files::exists);
        assertThat(HostSnapshot.cgroupsOf(tag())).noneMatch(path -> path.endsWith(box.id));
    }

    /** What was there before, and who is in it, is not the container's. */
    @Test
    void deleteRemovesOnlyWhatCreateMade() throws IOException {
        Path parent = Files.createDirectories(Path.of("/sys/fs/cgroup/pids", tag()));
        Path foreign = Files.createDirectory(parent.resolve("foreign"));
        Process other = beside("sleep", "1000");
        Files.writeString(foreign.resolve("cgroup.procs"), Long.toString(other.pid()));
        Box box = box("exec sleep 1000");
        box.create().start();

        box.delete("--force").ok();

        assertThat(other.isAlive()).isTrue();
        assertThat(foreign.resolve("cgroup.procs")).hasContent(other.pid() + "\n");
        assertThat(parent.resolve(box.id)).doesNotExist();
        other.destroyForcibly();
        Await.until(
                "an empty cgroup",
                SOON,
                () -> Box.text(foreign.resolve("cgroup.procs")).isEmpty());
        Files.delete(foreign);
    }

    @Test
    void theContainerSeesItsOwnCgroup() {
        Box box = box(
                "cat /sys/fs/cgroup/pids/cgroup.procs | head -1; grep -c ' /sys/fs/cgroup/pids ' /proc/self/mountinfo;"
                        + " mkdir /sys/fs/cgroup/pids/new 2>/dev/null || echo refused");
        box.add(
                "/mounts",
                "{\"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\", \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"]}");

        assertThat(box.run().ok().out()).isEqualTo("1\n1\nrefused\n");
    }
}
