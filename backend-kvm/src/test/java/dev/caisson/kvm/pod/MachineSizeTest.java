package dev.caisson.kvm.pod;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.ContainerFault;
import dev.caisson.oci.Linux;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecTemplate;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Annotations as containerd's CRI sets them on a pod's sandbox. */
class MachineSizeTest {
    private static final int OWN = 256;

    private static Spec spec(@Nullable Long quota, @Nullable Long period, Map<String, String> annotations) {
        Spec.Builder b = SpecTemplate.rootful(false).toBuilder();
        Linux.Builder l = b.linux.toBuilder();
        Resources.Builder r = new Resources.Builder();
        r.cpu = new Resources.Cpu(null, quota, null, period, null, null, null, null, null);
        l.resources = r.build();
        b.linux = l.build();
        b.annotations = annotations;
        return b.build();
    }

    @Test
    void withoutLimitsItIsSmall() throws Exception {
        assertThat(MachineSize.of(spec(null, null, Map.of()))).isEqualTo(new MachineSize(OWN + 256, 1));
        assertThat(MachineSize.of(spec(-1L, 100_000L, Map.of())).processors()).isOne();
    }

    @Test
    void whatThePodWillHaveCounts() throws Exception {
        Map<String, String> pod = Map.of(
                "io.kubernetes.cri.sandbox-memory", Long.toString(1L << 30),
                "io.kubernetes.cri.sandbox-cpu-quota", "250000",
                "io.kubernetes.cri.sandbox-cpu-period", "100000");
        assertThat(MachineSize.of(spec(null, null, pod))).isEqualTo(new MachineSize(OWN + 1025, 3));
        Map<String, String> huge = Map.of("io.kubernetes.cri.sandbox-cpu-quota", "99000000");
        assertThat(MachineSize.of(spec(null, null, huge)).processors()).isEqualTo(8);
    }

    @Test
    void aContainerAloneIsSizedByItsOwnQuota() throws Exception {
        assertThat(MachineSize.of(spec(150_000L, 100_000L, Map.of())).processors())
                .isEqualTo(2);
        assertThat(MachineSize.of(spec(150_000L, null, Map.of())).processors()).isEqualTo(2);
        assertThat(MachineSize.of(spec(50_000L, 100_000L, Map.of())).processors())
                .isOne();
    }

    @Test
    void nonsenseSaysNothing() throws Exception {
        Map<String, String> pod =
                Map.of("io.kubernetes.cri.sandbox-memory", "much", "io.kubernetes.cri.sandbox-cpu-quota", "0");
        assertThat(MachineSize.of(spec(null, null, pod))).isEqualTo(new MachineSize(OWN + 256, 1));
    }

    @Test
    void roomIsWhatIsAskedForAtLeast() throws Exception {
        Map<String, String> room = Map.of("dev.caisson.kvm.memory", "2048", "dev.caisson.kvm.processors", "4");
        assertThat(MachineSize.of(spec(150_000L, null, room))).isEqualTo(new MachineSize(2048, 4));
        Map<String, String> little = Map.of("dev.caisson.kvm.memory", "64", "dev.caisson.kvm.processors", "1");
        assertThat(MachineSize.of(spec(150_000L, null, little))).isEqualTo(new MachineSize(OWN + 256, 2));
    }

    @Test
    void katasAnnotationsAreKept() throws Exception {
        String kata = "io.katacontainers.config.hypervisor.";
        Map<String, String> more = Map.of(kata + "default_memory", "2048", kata + "default_vcpus", "3");
        assertThat(MachineSize.of(spec(150_000L, null, more))).isEqualTo(new MachineSize(2048, 3));
        Map<String, String> most = Map.of(kata + "default_max_vcpus", "2", kata + "default_maxmemory", "512");
        assertThat(MachineSize.of(spec(700_000L, null, most))).isEqualTo(new MachineSize(OWN + 256, 2));
        for (Map<String, String> wrong : List.of(
                Map.of(kata + "default_maxmemory", "511"),
                Map.of(kata + "default_vcpus", "9"),
                Map.of(kata + "default_memory", "99999999"))) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(() -> MachineSize.of(spec(null, null, wrong)))
                    .withMessageContaining("Kata Containers")
                    .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.INVALID));
        }
    }

    @Test
    void roomThatNoMachineHasIsRefused() {
        for (Map<String, String> wrong : List.of(
                Map.of("dev.caisson.kvm.memory", "much"),
                Map.of("dev.caisson.kvm.memory", "0"),
                Map.of("dev.caisson.kvm.memory", "99999999999"),
                Map.of("dev.caisson.kvm.processors", "9"))) {
            assertThatExceptionOfType(ContainerFault.class)
                    .isThrownBy(() -> MachineSize.of(spec(null, null, wrong)))
                    .withMessageContaining(
                            "annotation " + wrong.keySet().iterator().next())
                    .satisfies(e -> assertThat(e.kind()).isEqualTo(ContainerFault.Kind.INVALID));
        }
    }
}
