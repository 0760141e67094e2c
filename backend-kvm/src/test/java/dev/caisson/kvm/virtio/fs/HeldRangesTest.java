package dev.caisson.kvm.virtio.fs;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.virtio.fs.HeldRanges.Range;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class HeldRangesTest {
    private static final int F_RDLCK = 0;
    private static final int F_WRLCK = 1;

    @Test
    void theMiddleOfARangeIsLockedInAnotherWay() {
        HeldRanges held = new HeldRanges();
        held.locked(new Range(F_WRLCK, 0, Long.MAX_VALUE));
        held.locked(new Range(F_RDLCK, 10, 19));
        assertThat(held.all())
                .containsExactly(
                        new Range(F_WRLCK, 0, 9), new Range(F_RDLCK, 10, 19), new Range(F_WRLCK, 20, Long.MAX_VALUE));
        assertThat(held.all().getLast().length()).as("up to the end").isZero();
        held.unlocked(0, Long.MAX_VALUE);
        assertThat(held.all()).isEmpty();
    }

    /** Against bytes, each of which is locked in one way or not at all. */
    @Test
    void itIsAsIfEachByteHadItsLock() throws Exception {
        Seeds.each(random -> {
            HeldRanges held = new HeldRanges();
            int[] bytes = new int[40];
            Arrays.fill(bytes, -1);
            for (int i = 0; i < 50; i++) {
                int start = random.nextInt(bytes.length);
                int end = start + random.nextInt(bytes.length - start);
                int type = random.nextInt(3) - 1;
                if (type < 0) {
                    held.unlocked(start, end);
                } else {
                    held.locked(new Range(type, start, end));
                }
                Arrays.fill(bytes, start, end + 1, type);
                int[] seen = new int[bytes.length];
                Arrays.fill(seen, -1);
                for (Range each : held.all()) {
                    for (long at = each.start(); at <= each.end(); at++) {
                        assertThat(seen[(int) at]).as("overlap").isEqualTo(-1);
                        seen[(int) at] = each.type();
                    }
                }
                assertThat(seen).isEqualTo(bytes);
            }
        });
    }

    @Test
    void thereIsALimit() {
        HeldRanges held = new HeldRanges();
        for (int i = 0; held.hasRoom(); i++) {
            held.locked(new Range(F_RDLCK, 2L * i, 2L * i));
        }
        held.unlocked(0, 0);
        assertThat(held.all()).hasSizeLessThanOrEqualTo(HeldRanges.LIMIT);
    }
}
