package dev.caisson.trap.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ControlMessagesTest {
    private static final int SIZE = 20;

    private static byte[] messages(long... lengthsLevelsAndTypes) {
        ByteBuffer bytes =
                ByteBuffer.allocate(lengthsLevelsAndTypes.length / 3 * 24).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < lengthsLevelsAndTypes.length; i += 3) {
            bytes.position(i / 3 * 24);
            bytes.putLong(lengthsLevelsAndTypes[i])
                    .putInt((int) lengthsLevelsAndTypes[i + 1])
                    .putInt((int) lengthsLevelsAndTypes[i + 2]);
        }
        return bytes.array();
    }

    @ParameterizedTest
    @CsvSource({
        "20, 0, 2, true",
        "20, 41, 67, true",
        "20, 17, 103, true",
        "20, 1, 36, false",
        "20, 0, 7, false",
        "20, 41, 57, false",
        "3, 0, 2, false",
        "25, 0, 2, false",
        "-1, 0, 2, false",
        "9223372036854775807, 0, 2, false",
        "16, 0, 2, true"
    })
    void letsThroughWhatItKnows(long length, int level, int type, boolean known) {
        assertThat(ControlMessages.areKnown(messages(length, level, type))).isEqualTo(known);
        assertThat(ControlMessages.areKnown(messages(SIZE, 0, 1, length, level, type)))
                .isEqualTo(known);
    }

    @Test
    void nothingIsKnown() {
        assertThat(ControlMessages.areKnown(new byte[0])).isTrue();
        assertThat(ControlMessages.areKnown(new byte[15])).isTrue();
        assertThat(ControlMessages.areKnown(new byte[16])).isFalse();
    }

    @Test
    void anythingIsRead() {
        Random random = new Random(5);
        for (int round = 0; round < 100_000; round++) {
            byte[] bytes = new byte[random.nextInt(80)];
            random.nextBytes(bytes);
            for (int at = 0; at + 8 <= bytes.length; at += 8) {
                if (random.nextBoolean()) {
                    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(at, random.nextInt(-2, 40));
                }
            }
            boolean once = ControlMessages.areKnown(bytes);
            assertThat(ControlMessages.areKnown(bytes)).isEqualTo(once);
        }
    }
}
