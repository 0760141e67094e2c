package dev.caisson.tests.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.caisson.tests.support.Await;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.Lab;
import dev.caisson.tests.support.Proc;
import dev.caisson.tests.support.ShimRig;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.Spec;
import dev.caisson.tests.support.Watchdog;
import dev.caisson.ttrpc.TtrpcException;
import dev.caisson.ttrpc.proto.task.PauseRequest;
import dev.caisson.ttrpc.proto.task.ResumeRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Every controller of cgroup v2 seen to bite, in the lab, for root and for a user who was given a group: {@code tests/lab/suites}. */
@ExtendWith(Watchdog.class)
class CgroupV2Test {
    private static final Duration SOON = Duration.ofSeconds(60);

    /** One daemon for all tests: under emulation its start takes longer than a test. */
    @SuppressWarnings("NullAway.Init") // opened before the first test
    private static ShimRig rig;

    private static int pods;

    private SandboxPod pod;

    @BeforeAll
    static void open() {
        Lab.require("a limit of cgroup v2");
        rig = ShimRig.open();
    }

    @AfterAll
    static void close() {
        if (rig != null) {
            rig.close();
        }
    }

    @BeforeEach
    void openPod() {
        pod = new SandboxPod(rig, "pod" + ++pods);
    }

    @AfterEach
    void nothingOfTheTestIsLeft() {
        for (String member : new String[] {"c1", "free"}) {
            try {
                var waiting = pod.waiting(member, "");
                pod.kill(member, 9, true);
                SandboxPod.get(waiting);
            } catch (TtrpcException gone) {
                // Ended, or never made, or deleted by the test: the last look below tells.
            }
            try {
                pod.delete(member, "");
            } catch (TtrpcException gone) {
                // As above.
            }
        }
        assertThat(HostSnapshot.cgroupsOf(rig.tag())).noneMatch(path -> path.endsWith("c1") || path.endsWith("free"));
    }

    private static Consumer<Spec> limit(String name, String json) {
        return spec -> spec.resource(name, json);
    }

    private Path cgroup() {
        return HostSnapshot.cgroupsOf(rig.tag()).stream()
                .filter(path -> path.endsWith("c1"))
                .findFirst()
                .orElseThrow();
    }

    private String file(String name) {
        try {
            return Files.readString(cgroup().resolve(name)).strip();
        } catch (IOException e) {
            return e.toString();
        }
    }

    /** A number in a file of {@code key value} lines. */
    private long counter(String name, String key) {
        return file(name)
                .lines()
                .filter(line -> line.startsWith(key + " "))
                .mapToLong(line -> Long.parseLong(line.substring(key.length() + 1)))
                .findFirst()
                .orElse(-1);
    }

    @Test
    void memoryLimitKills() {
        pod.createMember(
                "c1",
                limit("memory", "{\"limit\": 33554432, \"swap\": 33554432}"),
                "dd",
                "if=/dev/zero",
                "of=/dev/null",
                "bs=100M",
                "count=1");
        assertThat(file("memory.max")).isEqualTo("33554432");
        assertThat(file("memory.swap.max")).isEqualTo("0");
        var waiting = pod.waiting("c1", "");
        pod.startProcess("c1", "");

        assertThat(SandboxPod.get(waiting).getExitStatus()).isEqualTo(137);
        assertThat(counter("memory.events", "oom_kill")).isPositive();
        pod.delete("c1", "");
    }

    @Test
    void pidsLimitBites() {
        pod.member(
                "c1",
                limit("pids", "{\"limit\": 5}"),
                "sh",
                "-c",
                "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; wait");

        Await.until("a refused fork", SOON, () -> counter("pids.events", "max") > 0);
        assertThat(file("pids.max")).isEqualTo("5");
        assertThat(Integer.parseInt(file("pids.current"))).isLessThanOrEqualTo(5);
    }

    @Test
    void cpuQuotaThrottles() {
        pod.member(
                "c1",
                limit("cpu", "{\"quota\": 10000, \"period\": 100000, \"shares\": 512}"),
                "sh",
                "-c",
                "while :; do :; done");

        Await.until("throttled periods", SOON, () -> counter("cpu.stat", "nr_throttled") > 3);
        assertThat(file("cpu.max")).isEqualTo("10000 100000");
        // runtime-spec's shares 2..262144 on the v2 scale 1..10000
        assertThat(Integer.parseInt(file("cpu.weight"))).isBetween(10, 60);
        long begin = System.nanoTime();
        long used = counter("cpu.stat", "usage_usec");
        Await.sleep(Duration.ofSeconds(2));
        double share = (counter("cpu.stat", "usage_usec") - used) * 1000.0 / (System.nanoTime() - begin);
        assertThat(share).isLessThan(0.2);
    }

    @Test
    void cpusetPins() {
        long pid = pod.member("c1", limit("cpu", "{\"cpus\": \"0\", \"mems\": \"0\"}"), "sleep", "1000");

        assertThat(file("cpuset.cpus.effective")).isEqualTo("0");
        assertThat(Proc.read(pid, "status")).contains("Cpus_allowed_list:\t0\n");
    }

    /** Writes so many MiB to a file of the member's volume, past the page cache; the seconds that took. */
    private double write(String member, int mib) {
        long begin = System.nanoTime();
        assertThat(pod.exec(
                        member,
                        "write",
                        "dd",
                        "if=/dev/zero",
                        "of=/run/v/file",
                        "bs=1M",
                        "oflag=direct",
                        "count=" + mib))
                .isZero();
        return (System.nanoTime() - begin) / 1e9;
    }

    @Test
    void blockDeviceLimitSlowsWritesDown() throws IOException {
        Skip.unless(Files.exists(Path.of("/sys/block/vda/dev")), "a limit of block I/O", "the disk /dev/vda");
        String device = text(Path.of("/sys/block/vda/dev"));
        String[] numbers = device.split(":", -1);
        Path volume = Files.createDirectories(rig.dir().resolve("volume"));
        pod.member("free", spec -> spec.bind(volume, "/run/v"), "sleep", "1000");
        pod.member(
                "c1",
                spec -> spec.bind(volume, "/run/v")
                        .resource(
                                "blockIO",
                                "{\"throttleWriteBpsDevice\": [{\"major\": " + numbers[0] + ", \"minor\": " + numbers[1]
                                        + ", \"rate\": 1048576}]}"),
                "sleep",
                "1000");

        assertThat(file("io.max")).contains(device + " ").contains("wbps=1048576");
        double free = write("free", 6);
        double limited = write("c1", 6);
        assertThat(limited).isGreaterThan(4.5).isGreaterThan(2 * free);
        assertThat(written(device)).isGreaterThanOrEqualTo(6 << 20);
    }

    private long written(String device) {
        for (String line : file("io.stat").lines().toList()) {
            for (String field : line.split(" ", -1)) {
                if (line.startsWith(device + " ") && field.startsWith("wbytes=")) {
                    return Long.parseLong(field.substring("wbytes=".length()));
                }
            }
        }
        return 0;
    }

    @Test
    void hugePageLimitBites() {
        Skip.unless(
                !text(Path.of("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"))
                        .matches("[0-3]|.*Exception.*"),
                "a limit of huge pages",
                "four free pages of 2 MiB");
        // A user may not mount hugetlbfs: then the limit is only looked at.
        boolean mount = !Lab.rootless();
        pod.member(
                "c1",
                spec -> {
                    ((ObjectNode) spec.tree().at("/linux/resources"))
                            .putArray("hugepageLimits")
                            .addObject()
                            .put("pageSize", "2MB")
                            .put("limit", 4194304);
                    if (mount) {
                        ((ArrayNode) spec.tree().get("mounts"))
                                .addObject()
                                .put("destination", "/dev/hugepages")
                                .put("type", "hugetlbfs")
                                .put("source", "hugetlbfs")
                                .putArray("options")
                                .add("pagesize=2M");
                    }
                },
                "sleep",
                "1000");

        assertThat(file("hugetlb.2MB.max")).isEqualTo("4194304");
        if (mount) {
            assertThat(pod.exec("c1", "two", "fallocate", "-l", "4194304", "/dev/hugepages/two"))
                    .isZero();
            assertThat(pod.exec("c1", "more", "fallocate", "-l", "2097152", "/dev/hugepages/more"))
                    .isNotZero();
            assertThat(file("hugetlb.2MB.current")).isEqualTo("4194304");
            assertThat(counter("hugetlb.2MB.events", "max")).isPositive();
        }
    }

    @Test
    void unifiedKeysAreWritten() {
        pod.member(
                "c1",
                limit("unified", "{\"memory.high\": \"67108864\", \"pids.max\": \"99\", \"memory.oom.group\": \"1\"}"),
                "sleep",
                "1000");

        assertThat(file("memory.high")).isEqualTo("67108864");
        assertThat(file("pids.max")).isEqualTo("99");
        assertThat(file("memory.oom.group")).isEqualTo("1");
    }

    @Test
    void freezerStopsAndThaws() {
        long pid = pod.member("c1", "sh", "-c", "while :; do :; done");

        pod.task("Pause", PauseRequest.newBuilder().setId("c1").build(), com.google.protobuf.Empty.parser());

        assertThat(counter("cgroup.events", "frozen")).isEqualTo(1);
        long before = Proc.cpuTicks(pid);
        Await.sleep(Duration.ofMillis(500));
        assertThat(Proc.cpuTicks(pid)).isEqualTo(before);
        pod.task("Resume", ResumeRequest.newBuilder().setId("c1").build(), com.google.protobuf.Empty.parser());
        Await.until("runs again", SOON, () -> Proc.cpuTicks(pid) > before);
    }

    @Test
    void devicesAreFilteredByProgram() {
        pod.member(
                "c1",
                spec -> {
                    ArrayNode rules = (ArrayNode) spec.tree().at("/linux/resources/devices");
                    rules.addObject()
                            .put("allow", true)
                            .put("type", "c")
                            .put("major", 10)
                            .put("minor", 229)
                            .put("access", "m");
                    ((ArrayNode) spec.tree().at("/process/capabilities/bounding")).add("CAP_MKNOD");
                },
                "sleep",
                "1000");

        assertThat(pod.exec("c1", "null", "sh", "-c", "echo x > /dev/null")).isZero();
        assertThat(pod.exec("c1", "mk", "mknod", "/dev/fuse", "c", "10", "229")).isZero();
        // Nodes of any device may be made, as under runc; what matters is that they cannot be opened.
        pod.exec("c1", "kmsg", "mknod", "/dev/kmsg", "c", "1", "11");
        assertThat(pod.exec("c1", "read", "sh", "-c", "exec 3< /dev/kmsg")).isNotZero();
        pod.exec("c1", "disk", "mknod", "/dev/vda", "b", "254", "0");
        assertThat(pod.exec("c1", "dd", "dd", "if=/dev/vda", "of=/dev/null", "count=1"))
                .isNotZero();
        assertThat(pod.exec("c1", "open", "sh", "-c", "exec 3<> /dev/fuse")).isNotZero();
    }

    @Test
    void cgroupIsGoneAfterDelete() {
        pod.member("c1", "sleep", "1000");
        assertThat(HostSnapshot.cgroupsOf(rig.tag())).isNotEmpty();
        pod.kill("c1", 9, true);
        SandboxPod.get(pod.waiting("c1", ""));
        pod.delete("c1", "");

        assertThat(HostSnapshot.cgroupsOf(rig.tag())).noneMatch(path -> path.endsWith("c1"));
    }

    /** Of user ids that the runtime's own root is not among, and the container's own cgroup writable at the usual place. */
    private static void userNamespaceWithCgroup(Spec spec) {
        ((ArrayNode) spec.tree().at("/linux/namespaces")).addObject().put("type", "user");
        ObjectNode linux = (ObjectNode) spec.tree().get("linux");
        for (String map : new String[] {"uidMappings", "gidMappings"}) {
            linux.putArray(map)
                    .addObject()
                    .put("containerID", 0)
                    .put("hostID", Lab.rootless() ? 10000 : 100000)
                    .put("size", 10000);
        }
        ObjectNode cgroup = ((ArrayNode) spec.tree().get("mounts"))
                .addObject()
                .put("destination", "/sys/fs/cgroup")
                .put("type", "cgroup")
                .put("source", "cgroup");
        cgroup.putArray("options").add("nosuid").add("noexec").add("nodev").add("rw");
    }

    @Test
    void delegatedSubtreeBelongsToTheContainersRoot() {
        pod.createMember(
                "c1",
                CgroupV2Test::userNamespaceWithCgroup,
                "sh",
                "-c",
                "cd /sys/fs/cgroup && mkdir leaf && echo $$ > leaf/cgroup.procs && grep -q leaf /proc/self/cgroup || exit 1;"
                        // Its own limits stay the runtime's.
                        + " echo max > memory.max && exit 2; exit 42");
        var waiting = pod.waiting("c1", "");
        pod.startProcess("c1", "");

        assertThat(SandboxPod.get(waiting).getExitStatus()).isEqualTo(42);
        pod.delete("c1", "");
    }

    @Test
    void execIsBornInTheCgroupOfAUserNamespacedContainer() {
        pod.member("c1", CgroupV2Test::userNamespaceWithCgroup, "sleep", "1000");

        assertThat(pod.exec("c1", "x", "sh", "-c", "grep -q '^0::/$' /proc/self/cgroup"))
                .isZero();
    }

    private static String text(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            return e.toString();
        }
    }
}
