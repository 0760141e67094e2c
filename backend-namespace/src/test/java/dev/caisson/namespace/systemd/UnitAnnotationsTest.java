package dev.caisson.namespace.systemd;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.linux.cgroup.CgroupException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class UnitAnnotationsTest {
    private static final List<String> SEEDS = List.of(
            "'a'",
            "\"b\"",
            "['x', \"y\"]",
            "[]",
            "true",
            "uint64 18446744073709551615",
            "int32 -1",
            "['",
            "[,]",
            "''''");

    private static List<UnitProperty> of(String name, String text) throws CgroupException {
        return UnitAnnotations.properties(Map.of(UnitAnnotations.PREFIX + name, text, "other", "x"));
    }

    @Test
    void valuesHaveTypes() throws CgroupException {
        assertThat(of("CollectMode", "'inactive-or-failed'"))
                .containsExactly(new UnitProperty.Text("CollectMode", "inactive-or-failed"));
        assertThat(of("MemoryKSM", " true ")).containsExactly(new UnitProperty.Flag("MemoryKSM", true));
        assertThat(of("MemoryHigh", "uint64 18446744073709551615"))
                .containsExactly(new UnitProperty.Amount("MemoryHigh", -1));
        assertThat(of("OOMScoreAdjust", "-5")).containsExactly(new UnitProperty.SignedNumber("OOMScoreAdjust", -5));
        assertThat(of("After", "['a.service', \"b.service\"]"))
                .containsExactly(new UnitProperty.Texts("After", List.of("a.service", "b.service")));
        assertThat(of("After", "[]")).containsExactly(new UnitProperty.Texts("After", List.of()));
    }

    @Test
    void secondsAreTheBussMicroseconds() throws CgroupException {
        assertThat(of("TimeoutStopSec", "90")).containsExactly(new UnitProperty.Amount("TimeoutStopUSec", 90_000_000));
        assertThat(of("TimeoutStopUSec", "uint64 7")).containsExactly(new UnitProperty.Amount("TimeoutStopUSec", 7));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "'a", "a", "'a'b'", "[1, 2]", "['a' 'b']", "['a',", "99999999999", "uint64 x", "@as []"})
    void anythingElseIsRefusedByName(String text) {
        assertThatExceptionOfType(CgroupException.class)
                .isThrownBy(() -> of("Foo", text))
                .withMessageContaining("org.systemd.property.Foo");
    }

    @Test
    void namesArePropertyNames() {
        assertThatExceptionOfType(CgroupException.class).isThrownBy(() -> of("foo=bar", "1"));
        assertThatExceptionOfType(CgroupException.class).isThrownBy(() -> of("", "1"));
    }

    @Test
    void anyTextIsAPropertyOrRefused() {
        Random random = new Random(7);
        for (int i = 0; i < 50_000; i++) {
            StringBuilder text = new StringBuilder(SEEDS.get(random.nextInt(SEEDS.size())));
            for (int n = random.nextInt(4); n > 0 && !text.isEmpty(); n--) {
                text.setCharAt(random.nextInt(text.length()), "'\"[],a 1\0\u20ac".charAt(random.nextInt(10)));
            }
            try {
                assertThat(of("Foo", text.toString())).hasSize(1);
            } catch (CgroupException refused) {
                assertThat(refused).hasMessageContaining("Foo");
            }
        }
    }
}
