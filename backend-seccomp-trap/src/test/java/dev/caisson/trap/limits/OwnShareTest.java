package dev.caisson.trap.limits;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OwnShareTest {
    private static final String BEFORE =
            "Limit                     Soft Limit           Hard Limit           Units     \n"
                    + "Max pending signals       31834                31834                signals   \n";

    @ParameterizedTest
    @CsvSource({
        "/sys/fs/cgroup/cpu/caisson-sandbox/4711, true",
        "/sys/fs/cgroup/kubepods/pod1/caisson-sandbox-4711, true",
        // Whoever else is in it.
        "/sys/fs/cgroup/cpu, false",
        "/sys/fs/cgroup/system.slice/containerd.service, false",
        "/sys/fs/cgroup/cpu/caisson-sandbox/14711, false",
    })
    void aGroupOfOneProcessIsNamedSo(String directory, boolean isOwn) {
        assertThat(OwnShare.isOf(directory, 4711)).isEqualTo(isOwn);
    }

    @ParameterizedTest
    @CsvSource({
        "'Max nice priority         0                    0                    ', false",
        "'Max nice priority         19                   20                   ', false",
        "'Max nice priority         20                   20                   ', true",
        "'Max nice priority         unlimited            unlimited            ', true",
        "'Max nice priority', false",
        "'', false",
    })
    void whoMayNotBeOrdinaryAgainStaysOrdinary(String line, boolean may) {
        assertThat(OwnShare.mayReturn(BEFORE + line, "")).isEqualTo(may);
    }

    @ParameterizedTest
    @CsvSource({
        "'Name:\tjava\nCapEff:\t0000000000800000\n', true",
        "'CapEff:\t000001fffeffffff', true",
        "'CapEff:\t000001ffff7fffff', false",
        "'CapPrm:\t0000000000800000', false",
        "'CapEff:\t', false",
        "'CapEff:\tword', false",
        "'', false",
    })
    void orHasACapabilityForIt(String status, boolean may) {
        assertThat(OwnShare.mayReturn(BEFORE, status)).isEqualTo(may);
    }
}
