package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Lab;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The programs of {@link CgroupsV1Test} on version 2, in the lab; few containers, since each takes seconds there. */
class CgroupsV2Test extends OciSuite {
    @BeforeEach
    void needVersionTwo() {
        Lab.require("limits of cgroup v2");
    }

    /** Every limit of the programs in one container. */
    private Box limited(Box box) {
        box.spec()
                .resource("memory", "{\"limit\": 52428800, \"reservation\": 50331648, \"swap\": 104857600}")
                .resource("pids", "{\"limit\": 1000}")
                .resource("hugepageLimits", "[{\"pageSize\": \"2MB\", \"limit\": 4194304}]")
                .resource(
                        "cpu",
                        "{\"shares\": 1024, \"period\": 50000, \"quota\": 25000, \"cpus\": \"0\", \"mems\": \"0\"}");
        return box;
    }

    private void limitsAreThere(CgroupFiles files) {
        assertThat(files.read("", "memory.max")).isEqualTo("52428800");
        assertThat(files.read("", "memory.low")).isEqualTo("50331648");
        // The specification counts memory and swap together, the kernel swap alone.
        assertThat(files.read("", "memory.swap.max")).isEqualTo("52428800");
        assertThat(files.read("", "pids.max")).isEqualTo("1000");
        assertThat(files.read("", "hugetlb.2MB.max")).isEqualTo("4194304");
        assertThat(files.read("", "cpu.max")).isEqualTo("25000 50000");
        assertThat(files.read("", "cpuset.cpus")).isEqualTo("0");
        assertThat(files.read("", "cpuset.mems")).isEqualTo("0");
        // 39 by the formula of the releases here, 100 by the one since runc 1.3.2 and crun 1.23.
        assertThat(files.read("", "cpu.weight")).isEqualTo(runtime.isSubject() ? "100" : "39");
    }

    @Test
    void limitsBelowAnAbsolutePath() {
        Box box = limited(box("exec sleep 1000"));
        box.linux().put("cgroupsPath", "/" + tag() + "/absolute");
        CgroupFiles files = new CgroupFiles(box.create().pid());

        assertThat(files.path("")).isEqualTo("/" + tag() + "/absolute");
        limitsAreThere(files);
    }

    @Test
    void limitsBelowARelativePath() {
        Box box = limited(box("exec sleep 1000"));
        box.linux().put("cgroupsPath", tag() + "/relative");
        CgroupFiles files = new CgroupFiles(box.create().pid());

        assertThat(files.path("")).endsWith("/" + tag() + "/relative");
        limitsAreThere(files);
    }

    @Test
    void unifiedKeysAreWritten() {
        Box box = box("exec sleep 1000");
        box.spec().resource("unified", "{\"memory.high\": \"67108864\", \"pids.max\": \"77\"}");
        CgroupFiles files = new CgroupFiles(box.create().pid());

        assertThat(files.read("", "memory.high")).isEqualTo("67108864");
        assertThat(files.read("", "pids.max")).isEqualTo("77");
    }

    /** The rules are a program here; what it decides is seen by opening nodes. */
    @Test
    void devicesAreFiltered() {
        Box box = box("for d in null zero kmsg; do (exec 3</dev/$d) 2>/dev/null && echo $d; done; true");
        box.set("/linux/devices", "[{\"path\": \"/dev/kmsg\", \"type\": \"c\", \"major\": 1, \"minor\": 11}]");

        assertThat(box.run().ok().out()).isEqualTo("null\nzero\n");
    }

    @Test
    void deleteRemovesTheCgroupAndNothingElse() throws java.io.IOException {
        Path parent = Files.createDirectories(Path.of("/sys/fs/cgroup", tag()));
        Path foreign = Files.createDirectory(parent.resolve("foreign"));
        Box box = box("exec sleep 1000");
        box.create().start();
        List<Path> directories = new CgroupFiles(box.pid()).directories();
        assertThat(directories).containsExactly(parent.resolve(box.id));

        box.delete("--force").ok();

        assertThat(parent.resolve(box.id)).doesNotExist();
        assertThat(foreign).exists();
        Files.delete(foreign);
    }
}
