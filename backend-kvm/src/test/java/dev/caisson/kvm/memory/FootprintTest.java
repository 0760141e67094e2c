package dev.caisson.kvm.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Test;

class FootprintTest {
    private static final int PAGES = 1 << 20;

    private static BitSet pages(int... numbers) {
        BitSet pages = new BitSet();
        for (int each : numbers) {
            pages.set(each);
        }
        return pages;
    }

    @Test
    void itsTextSaysTheSame() {
        Footprint known = new Footprint(pages(0, 1, 2, 9), pages(4, PAGES - 1));
        assertThat(known.text()).isEqualTo("own 0 3\nown 9 1\nseen 4 1\nseen 1048575 1\n");
        assertThat(Footprint.parse(known.text(), PAGES)).isEqualTo(known);
        assertThat(Footprint.parse("", PAGES)).isEqualTo(new Footprint(new BitSet(), new BitSet()));
    }

    @Test
    void whatIsNoFootprintIsRefused() {
        for (String wrong : List.of(
                "own",
                "own 1",
                "own 1 0",
                "own -1 2",
                "own 1 -1",
                "own 1 1 1",
                "own x 1",
                "read 1 1",
                "own 1048575 2",
                "own 2147483647 2147483647",
                "own  1")) {
            assertThatIllegalArgumentException()
                    .as(wrong)
                    .isThrownBy(() -> Footprint.parse("seen 1 1\n" + wrong + "\n", PAGES))
                    .withMessageContaining("footprint");
        }
        assertThatIllegalArgumentException().isThrownBy(() -> Footprint.parse("x".repeat((8 << 20) + 1), PAGES));
    }

    @Test
    void framesAboveTheSpaceForDevicesLieHigher() {
        int low = (int) (GuestMemory.HOLE / GuestMemory.PAGE);
        List<String> frames = new ArrayList<>();
        new Footprint(pages(5, low - 1, low), pages(6, low + 1, low + 7))
                .frames((first, count) -> frames.add(first + "+" + count));
        assertThat(frames).containsExactly("5+2", (low - 1) + "+1", (1 << 20) + "+2", ((1 << 20) + 7) + "+1");
    }
}
