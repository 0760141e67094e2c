package dev.caisson.kvm.guest;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class GuestTextTest {
    @Test
    void aSentenceIsOneShortLine() {
        assertThat(GuestText.sentence("no such file: grün")).isEqualTo("no such file: grün");
        assertThat(GuestText.sentence(null)).isEmpty();
        assertThat(GuestText.sentence("a\nb\u001b[2Jc\u202ed\ud800e\0f\u2028g")).isEqualTo("a?b?[2Jc?d?e?f?g");
        assertThat(GuestText.sentence("x".repeat(501))).isEqualTo("x".repeat(500) + "...");
        assertThat(GuestText.sentence("x".repeat(500))).isEqualTo("x".repeat(500));
    }

    @Test
    void linesAreTheLastOnes() {
        assertThat(GuestText.lines("one\ntwo\r\u009bthree")).isEqualTo("one\ntwo??three");
        assertThat(GuestText.lines("begin" + "x".repeat(5000) + "end"))
                .hasSize(4000)
                .doesNotContain("begin")
                .endsWith("end");
    }
}
