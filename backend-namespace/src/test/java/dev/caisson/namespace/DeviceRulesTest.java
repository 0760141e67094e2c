package dev.caisson.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.bpf.DevicePolicy;
import dev.caisson.linux.bpf.DeviceRule;
import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupLayout;
import dev.caisson.linux.cgroup.CgroupMode;
import dev.caisson.oci.DeviceRuleType;
import dev.caisson.oci.Resources;
import java.util.List;
import org.junit.jupiter.api.Test;

final class DeviceRulesTest {
    private static final Host V1 = host(
            CgroupMode.V1, new CgroupHierarchy(false, List.of("devices"), "/sys/fs/cgroup/devices", "/", "/"), false);
    private static final Host V2 =
            host(CgroupMode.V2, new CgroupHierarchy(true, List.of("memory"), "/sys/fs/cgroup", "/", "/"), false);

    private static Host host(CgroupMode mode, CgroupHierarchy hierarchy, boolean inUserNamespace) {
        return new Host(new CgroupLayout(mode, List.of(hierarchy)), 40, -1, inUserNamespace, false, false, null);
    }

    @Test
    void withoutRulesOnlyTheDefaultDevicesAreAllowed() throws Exception {
        for (Host host : List.of(V1, V2)) {
            DevicePolicy policy =
                    DeviceRules.of(List.of(), DevicePolicy.ALLOW_ALL, host).policy();
            assertThat(policy.allows(DeviceRule.Kind.CHAR, 1, 3, DeviceRule.READ))
                    .isTrue();
            assertThat(policy.allows(DeviceRule.Kind.BLOCK, 8, 0, DeviceRule.READ))
                    .isFalse();
            assertThat(policy.allows(DeviceRule.Kind.BLOCK, 8, 0, DeviceRule.MKNOD))
                    .isTrue();
        }
    }

    @Test
    void version1WritesVersion2Attaches() throws Exception {
        DeviceRules v1 = DeviceRules.of(List.of(), DevicePolicy.ALLOW_ALL, V1);
        assertThat(v1.v1Rules()).isNotEmpty();
        assertThat(v1.v1Rules().getFirst().allow()).isFalse();
        assertThat(v1.v1Rules().getFirst().rule()).isEqualTo("a");
        assertThat(v1.program()).isNull();
        DeviceRules v2 = DeviceRules.of(List.of(), DevicePolicy.ALLOW_ALL, V2);
        assertThat(v2.v1Rules()).isEmpty();
        assertThat(v2.program()).isNotNull();
    }

    @Test
    void everythingAllowedNeedsNoProgram() throws Exception {
        Resources.DeviceRule all = new Resources.DeviceRule(true, DeviceRuleType.ALL, null, null, "rwm");
        assertThat(DeviceRules.of(List.of(all), DevicePolicy.ALLOW_ALL, V2).program())
                .isNull();
        assertThat(DeviceRules.of(List.of(all), DevicePolicy.ALLOW_ALL, V1).v1Rules())
                .isEmpty();
    }

    @Test
    void negativeNumbersAndAbsentAccessAreWildcards() throws Exception {
        Resources.DeviceRule rule = new Resources.DeviceRule(true, DeviceRuleType.CHAR, 188L, -1L, null);
        DevicePolicy policy =
                DeviceRules.of(List.of(rule), DevicePolicy.ALLOW_ALL, V2).policy();
        assertThat(policy.allows(DeviceRule.Kind.CHAR, 188, 77, DeviceRule.RWM)).isTrue();
        assertThat(policy.allows(DeviceRule.Kind.CHAR, 189, 77, DeviceRule.READ))
                .isFalse();
    }

    @Test
    void anUpdateWritesOnlyTheDifference() throws Exception {
        DevicePolicy before =
                DeviceRules.of(List.of(), DevicePolicy.ALLOW_ALL, V1).policy();
        Resources.DeviceRule fuse = new Resources.DeviceRule(true, DeviceRuleType.CHAR, 10L, 229L, "rw");
        assertThat(DeviceRules.of(List.of(fuse), before, V1).v1Rules())
                .extracting(r -> r.allow() + " " + r.rule())
                .containsExactly("true c 10:229 rw");
    }

    @Test
    void aUserNamespaceHasNothingToWrite() throws Exception {
        Host nested = new Host(V1.cgroups(), 40, -1, true, false, false, null);
        assertThat(DeviceRules.of(List.of(), DevicePolicy.ALLOW_ALL, nested).v1Rules())
                .isEmpty();
    }
}
