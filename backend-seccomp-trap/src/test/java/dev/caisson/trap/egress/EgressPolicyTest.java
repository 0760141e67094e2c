package dev.caisson.trap.egress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EgressPolicyTest {
    private static final int TCP = 6;
    private static final int UDP = 17;

    private static InternetAddress address(String text) {
        return Objects.requireNonNull(InternetAddress.parse(text), text);
    }

    private static boolean allows(String policy, int protocol, String address, int port) throws EgressException {
        return EgressPolicy.parse(policy).allows(protocol, address(address), port);
    }

    @ParameterizedTest
    @CsvSource({
        "10.0.0.0/8, 10.255.0.1, 1, true",
        "10.0.0.0/8, 11.0.0.1, 1, false",
        "tcp 10.0.0.0/8:443, 10.9.9.9, 443, true",
        "tcp 10.0.0.0/8:443, 10.9.9.9, 444, false",
        "192.0.2.1:443, 192.0.2.1, 443, true",
        "192.0.2.1:443, 192.0.2.1, 444, false",
        "192.0.2.1:443, 192.0.2.2, 443, false",
        "tcp 192.0.2.1:400-500, 192.0.2.1, 500, true",
        "tcp 192.0.2.1:400-500, 192.0.2.1, 501, false",
        "udp 192.0.2.1, 192.0.2.1, 80, false",
        "0.0.0.0/0, 8.8.8.8, 53, true",
        "0.0.0.0/0, 2001:db8::1, 53, false",
        "[::]/0, 2001:db8::1, 53, true",
        "[::]/0, 8.8.8.8, 53, false",
        "[2001:db8::]/32:80, 2001:db8:1::1, 80, true",
        "[2001:db8::]/32:80, 2001:db9::1, 80, false",
        "[2001:db8::7], 2001:db8::7, 1, true",
        "[::ffff:10.0.0.1], 10.0.0.1, 1, true",
        "'', 10.0.0.1, 1, false",
        "'', 127.0.0.1, 1, true",
        "'', ::1, 1, true",
        "'# none', ::2, 1, false",
    })
    void allowsWhatALineSays(String policy, String address, int port, boolean expected) throws EgressException {
        assertThat(allows(policy, TCP, address, port)).isEqualTo(expected);
    }

    @Test
    void commasAreLinesAndNamesHaveSlots() throws EgressException {
        EgressPolicy policy = EgressPolicy.parse(
                "udp 192.0.2.1:53, Example.org:443\n# more\ntcp b.example.org\ntcp example.org:80\ndns 192.0.2.1\ndns [2001:db8::53]:5353");
        assertThat(policy.allows(UDP, address("192.0.2.1"), 53)).isTrue();
        assertThat(policy.names()).containsExactly("example.org", "b.example.org");
        assertThat(policy.rules()).extracting(r -> r.slot()).containsExactly(-1, 0, 16, 0);
        assertThat(policy.servers())
                .containsExactly(
                        new EgressPolicy.Server(address("192.0.2.1"), 53),
                        new EgressPolicy.Server(address("2001:db8::53"), 5353));
        assertThat(policy.tableSize()).isEqualTo(2 * 16 * 16);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "10.0.0.0/33",
                "10.0.0.1:70000",
                "10.0.0.1:",
                "10.0.0.1:5-4",
                "10.0.0.256",
                "icmp 10.0.0.1",
                "2001:db8::1",
                "2001:db8::/32",
                "[2001:db8::1",
                "[10.0.0.1]",
                "[2001:db8::1]/129",
                "exa mple.org",
                "exämple.org, dns 192.0.2.1",
                "example..org, dns 192.0.2.1",
                "example.org/24, dns 192.0.2.1",
                "example.org",
                "dns example.org",
                "dns 127.0.0.11",
                "dns [::1]",
                "dns 10.0.0.0/8",
                "*",
                "tcp",
            })
    void refusesWhatIsNone(String text) {
        assertThatExceptionOfType(EgressException.class)
                .isThrownBy(() -> EgressPolicy.parse(text))
                .withMessageStartingWith("line ");
    }

    @Test
    void hasLimits() {
        assertThatExceptionOfType(EgressException.class).isThrownBy(() -> EgressPolicy.parse("10.0.0.1\n".repeat(200)));
        StringBuilder names = new StringBuilder("dns 10.0.0.1");
        for (int i = 0; i < 17; i++) {
            names.append(",n").append(i).append(".test");
        }
        assertThatExceptionOfType(EgressException.class).isThrownBy(() -> EgressPolicy.parse(names.toString()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                ":",
                ":::",
                "1::2::3",
                "1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:8:9",
                "12345::",
                "g::",
                "1.2.3",
                "1.2.3.4.5",
                "::1.2.3",
                "1:2:3:4:5:6:7:1.2.3.4"
            })
    void whatIsNoAddressIsNone(String text) {
        assertThat(InternetAddress.parse(text)).isNull();
    }
}
