package dev.caisson.trap.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PolicyTest {
    private static final String TEXT = """
            # what a web server needs
            call openat
            call new*
            path /etc/hosts
            path /srv/*

            connect inet 10.0.0.1:80
            bind inet 0.0.0.0:*
            """;

    @Test
    void allowsWhatItNames() throws PolicyException {
        Policy policy = Policy.parse(TEXT);
        assertThat(policy.allows(Subject.CALL, "openat")).isTrue();
        assertThat(policy.allows(Subject.CALL, "newfstatat")).isTrue();
        assertThat(policy.allows(Subject.CALL, "open")).isFalse();
        assertThat(policy.allows(Subject.PATH, "/etc/hosts")).isTrue();
        assertThat(policy.allows(Subject.PATH, "/etc/hosts2")).isFalse();
        assertThat(policy.allows(Subject.PATH, "/srv/a/b")).isTrue();
        assertThat(policy.allows(Subject.PATH, "/srv")).isFalse();
        assertThat(policy.allows(Subject.CONNECT, "inet 10.0.0.1:80")).isTrue();
        assertThat(policy.allows(Subject.CONNECT, "inet 10.0.0.1:8080")).isFalse();
        assertThat(policy.allows(Subject.BIND, "inet 0.0.0.0:1")).isTrue();
        assertThat(policy.allows(Subject.BIND, "inet 10.0.0.1:80")).isFalse();
    }

    @Test
    void namesTheLineThatIsWrong() {
        assertThatThrownBy(() -> Policy.parse("call open\ncall opem\n"))
                .hasMessage("policy, line 2: there is no system call opem");
        assertThatThrownBy(() -> Policy.parse("paths /x"))
                .hasMessage("policy, line 1: begins with none of call, path, connect and bind");
        assertThatThrownBy(() -> Policy.parse("\npath x")).hasMessage("policy, line 2: path x is not absolute");
        assertThatThrownBy(() -> Policy.parse("path ")).hasMessage("policy, line 1: no name");
        assertThatThrownBy(() -> Policy.parse("path /" + "x".repeat(5000)))
                .hasMessage("policy, line 1: longer than 4200 characters");
        assertThatThrownBy(() -> Policy.parse("\n".repeat(20000)))
                .hasMessage("policy, line 16385: more than 16384 lines");
    }

    /** Seeds are the text above and what a kernel may be given for an address. */
    @Test
    void anyBytesAreAPolicyOrAnError() {
        Random random = new Random(20261129);
        byte[] seed = TEXT.getBytes(StandardCharsets.ISO_8859_1);
        for (int i = 0; i < 20_000; i++) {
            byte[] bytes = seed.clone();
            for (int n = random.nextInt(6); n >= 0; n--) {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
            }
            try {
                var _ = Policy.parse(new String(bytes, StandardCharsets.ISO_8859_1))
                        .allows(Subject.PATH, "/");
            } catch (PolicyException e) {
                assertThat(e.getMessage()).startsWith("policy, line ");
            }
            byte[] address = new byte[random.nextInt(130)];
            random.nextBytes(address);
            if (address.length > 1) {
                address[0] = (byte) random.nextInt(20);
                address[1] = 0;
            }
            assertThat(Addresses.text(address)).isNotEmpty().doesNotContain("\n");
        }
    }

    @Test
    void addressesAreTexts() {
        for (List<String> each : List.of(
                List.of("02000050 0a000001 0000000000000000", "inet 10.0.0.1:80"),
                List.of("0a000035 00000000 00000000000000000000000000000001 00000000", "inet6 [0:0:0:0:0:0:0:1]:53"),
                List.of("0100 2f72756e2f78 00", "unix /run/x"),
                List.of("0100 00 6162", "unix @ab"),
                List.of("0100", "unix unnamed"),
                List.of("0200 0050", "inet ?"),
                List.of("1000 0000", "netlink"),
                List.of("2600", "family 38"),
                List.of("0000", "none"),
                List.of("", "none"))) {
            byte[] bytes = HexFormat.of().parseHex(each.getFirst().replace(" ", ""));
            assertThat(Addresses.text(bytes)).isEqualTo(each.getLast());
        }
    }
}
