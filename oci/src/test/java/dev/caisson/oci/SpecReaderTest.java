package dev.caisson.oci;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SpecReaderTest {
    private static final String HEAD = "{\"ociVersion\":\"1.3.0\",";

    /** Lines of {@code rejected.txt}: a document, " => ", the message. */
    static List<Arguments> rejected() throws IOException {
        List<Arguments> list = new ArrayList<>();
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(
                Objects.requireNonNull(SpecReaderTest.class.getResourceAsStream("rejected.txt")), UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (!line.isEmpty() && !line.startsWith("#")) {
                    int arrow = line.lastIndexOf(" => ");
                    list.add(Arguments.of(line.substring(0, arrow), line.substring(arrow + 4)));
                }
            }
        }
        return list;
    }

    @ParameterizedTest
    @MethodSource("rejected")
    void namesThePlaceAndTheFault(String json, String message) {
        assertThatThrownBy(() -> SpecReader.read(json.getBytes(UTF_8)))
                .isInstanceOf(InvalidSpecException.class)
                .hasMessage("config.json: " + message);
    }

    @Test
    void ignoresUnknownPropertiesAndNulls() throws Exception {
        Spec spec = SpecReader.read((HEAD
                        + "\"windows\":{\"a\":[1,{\"b\":null}]},\"hostname\":\"\",\"process\":null,"
                        + "\"linux\":{\"namespaces\":null,\"future\":[[[]]],\"resources\":{\"pids\":{}}}}")
                .getBytes(UTF_8));

        assertThat(spec.hostname()).isNull();
        assertThat(spec.process()).isNull();
        assertThat(spec.linux().namespaces()).isEmpty();
        assertThat(Objects.requireNonNull(spec.linux().resources()).pids()).isEqualTo(new Resources.Pids(null));
    }

    @Test
    void takesTheLargestUnsignedNumbers() throws Exception {
        ProcessSpec process = ProcessReader.read(
                "{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":18446744073709551615}],\"user\":{\"uid\":4294967295}}"
                        .getBytes(UTF_8));

        assertThat(process.rlimits()).containsExactly(new ProcessSpec.Rlimit(RlimitType.CORE, 0, -1L));
        assertThat(process.user().uid()).isEqualTo(0xffff_ffffL);
    }

    @Test
    void minusOneMeansAnyDeviceNumber() throws Exception {
        Resources r = ResourcesReader.read(
                "{\"devices\":[{\"allow\":true,\"type\":\"c\",\"major\":-1,\"minor\":5}]}".getBytes(UTF_8));

        assertThat(r.devices()).containsExactly(new Resources.DeviceRule(true, DeviceRuleType.CHAR, null, 5L, null));
    }

    @Test
    void processAndResourcesNameTheirDocument() {
        assertThatThrownBy(() -> ProcessReader.read("{\"args\":[1]}".getBytes(UTF_8)))
                .hasMessage("process: args[0]: must be a string, not a number");
        assertThatThrownBy(() -> ResourcesReader.read("[]".getBytes(UTF_8)))
                .hasMessage("resources: must be an object, not an array");
    }

    @Test
    void refusesDocumentsThatAreTooLong() {
        byte[] big = new byte[100 << 20];
        Arrays.fill(big, (byte) ' ');

        assertThatThrownBy(() -> SpecReader.read(big))
                .isInstanceOf(InvalidSpecException.class)
                .hasMessage("config.json: longer than 16777216 bytes");
    }

    @Test
    void refusesDeepNestingEvenWhereItIsIgnored() {
        String json = HEAD + "\"x\":" + "[".repeat(1_000_000);

        assertThatThrownBy(() -> SpecReader.read(json.getBytes(UTF_8)))
                .isInstanceOf(InvalidSpecException.class)
                .hasMessageStartingWith("config.json: x[0]")
                .hasMessageEndingWith(": nested deeper than 64 levels");
    }

    @Test
    void refusesTooManyElements() {
        String json = HEAD + "\"mounts\":[" + "{\"destination\":\"/\"},".repeat(300_000);

        assertThatThrownBy(() -> SpecReader.read(json.getBytes(UTF_8)))
                .hasMessage("config.json: mounts[200000]: more than 200000 list elements in the document");
    }

    @Test
    void refusesLongStringsAndNames() {
        assertThatThrownBy(
                        () -> SpecReader.read((HEAD + "\"hostname\":\"" + "x".repeat(2 << 20) + "\"}").getBytes(UTF_8)))
                .hasMessage("config.json: hostname: string longer than 1048576 characters");
        assertThatThrownBy(() -> SpecReader.read((HEAD + "\"" + "x".repeat(5000) + "\":1}").getBytes(UTF_8)))
                .isInstanceOf(InvalidSpecException.class)
                .hasMessageEndingWith("property name longer than 4096 characters");
    }

    @ParameterizedTest
    @MethodSource("otherEncodings")
    void refusesEverythingButUtf8(byte[] bytes) {
        assertThatThrownBy(() -> SpecReader.read(bytes)).hasMessage("config.json: not UTF-8 text");
    }

    static List<byte[]> otherEncodings() {
        String json = HEAD + "\"hostname\":\"a\"}";
        return List.of(
                json.getBytes(StandardCharsets.UTF_16),
                json.getBytes(StandardCharsets.UTF_16LE),
                json.getBytes(StandardCharsets.UTF_16BE),
                json.getBytes(StandardCharsets.UTF_32));
    }

    @Test
    void everyPrefixOfADocumentIsRefused() {
        byte[] whole = SpecWriter.write(SpecTemplate.rootful(true));
        for (int n = 0; n < whole.length; n++) {
            byte[] prefix = java.util.Arrays.copyOf(whole, n);
            InvalidSpecException e = catchThrowableOfType(InvalidSpecException.class, () -> SpecReader.read(prefix));
            assertThat(e).as("prefix of %d bytes", n).isNotNull();
            assertThat(e.getMessage()).startsWith("config.json: ").doesNotContain("\n");
        }
    }

    @Test
    void messagesStayOnOneLineAndShort() {
        String evil = "\\n\\u001b[31m\\u202e" + "A".repeat(10_000);
        String json = HEAD + "\"linux\":{\"sysctl\":{\"" + evil.substring(0, 100) + "\":5}}}";

        assertThatThrownBy(() -> SpecReader.read(json.getBytes(UTF_8))).satisfies(e -> {
            assertThat(e.getMessage()).startsWith("config.json: linux.sysctl[\"\\u000a\\u001b[31m\\u202eAAA");
            assertThat(e.getMessage()).hasSizeLessThan(200).matches("[ -~]*");
        });
    }
}
