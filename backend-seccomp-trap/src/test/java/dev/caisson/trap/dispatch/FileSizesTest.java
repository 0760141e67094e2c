package dev.caisson.trap.dispatch;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class FileSizesTest {
    private static String limits(String line) {
        return "Limit                     Soft Limit           Hard Limit           Units     \n"
                + "Max cpu time              unlimited            unlimited            seconds   \n" + line
                + "Max data size             77                   unlimited            bytes     \n";
    }

    @Test
    void isTheSoftLimit() {
        assertThat(FileSizes.parse(
                        limits("Max file size             4096                 unlimited            bytes     \n")))
                .isEqualTo(4096);
        assertThat(FileSizes.parse(
                        limits("Max file size             0                    0                    bytes     \n")))
                .isZero();
    }

    @Test
    void noneIsNone() {
        assertThat(FileSizes.parse(
                        limits("Max file size             unlimited            unlimited            bytes     \n")))
                .isEqualTo(FileSizes.UNLIMITED);
        assertThat(FileSizes.parse("")).isEqualTo(FileSizes.UNLIMITED);
    }
}
