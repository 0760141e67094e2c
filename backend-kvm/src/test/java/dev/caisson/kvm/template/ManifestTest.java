package dev.caisson.kvm.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.backend.MachineTemplates.Shape;
import dev.caisson.kvm.Seeds;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class ManifestTest {
    private static final String DIGEST = "0123456789abcdef".repeat(4);
    private static final Manifest MANIFEST = new Manifest(
            1_790_000_000,
            new Shape(512, 2, 1),
            new HostIdentity("6.1.0-56-cloud-amd64", DIGEST),
            DIGEST,
            4096,
            DIGEST);

    private static byte[] with(String from, String to) {
        String text = new String(MANIFEST.bytes(), StandardCharsets.US_ASCII);
        assertThat(text).contains(from);
        return text.replace(from, to).getBytes(StandardCharsets.US_ASCII);
    }

    @Test
    void whatIsWrittenIsRead() throws Exception {
        assertThat(Manifest.parse(MANIFEST.bytes())).isEqualTo(MANIFEST);
        assertThat(new String(MANIFEST.bytes(), StandardCharsets.US_ASCII))
                .startsWith("version 3\ncreated 1790000000\nmemory-mib 512\nprocessors 2\ncards 1\n");
    }

    @Test
    void anErrorNamesTheFact() {
        for (List<String> each : List.of(
                List.of("version 3", "version 4", "of version 4, not 3"),
                List.of("memory-mib 512", "memory-mib 0", "memory-mib is \"0\""),
                List.of("processors 2", "processors 9", "processors is \"9\""),
                List.of("content 0", "content x", "content is"),
                List.of("length 4096\n", "", "length is \"\""),
                List.of("cards 1", "cards 1\ncards 1", "the line \"cards 1\""),
                List.of("cards 1", "cards", "the line \"cards\""))) {
            assertThatExceptionOfType(ManifestFormatException.class)
                    .isThrownBy(() -> Manifest.parse(with(each.get(0), each.get(1))))
                    .withMessageContaining(each.get(2));
        }
        assertThatExceptionOfType(ManifestFormatException.class)
                .isThrownBy(() -> Manifest.parse(new byte[1 << 20]))
                .withMessageContaining("1048576 bytes");
    }

    @Test
    void damageIsNeverMoreThanAnError() throws Exception {
        Seeds.each(random -> {
            try {
                Manifest read = Manifest.parse(Seeds.damaged(random, MANIFEST.bytes()));
                assertThat(read.shape().processors()).isBetween(1, 8);
            } catch (ManifestFormatException e) {
                assertThat(e).hasMessageStartingWith("a manifest ");
            }
        });
    }

    @Test
    void aProcessorIsWhatItsFirstEntrySays() {
        String one = "processor\t: 0\nvendor_id\t: AuthenticAMD\nmodel\t: 1\nflags\t: fpu vme\ncpu MHz\t: 2000.1\n\n";
        String two = one.replace("processor\t: 0", "processor\t: 1").replace("2000.1", "1999.9");
        assertThat(HostIdentity.processor(one + two)).isEqualTo(HostIdentity.processor(two + one));
        assertThat(HostIdentity.processor(one.replace("vme", "")))
                .isNotEqualTo(HostIdentity.processor(one))
                .hasSize(64);
    }
}
