package dev.caisson.kvm.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Stdio;
import dev.caisson.backend.Stdio.Kind;
import dev.caisson.backend.Stdio.Stream;
import org.junit.jupiter.api.Test;

class GuestStreamsTest {
    private static final Stream SAME = new Stream(Kind.SAME, "");
    private static final Stream LOG = new Stream(Kind.CREATE, "/log");

    @Test
    void whatLeadsNowhereIsNotMade() {
        assertThat(GuestStreams.of(Stdio.NONE, false)).isEqualTo(new GuestStreams(false, false, false, false));
        assertThat(GuestStreams.of(Stdio.NONE, false).any()).isFalse();
        assertThat(GuestStreams.of(new Stdio(Stream.NONE, LOG, Stream.NONE, false), false))
                .isEqualTo(new GuestStreams(false, true, false, false));
        assertThat(GuestStreams.of(new Stdio(LOG, LOG, LOG, false), false)).isEqualTo(GuestStreams.all(false));
    }

    @Test
    void errorsThatGoWhereTheOutputGoesAreReadWhenThatIs() {
        assertThat(GuestStreams.of(new Stdio(Stream.NONE, LOG, SAME, false), false))
                .isEqualTo(new GuestStreams(false, true, true, false));
        assertThat(GuestStreams.of(new Stdio(Stream.NONE, Stream.NONE, SAME, false), false)
                        .any())
                .isFalse();
    }

    /** What reads from it or writes to it, and its size, are of concern without anybody at the other end. */
    @Test
    void aTerminalIsWholeAndWhoIsNotKnownGetsAll() {
        assertThat(GuestStreams.of(new Stdio(Stream.NONE, Stream.NONE, Stream.NONE, true), true))
                .isEqualTo(GuestStreams.all(true));
        assertThat(GuestStreams.all(true)).isEqualTo(new GuestStreams(true, true, false, true));
        assertThat(GuestStreams.of(null, false)).isEqualTo(GuestStreams.all(false));
    }
}
