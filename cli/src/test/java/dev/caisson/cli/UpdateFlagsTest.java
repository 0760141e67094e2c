package dev.caisson.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.oci.Linux;
import java.util.List;
import org.junit.jupiter.api.Test;

final class UpdateFlagsTest {
    @Test
    void aSchemaThatIsNotNamedStaysInTheConfiguration() {
        var before = new Linux.IntelRdt("gold", List.of("L2:0=f"), "L3:0=ff", "MB:0=50", true);
        var change = new Linux.IntelRdt("gold", List.of(), null, "MB:0=20", true);

        assertThat(UpdateFlags.applied(before, change))
                .isEqualTo(new Linux.IntelRdt("gold", List.of("L2:0=f"), "L3:0=ff", "MB:0=20", true));
        assertThat(UpdateFlags.applied(null, change)).isEqualTo(change);
    }
}
