package dev.caisson.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.bpf.DeviceRule.Kind;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DevicePolicyTest {
    private static final long ANY = DeviceRule.ANY;
    private static final DeviceRule DENY_ALL = new DeviceRule(false, Kind.ALL, ANY, ANY, DeviceRule.RWM);
    private static final DeviceRule ALLOW_ALL = new DeviceRule(true, Kind.ALL, ANY, ANY, DeviceRule.RWM);

    private static DeviceRule rule(boolean allow, Kind kind, long major, long minor, int access) {
        return new DeviceRule(allow, kind, major, minor, access);
    }

    private static DeviceRule random(SplittableRandom random) {
        long[] numbers = {ANY, 0, 1, 2};
        return rule(
                random.nextBoolean(),
                random.nextInt(8) == 0 ? Kind.ALL : random.nextBoolean() ? Kind.BLOCK : Kind.CHAR,
                numbers[random.nextInt(4)],
                numbers[random.nextInt(4)],
                random.nextInt(8));
    }

    @Test
    void aContainersDefaultAllowsTheStandardDevices() throws Exception {
        DevicePolicy p = DevicePolicy.ofContainer(List.of(DENY_ALL));
        assertThat(p.defaultAllow()).isFalse();
        assertThat(p.allows(Kind.CHAR, 1, 3, DeviceRule.READ | DeviceRule.WRITE))
                .isTrue();
        assertThat(p.allows(Kind.CHAR, 136, 77, DeviceRule.READ)).isTrue();
        assertThat(p.allows(Kind.BLOCK, 8, 0, DeviceRule.MKNOD)).isTrue();
        assertThat(p.allows(Kind.BLOCK, 8, 0, DeviceRule.MKNOD | DeviceRule.READ))
                .isFalse();
        assertThat(p.allows(Kind.CHAR, 1, 1, DeviceRule.READ)).isFalse();
        assertThat(p.allows(Kind.BLOCK, 1, 3, DeviceRule.READ)).isFalse();
        assertThat(DevicePolicy.ofContainer(List.of(ALLOW_ALL)).allowsEverything())
                .isTrue();
    }

    @Test
    void rulesAddUpAndAreTakenAway() throws Exception {
        DevicePolicy p = DevicePolicy.of(List.of(
                DENY_ALL,
                rule(true, Kind.CHAR, 5, 1, DeviceRule.READ),
                rule(true, Kind.CHAR, 5, 1, DeviceRule.WRITE | DeviceRule.MKNOD),
                rule(false, Kind.CHAR, 5, 1, DeviceRule.MKNOD),
                rule(true, Kind.BLOCK, 8, 0, DeviceRule.READ),
                rule(false, Kind.BLOCK, 8, ANY, DeviceRule.RWM)));
        assertThat(p.exceptions())
                .containsExactly(new DevicePolicy.Exemption(Kind.CHAR, 5, 1, DeviceRule.READ | DeviceRule.WRITE));
    }

    @Test
    void aHoleInAWildcardIsAnErrorAndNotAnOpenDevice() {
        assertThatThrownBy(() -> DevicePolicy.of(List.of(
                        DENY_ALL,
                        rule(true, Kind.CHAR, 1, ANY, DeviceRule.RWM),
                        rule(false, Kind.CHAR, 1, 1, DeviceRule.READ))))
                .isInstanceOf(InvalidProfileException.class)
                .hasMessage("device rule \"deny c 1:1 r\" makes a hole in an earlier rule with a wildcard");
    }

    @Test
    void allowancesDoNotOpenWhatAWildcardForbids() throws Exception {
        DevicePolicy p = DevicePolicy.ofContainer(List.of(ALLOW_ALL, rule(false, Kind.CHAR, 1, ANY, DeviceRule.RWM)));
        assertThat(p.allows(Kind.CHAR, 1, 3, DeviceRule.READ)).isFalse();
        assertThat(p.allows(Kind.CHAR, 5, 2, DeviceRule.READ)).isTrue();
    }

    @Test
    void refusesMoreRulesThanItCanCompare() {
        List<DeviceRule> many = java.util.Collections.nCopies(DevicePolicy.MAX_RULES + 1, ALLOW_ALL);
        assertThatThrownBy(() -> DevicePolicy.of(many)).isInstanceOf(InvalidProfileException.class);
    }

    @Test
    void v1Text() {
        assertThat(rule(true, Kind.CHAR, 1, ANY, DeviceRule.RWM).v1Text()).isEqualTo("c 1:* rwm");
        assertThat(rule(true, Kind.BLOCK, ANY, 0, DeviceRule.WRITE).v1Text()).isEqualTo("b *:0 w");
        assertThat(DENY_ALL.v1Text()).isEqualTo("a");
    }

    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void theProgramDecidesAsThePolicy(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        for (DevicePolicy p : policies(random, 60)) {
            List<EbpfInsn> insns = DeviceProgram.of(p).insns();
            for (Kind kind : new Kind[] {Kind.BLOCK, Kind.CHAR}) {
                for (long major : new long[] {0, 1, 2, 3, 0xffff_ffffL}) {
                    for (long minor : new long[] {0, 1, 2, 3}) {
                        for (int access = 1; access < 8; access++) {
                            long[] context = {(long) access << 16 | (kind == Kind.BLOCK ? 1 : 2), major, minor};
                            assertThat(EbpfInterpreter.run(insns, context))
                                    .as("seed %d: %s %s %d:%d %d", seed, p, kind, major, minor, access)
                                    .isEqualTo(p.allows(kind, major, minor, access) ? 1 : 0);
                        }
                    }
                }
            }
        }
    }

    /** Replays the writes on a model of the kernel's controller and looks at every state in between. */
    @ParameterizedTest(name = "seed {0}")
    @ValueSource(longs = {11, 12, 13, 14})
    void v1WritesLeadToTheTargetWithoutAGap(long seed) throws Exception {
        SplittableRandom random = new SplittableRandom(seed);
        List<DevicePolicy> policies = policies(random, 40);
        for (DevicePolicy from : policies) {
            for (DevicePolicy to : policies) {
                V1Controller kernel = new V1Controller(from);
                for (DevicePolicy.V1Write write : from.v1WritesTo(to)) {
                    kernel.write(write);
                    if (from.defaultAllow() == to.defaultAllow()) {
                        assertBetween(from, kernel.policy(), to);
                    }
                }
                assertThat(kernel.policy())
                        .as("seed %d: %s -> %s", seed, from, to)
                        .isEqualTo(to);
            }
        }
    }

    private static void assertBetween(DevicePolicy from, DevicePolicy now, DevicePolicy to) {
        for (Kind kind : new Kind[] {Kind.BLOCK, Kind.CHAR}) {
            for (long major = 0; major < 4; major++) {
                for (long minor = 0; minor < 4; minor++) {
                    for (int access = 1; access < 8; access <<= 1) {
                        boolean before = from.allows(kind, major, minor, access);
                        if (before == to.allows(kind, major, minor, access)) {
                            assertThat(now.allows(kind, major, minor, access)).isEqualTo(before);
                        }
                    }
                }
            }
        }
    }

    private static List<DevicePolicy> policies(SplittableRandom random, int count) {
        List<DevicePolicy> list = new ArrayList<>();
        while (list.size() < count) {
            List<DeviceRule> rules = new ArrayList<>();
            for (int i = random.nextInt(8); i > 0; i--) {
                rules.add(random(random));
            }
            try {
                list.add(DevicePolicy.of(rules));
            } catch (InvalidProfileException e) {
                assertThat(e).hasMessageContaining("makes a hole");
            }
        }
        return list;
    }

    /** security/device_cgroup.c: exact comparison of kind and numbers, access bits added and removed. */
    private static final class V1Controller {
        private boolean defaultAllow;
        private final Map<String, Integer> accessOf = new HashMap<>();

        V1Controller(DevicePolicy p) {
            defaultAllow = p.defaultAllow();
            for (DevicePolicy.Exemption e : p.exceptions()) {
                accessOf.put(e.kind() + " " + e.major() + " " + e.minor(), e.access());
            }
        }

        void write(DevicePolicy.V1Write write) {
            boolean allow = write.file().equals("devices.allow");
            if (write.text().equals("a")) {
                defaultAllow = allow;
                accessOf.clear();
                return;
            }
            String[] words = write.text().split("[ :]", -1);
            Kind kind = words[0].equals("b") ? Kind.BLOCK : Kind.CHAR;
            String key = kind + " " + number(words[1]) + " " + number(words[2]);
            int access = (words[3].contains("r") ? DeviceRule.READ : 0)
                    | (words[3].contains("w") ? DeviceRule.WRITE : 0)
                    | (words[3].contains("m") ? DeviceRule.MKNOD : 0);
            int old = accessOf.getOrDefault(key, 0);
            int now = allow == defaultAllow ? old & ~access : old | access;
            if (now == 0) {
                accessOf.remove(key);
            } else {
                accessOf.put(key, now);
            }
        }

        private static long number(String word) {
            return word.equals("*") ? ANY : Long.parseLong(word);
        }

        DevicePolicy policy() {
            List<DevicePolicy.Exemption> list = new ArrayList<>();
            accessOf.forEach((key, access) -> {
                String[] words = key.split(" ", -1);
                list.add(new DevicePolicy.Exemption(
                        Kind.valueOf(words[0]), Long.parseLong(words[1]), Long.parseLong(words[2]), access));
            });
            return new DevicePolicy(defaultAllow, list);
        }
    }

    @Test
    void encodesBpfInsn() throws Exception {
        byte[] bytes = DeviceProgram.of(DevicePolicy.DENY_ALL).toBytes();
        assertThat(bytes).hasSize(8 * 8);
        // r2 = *(u32 *)(r1 + 0); r3 = r2
        assertThat(bytes).startsWith(0x61, 0x12, 0, 0, 0, 0, 0, 0, 0xbc, 0x23, 0, 0, 0, 0, 0, 0);
        // r0 = 0; exit
        assertThat(bytes).endsWith(0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0);
    }
}
