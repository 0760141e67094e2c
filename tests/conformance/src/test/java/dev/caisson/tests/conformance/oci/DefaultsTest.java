package dev.caisson.tests.conformance.oci;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.tests.support.Command;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.RuntimeUnderTest.Kind;
import dev.caisson.tests.support.Skip;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Programs {@code default}, {@code hostname}, {@code root_readonly_true}, {@code misc_props}, {@code linux_sysctl}, {@code linux_uid_mappings}. */
class DefaultsTest extends OciSuite {
    private static final Path SWAPPINESS = Path.of("/proc/sys/vm/swappiness");

    private Inside inside(Box box) {
        return new Inside(box.run().ok().out());
    }

    /** runtime-spec, config-linux.md "Default Filesystems", "Default Devices", "Default symbolic links". */
    @Test
    void defaultFileSystemsDevicesAndLinks() {
        Inside inside = inside(box(Inside.SCRIPT));

        assertThat(inside.mount("/proc").type()).isEqualTo("proc");
        assertThat(inside.mount("/sys").type()).isEqualTo("sysfs");
        assertThat(inside.mount("/dev/pts").type()).isEqualTo("devpts");
        assertThat(inside.mount("/dev/shm").type()).isEqualTo("tmpfs");
        assertThat(inside.device("/dev/null")).isEqualTo("character special file|666|0|0|1|3");
        assertThat(inside.device("/dev/zero")).isEqualTo("character special file|666|0|0|1|5");
        assertThat(inside.device("/dev/full")).isEqualTo("character special file|666|0|0|1|7");
        assertThat(inside.device("/dev/random")).isEqualTo("character special file|666|0|0|1|8");
        assertThat(inside.device("/dev/urandom")).isEqualTo("character special file|666|0|0|1|9");
        assertThat(inside.device("/dev/tty")).isEqualTo("character special file|666|0|0|5|0");
        assertThat(inside.ptmx()).isEqualTo("character special file|5|2");
        assertThat(inside.link("/dev/fd")).isEqualTo("/proc/self/fd");
        assertThat(inside.link("/dev/stdin")).isEqualTo("/proc/self/fd/0");
        assertThat(inside.link("/dev/stdout")).isEqualTo("/proc/self/fd/1");
        assertThat(inside.link("/dev/stderr")).isEqualTo("/proc/self/fd/2");
    }

    /** In the order of the configuration. */
    @Test
    void mountsOfTheConfigurationInTheirOrder() {
        Box box = box(Inside.SCRIPT);
        Inside inside = inside(box);

        int at = -1;
        for (var mount : box.config().get("mounts")) {
            String point = mount.get("destination").asText();
            int next =
                    inside.mounts().stream().map(Inside.Mount::point).toList().indexOf(point);
            assertThat(next).as(point).isGreaterThan(at);
            at = next;
        }
    }

    @Test
    void hostNameIsSet() {
        Box box = box(Inside.SCRIPT).set("/hostname", "\"hostname-specific\"");

        assertThat(inside(box).line("host")).isEqualTo("hostname-specific");
    }

    @Test
    void withoutAHostNameTheHostsIsKept() {
        Box box = box(Inside.SCRIPT);
        box.config().remove("hostname");

        assertThat(inside(box).line("host"))
                .isEqualTo(Box.text(Path.of("/proc/sys/kernel/hostname")).strip());
    }

    /** A field since runtime-spec 1.1. */
    @Test
    void domainNameIsSet() {
        deviates(Kind.RUNC, "domainname", "1.1.5 is older than the field");
        Box box = box(Inside.SCRIPT).set("/domainname", "\"example.test\"");

        assertThat(inside(box).line("domain")).isEqualTo("example.test");
    }

    @Test
    void readOnlyRootCannotBeWritten() {
        Box box =
                box(Inside.SCRIPT + "touch /file 2>&1; touch /tmp/file 2>&1; :").set("/root/readonly", "true");
        Inside inside = inside(box);

        assertThat(inside.mount("/").has("ro")).isTrue();
        assertThat(inside.rest()).hasSize(2).allMatch(line -> line.contains("Read-only file system"));
    }

    @Test
    void writableRootIsWritten() {
        Box box = box("echo text > /file").set("/root/readonly", "false");
        box.run().ok();

        assertThat(box.file("/file")).hasContent("text\n");
    }

    @Test
    void unknownPropertiesAreIgnored() {
        Box box = box("echo fine").set("/unknown", "\"value\"").set("/process/unknown", "{\"a\": [1, 2]}");

        assertThat(box.run().ok().out()).isEqualTo("fine\n");
    }

    @Test
    void unknownAnnotationsAreKeptAndIgnored() {
        Box box = box("sleep 1000")
                .set("/annotations", "{\"test.caisson.unknown\": \"value\", \"test.caisson.empty\": \"\"}");
        box.create();

        assertThat(box.state().at("/annotations/test.caisson.unknown").asText()).isEqualTo("value");
        assertThat(box.state().at("/annotations").has("test.caisson.empty")).isTrue();
    }

    @Test
    void aValueOfTheWrongTypeIsRefused() {
        deviates(Kind.CRUN, "refusal of a number as a path", "1.8.1 takes what it cannot read as absent");

        assertThat(box("true").set("/process/cwd", "17").tryCreate().exit()).isNotZero();
    }

    /** The suite's own program for this forgets to put its checker into the container; what it means is asserted here. */
    @Test
    void invalidValuesAreRefused() {
        assertThat(box("type", "true")
                        .add("/linux/namespaces", "{\"type\": \"nosuch\"}")
                        .tryCreate()
                        .exit())
                .isNotZero();
        assertThat(box("no-root", "true")
                        .set("/root/path", "\"absent\"")
                        .tryCreate()
                        .exit())
                .isNotZero();
    }

    @Test
    void aRelativeDirectoryIsRefused() {
        deviates(Kind.CRUN, "refusal of a relative directory", "1.8.1 enters it");

        assertThat(box("true").set("/process/cwd", "\"tmp\"").tryCreate().exit())
                .isNotZero();
    }

    @Test
    void aProcessNeedsArguments() {
        assertThat(box("true").set("/process/args", "[]").tryCreate().exit()).isNotZero();
    }

    @Test
    void aVersionThatIsNoneIsRefused() {
        deviates(Kind.RUNC, "refusal of an unreadable ociVersion", "1.1.5 does not look at it");

        assertThat(box("true")
                        .set("/ociVersion", "\"not a version\"")
                        .tryCreate()
                        .exit())
                .isNotZero();
    }

    @Test
    void sysctlsOfItsNamespacesAreSet() {
        Box box = box(Inside.SCRIPT + "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax")
                .set("/linux/sysctl", "{\"net.ipv4.ip_forward\": \"1\", \"kernel.msgmax\": \"4321\"}");

        assertThat(inside(box).rest()).containsExactly("1", "4321");
    }

    /** Only what belongs to a namespace of the container's own may be set (runc's allow-list). */
    @Test
    void sysctlsOfTheHostAreRefused() {
        String before = Box.text(SWAPPINESS);

        assertThat(box("host", "true")
                        .set("/linux/sysctl", "{\"vm.swappiness\": \"17\"}")
                        .tryCreate()
                        .exit())
                .isNotZero();
        assertThat(box("net", "true")
                        .without("network")
                        .set("/linux/sysctl", "{\"net.ipv4.ip_forward\": \"1\"}")
                        .tryCreate()
                        .exit())
                .isNotZero();
        assertThat(Box.text(SWAPPINESS)).isEqualTo(before);
    }

    @Test
    void idsAreMapped() {
        Box box = box(Inside.SCRIPT + "stat -c '%u %g' /bin/busybox");
        box.add("/linux/namespaces", "{\"type\": \"user\"}")
                .set("/linux/uidMappings", "[{\"containerID\": 0, \"hostID\": 100000, \"size\": 2000}]")
                .set("/linux/gidMappings", "[{\"containerID\": 0, \"hostID\": 200000, \"size\": 3000}]");
        Inside inside = inside(box);

        assertThat(inside.idMap("uids")).containsExactly("0 100000 2000");
        assertThat(inside.idMap("gids")).containsExactly("0 200000 3000");
        assertThat(inside.status("Uid")).isEqualTo("0 0 0 0");
        // The host's root is nobody in there.
        assertThat(inside.rest()).containsExactly("65534 65534");
    }

    @Test
    void severalMappingsAreKept() {
        Box box = box(Inside.SCRIPT);
        box.add("/linux/namespaces", "{\"type\": \"user\"}")
                .set(
                        "/linux/uidMappings",
                        "[{\"containerID\": 0, \"hostID\": 100000, \"size\": 10}, {\"containerID\": 10, \"hostID\": 300000, \"size\": 5}]")
                .set("/linux/gidMappings", "[{\"containerID\": 0, \"hostID\": 100000, \"size\": 10}]");

        assertThat(inside(box).idMap("uids")).containsExactly("0 100000 10", "10 300000 5");
    }

    @Test
    void cacheAllocationNeedsResctrl() {
        deviates(Kind.CRUN, "refusal of Intel RDT", "1.8.1 does not look at it");
        Skip.unless(
                HostSnapshot.mountInfo().stream().noneMatch(line -> line.contains(" - resctrl ")),
                "refusal of Intel RDT",
                "a host without resctrl");
        Command.Result created = box("true")
                .set("/linux/intelRdt", "{\"l3CacheSchema\": \"L3:0=f\"}")
                .tryCreate();

        assertThat(created.exit()).isNotZero();
        assertThat(created.err()).containsIgnoringCase("rdt");
        if (runtime.isSubject()) {
            assertThat(created.err().lines()).hasSize(1);
            assertThat(created.err()).contains("no resctrl is mounted");
        }
    }
}
