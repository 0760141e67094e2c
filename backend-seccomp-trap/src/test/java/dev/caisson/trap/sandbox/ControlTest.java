package dev.caisson.trap.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.trap.filter.Tier;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ControlTest {
    @Test
    void isReadAsWritten() {
        for (Control control : List.of(
                Control.serve(true, Tier.STRICT, 4711, 12),
                Control.serve(false, Tier.DEFAULT, 1, 3),
                new Control.Policy(9, 4, false),
                new Control.Policy(9, 4, true),
                new Control.Egress(9, 4, 5),
                Control.adopt(17))) {
            assertThat(Control.parse(control.line().stripTrailing())).isEqualTo(control);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "serve",
                "serve init 1",
                "serve init 1 2",
                "serve all default 1 2",
                "serve init default x 2",
                "serve init loose 1 2",
                "serve init default 1 2 3",
                "adopt",
                "adopt x",
                "adopt 1 2",
                "egress 1 2",
                "egress 1 2 x"
            })
    void refusesWhatIsNoCommand(String line) {
        assertThatThrownBy(() -> Control.parse(line)).isInstanceOf(IllegalArgumentException.class);
    }
}
