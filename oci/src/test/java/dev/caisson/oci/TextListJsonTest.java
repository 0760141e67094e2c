package dev.caisson.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TextListJsonTest {
    private static List<String> read(String json) throws InvalidSpecException {
        return TextListJson.read(json.getBytes(StandardCharsets.UTF_8), "list", 3);
    }

    @Test
    void whatWasWrittenIsRead() throws Exception {
        for (List<String> texts : List.of(List.<String>of(), List.of("pipe:[12]"), List.of("a\"\\\n\u0001", "", "ü"))) {
            assertThat(read(TextListJson.write(texts))).isEqualTo(texts);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{}",
                "[",
                "[1]",
                "[null]",
                "[\"a\",]",
                "[\"a\"] x",
                "[[\"a\"]]",
                "[\"a\"",
                "[\"1\",\"2\",\"3\",\"4\"]"
            })
    void anythingElseIsRefused(String json) {
        assertThatExceptionOfType(InvalidSpecException.class)
                .isThrownBy(() -> read(json))
                .withMessageContaining("list");
    }

    @Test
    void noBytesAreTooOdd() {
        Random random = new Random(5);
        byte[] seed = "[\"/dev/null\",\"pipe:[123]\",\"a\\u0041\"]".getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < 50_000; i++) {
            byte[] bytes = seed.clone();
            for (int n = 1 + random.nextInt(4); n > 0; n--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
            try {
                assertThat(TextListJson.read(bytes, "list", 3)).hasSizeLessThanOrEqualTo(3);
            } catch (InvalidSpecException expected) {
                assertThat(expected).hasMessageContaining("list");
            }
        }
    }
}
