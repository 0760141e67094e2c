package dev.caisson.trap.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ControlTest {
    @Test
    void isReadAsWritten() {
        Control control = new Control(true, 4711, 12);
        assertThat(Control.parse(control.line().stripTrailing())).isEqualTo(control);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "serve", "serve init 1", "serve all 1 2", "serve init x 2", "serve init 1 2 3"})
    void refusesWhatIsNoCommand(String line) {
        assertThatThrownBy(() -> Control.parse(line)).isInstanceOf(IllegalArgumentException.class);
    }
}
