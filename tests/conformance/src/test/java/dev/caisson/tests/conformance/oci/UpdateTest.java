package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** {@code update}: what it leaves behind besides the limits themselves, which {@code CgroupsV1Test} and Podman's tests read. */
class UpdateTest extends OciSuite {
    private static final long MIB = 1 << 20;

    private Box limited() {
        Box box = box("exec sleep 1000");
        box.spec().resource("memory", "{\"limit\": 67108864, \"swap\": 134217728}");
        box.spec().resource("pids", "{\"limit\": 50}");
        box.create().start();
        return box;
    }

    /** The limits in the runtime's own record of the container, in the runtime-spec's names. */
    private JsonNode recorded(Box box) {
        Path directory = dir.resolve("root").resolve(box.id);
        if (runtime.is(Kind.CAISSON)) {
            return Box.parse(Box.text(directory.resolve("config.json"))).at("/linux/resources");
        }
        JsonNode state = Box.parse(Box.text(directory.resolve("state.json"))).at("/config/cgroups");
        return Box.JSON
                .createObjectNode()
                .set("memory", Box.JSON.createObjectNode().set("limit", state.get("memory")));
    }

    @Test
    void theRecordOfTheContainerFollows() {
        deviates(Kind.CRUN, "an update in the record", "1.8.1 keeps the configuration of create");
        Box box = limited();
        assertThat(recorded(box).at("/memory/limit").asLong()).isEqualTo(64 * MIB);

        box.command("update", "--memory", "80m", box.id).run().ok();

        assertThat(recorded(box).at("/memory/limit").asLong()).isEqualTo(80 * MIB);
        if (runtime.isSubject()) { // 1.1.5 forgets what the flags do not name
            assertThat(recorded(box).at("/memory/swap").asLong()).isEqualTo(128 * MIB);
            assertThat(recorded(box).at("/pids/limit").asLong()).isEqualTo(50);
            assertThat(recorded(box).get("devices")).isEqualTo(box.linux().at("/resources/devices"));
        }
        assertThat(box.command("exec", box.id, "true").run().exit()).isZero();
    }

    @Test
    void aFailedUpdateIsTakenBack() {
        deviates(Kind.CRUN, "an update that fails half way", "1.8.1 leaves what it had written");
        deviates(
                Kind.RUNC,
                "an update that fails half way",
                "1.1.5 sets the old limits again, which are the new ones by then");
        Box box = limited();
        CgroupFiles files = new CgroupFiles(box.pid());
        boolean unified = CgroupFiles.isUnified();

        // Shorter than the kernel's shortest period, a millisecond.
        Command.Result refused = box.command("update", "--memory", "80m", "--cpu-period", "10", box.id)
                .run();

        assertThat(refused.exit()).isNotZero();
        assertThat(unified ? files.read("", "memory.max") : files.read("memory", "memory.limit_in_bytes"))
                .isEqualTo(Long.toString(64 * MIB));
        assertThat(unified ? files.read("", "pids.max") : files.read("pids", "pids.max"))
                .isEqualTo("50");
        if (runtime.isSubject()) {
            assertThat(recorded(box).at("/memory/limit").asLong()).isEqualTo(64 * MIB);
        }
    }
}
