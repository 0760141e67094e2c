package dev.caisson.kvm.vmm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The text format of Prometheus, version 0.0.4. */
class MachineMetricsTest {
    @Test
    void familiesHaveHelpTypeAndSamples() {
        assertThat(new MachineMetrics("a1")
                        .gauge("processors", "Processors of the guest.", 2)
                        .family("exits_total", "Stops.", "counter")
                        .sample("exits_total", "cause=\"port\"", 3)
                        .toString())
                .isEqualTo("""
                        # HELP caisson_machine_processors Processors of the guest.
                        # TYPE caisson_machine_processors gauge
                        caisson_machine_processors{machine="a1"} 2
                        # HELP caisson_machine_exits_total Stops.
                        # TYPE caisson_machine_exits_total counter
                        caisson_machine_exits_total{machine="a1",cause="port"} 3
                        """);
    }
}
