package dev.caisson.shim.link;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class EnvironmentTest {
    /** As part of a frame, with other words before and after it. */
    private static Environment of(String... words) {
        String text = String.join("\0", words) + (words.length == 0 ? "" : "\0");
        byte[] frame = ("A=argv\0" + text + "A=stdin\0").getBytes(StandardCharsets.UTF_8);
        int from = "A=argv\0".length();
        return new Environment(frame, from, from + text.getBytes(StandardCharsets.UTF_8).length);
    }

    @Test
    void aVariableHasItsValueWhateverIsAroundIt() {
        Environment environment = of("PATH=/bin:/usr/bin", "AA=1", "EMPTY=", "B=grün=2", "LAST=x");

        assertThat(environment.value("PATH")).isEqualTo("/bin:/usr/bin");
        assertThat(environment.value("B")).isEqualTo("grün=2");
        assertThat(environment.value("LAST")).isEqualTo("x");
        assertThat(environment.value("EMPTY")).isEmpty();
        assertThat(environment.value("A")).isEmpty();
        assertThat(environment.value("PAT")).isEmpty();
        assertThat(environment.value("LASTLY")).isEmpty();
    }

    @Test
    void whatHasNoNameIsNoVariable() {
        Environment odd = of("nothing", "=odd", "B=x=y");

        assertThat(odd.value("nothing")).isEmpty();
        assertThat(odd.value("odd")).isEmpty();
        assertThat(odd.value("B")).isEqualTo("x=y");
    }

    @Test
    void ofTwoValuesTheLastCounts() {
        Environment twice = of("A=1", "A=2");

        assertThat(twice.value("A")).isEqualTo("2");
    }

    @Test
    void anEmptyOneHasNothing() {
        assertThat(of().value("A")).isEmpty();
    }
}
