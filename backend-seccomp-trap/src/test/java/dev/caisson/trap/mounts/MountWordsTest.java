package dev.caisson.trap.mounts;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.trap.mounts.MountRequest.Option;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MountWordsTest {
    @Test
    void optionsOfTmpfsAreTaken() {
        MountOptions options = MountOptions.parse("size=10%,mode=755,rw,inode64,,uid=3");
        assertThat(requireNonNull(options).values())
                .containsOnly(
                        java.util.Map.entry(Option.SIZE, "10%"),
                        java.util.Map.entry(Option.MODE, "755"),
                        java.util.Map.entry(Option.USER, "3"));
        assertThat(options.from("x".repeat(128)).values()).hasSize(4);
        assertThat(options.from("x".repeat(129)).values()).hasSize(3);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "huge=always",
                "size",
                "size=",
                "source=/x",
                "mode=7/7",
                "size=1111111111111111111111111",
                "a=b",
                "upperdir=/x"
            })
    void nothingElseIs(String text) {
        assertThat(MountOptions.parse(text)).isNull();
    }

    /** Whatever a guest says, a text that goes on has a place in the request. */
    @Test
    void anyBytesAreRefusedOrFit() {
        Random random = new Random(5);
        String alphabet = "size=mode,uidgnr_o0123456789%kM/\u0001\u00ff ";
        for (int i = 0; i < 200_000; i++) {
            StringBuilder text = new StringBuilder();
            for (int n = random.nextInt(40); n > 0; n--) {
                text.append(alphabet.charAt(random.nextInt(alphabet.length())));
            }
            MountOptions options = MountOptions.parse(text.toString());
            if (options != null) {
                options.values()
                        .forEach((option, value) -> assertThat(value.length()).isBetween(1, option.max()));
            }
        }
    }

    @Test
    void optionsHaveTheirOwnPlaces() {
        int end = MountRequest.NAME;
        for (Option option : Option.values()) {
            assertThat(option.at()).isGreaterThanOrEqualTo(end);
            end = option.at() + option.max() + 1;
        }
        assertThat(end).isLessThanOrEqualTo(MountRequest.SIZE);
        assertThat(MountRequest.NAME + MountRequest.NAME_MAX).isLessThan(MountRequest.SIZE);
    }

    @Test
    void flagsBecomeAttributes() {
        assertThat(MountFlags.of(0xc0ed_0001L)).isEqualTo(1);
        assertThat(MountFlags.attributes(0)).isEqualTo(MountInfo.NODEV);
        assertThat(MountFlags.attributes(MountFlags.RDONLY | MountFlags.NOATIME))
                .isEqualTo(MountInfo.RDONLY | MountInfo.NODEV | 0x10);
        assertThat(MountFlags.cleared(0) & MountInfo.NODEV).isZero();
        assertThat(MountFlags.cleared(MountFlags.RDONLY) & MountInfo.RDONLY).isZero();
        assertThat(MountFlags.cleared(MountFlags.NODEV) & MountInfo.RDONLY).isEqualTo(MountInfo.RDONLY);
        assertThat(MountFlags.cleared(MountFlags.STRICTATIME) & 0x70).isEqualTo(0x70);
    }

    @Test
    void linesOfTheMountTable() {
        MountInfo m = MountInfo.parse(
                        "7 1 0:300 /a\\040b /x\\134y rw,nosuid,noexec,relatime shared:1 - tmpfs t rw\nno line\n8 x y\n")
                .get(7);
        assertThat(m).isEqualTo(new MountInfo(7, 1, "0:300", "/a b", "/x\\y", MountInfo.NOSUID | MountInfo.NOEXEC));
        assertThat(requireNonNull(m).deviceNumber()).isEqualTo(0x10002cL);
        assertThat(MountInfo.below("/x/y", "/x")).isEqualTo("/y");
        assertThat(MountInfo.below("/", "/")).isEmpty();
        assertThat(MountInfo.isWithin("/xy", "/x")).isFalse();
    }
}
