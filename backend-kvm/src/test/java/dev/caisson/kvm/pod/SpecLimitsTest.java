package dev.caisson.kvm.pod;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.vmm.ContainerLimits;
import dev.caisson.oci.Resources;
import dev.caisson.oci.Spec;
import dev.caisson.oci.SpecTemplate;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class SpecLimitsTest {
    private static final long ANY = ContainerLimits.ANY;

    private static Resources resources(@Nullable Long memory, @Nullable Long quota, @Nullable Long period) {
        Resources.Builder r = new Resources.Builder();
        r.memory = new Resources.Memory(memory, null, null, null, null, null, null, null, null);
        r.cpu = new Resources.Cpu(null, quota, null, period, null, null, null, null, null);
        return r.build();
    }

    @Test
    void whatIsNotNamedStays() {
        ContainerLimits before = new ContainerLimits(64, 500);
        assertThat(SpecLimits.change(before, Resources.NONE)).isEqualTo(before);
        assertThat(SpecLimits.change(before, resources(null, null, 100_000L))).isEqualTo(before);
        assertThat(SpecLimits.change(before, resources(100L << 20, null, null)))
                .isEqualTo(new ContainerLimits(100, 500));
        assertThat(SpecLimits.change(before, resources(null, 250_000L, null))).isEqualTo(new ContainerLimits(64, 2500));
    }

    @Test
    void whatIsBegunCounts() {
        assertThat(SpecLimits.change(ContainerLimits.NONE, resources((100L << 20) + 1, 1L, 3000L)))
                .isEqualTo(new ContainerLimits(101, 1));
        assertThat(SpecLimits.change(ContainerLimits.NONE, resources(Long.MAX_VALUE, Long.MAX_VALUE, 1L)))
                .satisfies(most -> assertThat(most.memoryMib()).isEqualTo(1L << 43))
                .satisfies(most -> assertThat(most.milliProcessors()).isPositive());
    }

    @Test
    void nothingOrLessIsNoLimit() {
        ContainerLimits before = new ContainerLimits(64, 500);
        assertThat(SpecLimits.change(before, resources(-1L, -1L, 100_000L))).isEqualTo(ContainerLimits.NONE);
        assertThat(SpecLimits.change(before, resources(0L, 0L, 0L))).isEqualTo(new ContainerLimits(ANY, ANY));
    }

    /** Else no pod of the CRI would ever be without a container that may use everything. */
    @Test
    void aPodsSandboxUsesNothing() {
        Spec.Builder b = SpecTemplate.rootful(false).toBuilder();
        assertThat(SpecLimits.of(b.build())).isEqualTo(ContainerLimits.NONE);
        b.annotations = Map.of("io.kubernetes.cri.container-type", "sandbox");
        assertThat(SpecLimits.of(b.build())).isEqualTo(new ContainerLimits(1, 0));
        b.annotations = Map.of("io.kubernetes.cri.container-type", "container");
        assertThat(SpecLimits.of(b.build())).isEqualTo(ContainerLimits.NONE);
    }
}
