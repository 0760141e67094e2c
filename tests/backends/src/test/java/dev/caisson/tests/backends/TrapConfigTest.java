package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.IdMapping;
import dev.caisson.oci.Linux;
import dev.caisson.oci.NamespaceType;
import dev.caisson.oci.SeccompAction;
import dev.caisson.oci.Spec;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a configuration says besides: its own profile holds, and what this wall cannot do it refuses by name. */
final class TrapConfigTest extends TrapSuite {
    @Test
    void theConfigurationsProfileIsAskedFirst() throws Exception {
        Bundle bundle = shell("mkdir /x; ls -d /bin; exec sleep 1000")
                .linux(l -> l.seccomp = SeccompProfiles.of(SeccompAction.ERRNO, "mkdir", "mkdirat"));
        try (TestContainer c = prepare(bundle)) {
            c.create().start();
            await("output", () -> c.stdout().contains("/bin"));
            assertThat(c.stderr()).contains("/x").contains("Operation not permitted");
            TestContainer.TestExec exec = c.exec(bundle.exec("mkdir", "/y"));
            assertThat(exec.awaitCode()).isEqualTo(1);
            assertThat(exec.stderr()).contains("Operation not permitted");
            assertThat(c.exec(bundle.exec("true")).awaitCode()).isZero();
        }
    }

    @Test
    void aProfileKillsAsOnTheKernel() throws Exception {
        Bundle bundle = shell("mkdir /x")
                .linux(l -> l.seccomp = SeccompProfiles.of(SeccompAction.KILL_PROCESS, "mkdir", "mkdirat"));
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isIn(128 + 31, 159);
        }
    }

    private void refused(Bundle bundle, String... words) {
        assertThatExceptionOfType(ContainerFault.class)
                .isThrownBy(() -> {
                    try (TestContainer c = prepare(bundle)) {
                        c.create();
                    }
                })
                .withMessageContainingAll(words);
    }

    @Test
    void anAgentOfTheProfilesIsRefused() {
        refused(
                shell("true").linux(l -> l.seccomp = SeccompProfiles.of(SeccompAction.NOTIFY, "mkdir")),
                "SCMP_ACT_NOTIFY");
    }

    @Test
    void idsThatAreOthersOnTheHostAreRefused() {
        refused(
                shell("true").linux(l -> {
                    List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
                    namespaces.add(new Linux.Namespace(NamespaceType.USER, null));
                    l.namespaces = namespaces;
                    l.uidMappings = List.of(new IdMapping(0, 100_000, 65_536));
                    l.gidMappings = List.of(new IdMapping(0, 100_000, 65_536));
                }),
                "id mapping of 0 to 100000");
    }

    static Bundle annotated(Bundle bundle, Map<String, String> annotations) {
        return bundle.spec(spec -> {
            Spec.Builder b = spec.toBuilder();
            Map<String, String> all = new LinkedHashMap<>(spec.annotations());
            all.putAll(annotations);
            b.annotations = all;
            return b.build();
        });
    }

    @Test
    void annotationsThatMeanNothingAreRefused() {
        refused(annotated(shell("true"), Map.of("dev.caisson.trap.tier", "loose")), "no tier \"loose\"");
        refused(annotated(shell("true"), Map.of("dev.caisson.trap.debug", "yes")), "neither true nor false", "yes");
        refused(
                annotated(shell("true"), Map.of("dev.caisson.trap.debug", "true", "dev.caisson.trap.tier", "strict")),
                "not in the tier strict");
        refused(annotated(shell("true"), Map.of("dev.caisson.trap.charge", "me")), "neither pod nor none", "me");
        refused(
                annotated(shell("true"), Map.of("dev.caisson.trap.charge", "pod"))
                        .linux(l -> l.cgroupsPath = "/alone"),
                "in no pod's group",
                "/alone");
    }

    /** Each line of what the container's shell did, and what came of it. */
    private String heldTo(String policy, String tier) throws Exception {
        Bundle bundle = annotated(
                shell("cat /data/a; cat /data/b; ln -s a /data/c; ls /data; echo end"),
                Map.of("dev.caisson.trap.policy", policy, "dev.caisson.trap.tier", tier));
        Files.createDirectory(bundle.rootfs("data"));
        Files.writeString(bundle.rootfs("data/a"), "first\n");
        Files.writeString(bundle.rootfs("data/b"), "second\n");
        try (TestContainer c = prepare(bundle)) {
            assertThat(c.run()).isZero();
            return c.stdout() + "---\n" + c.stderr();
        }
    }

    /** What was learnt of the same program by {@code caisson policy record} is not what its launch asks for. */
    @ParameterizedTest
    @ValueSource(strings = {"default", "strict"})
    void aPolicyHoldsFromTheProgramsFirstCallOn(String tier) throws Exception {
        String programs =
                "path /bin/*\npath /lib*\npath /usr/*\npath /etc/ld.so*\npath /proc/*\npath /dev/null\npath /\n";

        assertThat(heldTo("call *\npath /data/a\npath /data\n" + programs, tier))
                .startsWith("first\na\nend\n---\n")
                .contains("/data/b", "/data/c", "Permission denied");
        assertThat(heldTo("call *\npath *\n", tier)).isEqualTo("first\nsecond\na\nb\nc\nend\n---\n");
        String noPrograms = heldTo("call *\npath /data/*\n", tier);
        assertThat(noPrograms).as("its own program is its configuration's").startsWith("end\n---\n");
        assertThat(noPrograms).contains("cat", "Permission denied");
    }

    @Test
    void aPolicyThatIsNoneIsRefused() {
        refused(
                annotated(shell("true"), Map.of("dev.caisson.trap.policy", "call openat\ncall opem\n")),
                "annotation dev.caisson.trap.policy: policy, line 2: there is no system call opem");
    }

    @Test
    void aUserNamespaceOfSomebodyElsesIsRefused() {
        refused(
                shell("true").linux(l -> {
                    List<Linux.Namespace> namespaces = new ArrayList<>(l.namespaces);
                    namespaces.add(new Linux.Namespace(NamespaceType.USER, "/proc/self/ns/user"));
                    l.namespaces = namespaces;
                }),
                "user namespace of /proc/self/ns/user");
    }
}
