package dev.caisson.namespace.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class LandlockPolicyTest {
    private static final List<String> SEEDS = List.of(
            "path-beneath:read,execute:/usr; path-beneath:write:/tmp",
            "net-port:bind-tcp,connect-tcp:65535\nscope:signal,abstract-unix-socket",
            "fs;net;;",
            "path-beneath::/",
            "net-port:bind-tcp:99999999999");

    @Test
    void rulesImplyThatTheRestIsForbidden() {
        LandlockPolicy policy = LandlockPolicy.parse("path-beneath:execute,read-file:/a:b\n net-port:connect-tcp:443");
        assertThat(policy.fs()).isTrue();
        assertThat(policy.net()).isTrue();
        assertThat(policy.paths()).containsExactly(new LandlockPolicy.PathRule(0b101, "/a:b"));
        assertThat(policy.ports()).containsExactly(new LandlockPolicy.PortRule(0b10, 443));
        assertThat(LandlockPolicy.parse("scope:signal").fs()).isFalse();
        assertThat(LandlockPolicy.parse("scope:abstract-unix-socket,signal").scoped())
                .isEqualTo(3);
    }

    /** The numbers of access rights in versions of include/uapi/linux/landlock.h. */
    @ParameterizedTest
    @CsvSource({"1, 0x1fff", "2, 0x3fff", "3, 0x7fff", "4, 0x7fff", "5, 0xffff", "7, 0xffff", "99, 0xffff"})
    void allThatTheKernelKnowsIsRestricted(int abi, String mask) {
        assertThat(LandlockPolicy.parse("fs").handledFs(abi)).isEqualTo(Long.decode(mask));
        assertThat(LandlockPolicy.parse("net").handledFs(abi)).isZero();
    }

    @ParameterizedTest
    @CsvSource({
        "fs, 1, ",
        "fs, 0, not enabled",
        "net, 3, TCP",
        "net, 4, ",
        "scope:signal, 5, scopes",
        "scope:signal, 6, ",
        "nonsense, 7, nonsense"
    })
    void whatTheKernelLacksIsRefused(String text, int abi, String word) {
        String problem = LandlockPolicy.problem(Map.of(LandlockPolicy.ANNOTATION, text), abi);
        if (word == null) {
            assertThat(problem).isNull();
        } else {
            assertThat(problem).contains(word);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "path-beneath:read:usr, not absolute",
        "path-beneath:fly:/usr, fly",
        "path-beneath:/usr, neither",
        "net-port:bind-tcp:65536, between",
        "net-port:bind-tcp:x, number",
        "net-port:read:80, read",
        "' ; ', restricts nothing",
        "scope:, is not one of"
    })
    void aWrongEntryIsNamed(String text, String words) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> LandlockPolicy.parse(text))
                .withMessageContaining(words);
    }

    @Test
    void anyTextIsAPolicyOrRefused() {
        Random random = new Random(3);
        for (int i = 0; i < 50_000; i++) {
            StringBuilder text = new StringBuilder(SEEDS.get(random.nextInt(SEEDS.size())));
            for (int n = random.nextInt(5); n > 0 && !text.isEmpty(); n--) {
                text.setCharAt(random.nextInt(text.length()), ":,;/\n 0z\0-".charAt(random.nextInt(10)));
            }
            try {
                LandlockPolicy policy = LandlockPolicy.parse(text.toString());
                assertThat(policy.fs() || policy.net() || policy.scoped() != 0).isTrue();
                assertThat(policy.paths())
                        .allSatisfy(r -> assertThat(r.path()).startsWith("/").doesNotContain("\0"));
            } catch (IllegalArgumentException refused) {
                assertThat(refused).hasMessageNotContaining("\0");
            }
        }
    }
}
