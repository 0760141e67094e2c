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
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

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

    private static Bundle annotated(Bundle bundle, Map<String, String> annotations) {
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
