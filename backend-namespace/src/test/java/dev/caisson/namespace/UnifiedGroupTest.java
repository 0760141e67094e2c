package dev.caisson.namespace;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class UnifiedGroupTest {
    private static final String OWN = "/sys/fs/cgroup/pods/c1";

    @Test
    void theUnifiedLineIsFoundAmongOthers() {
        assertThat(UnifiedGroup.parse("12:memory:/m\n1:name=systemd:/s\n0::/pods/c1/init\n"))
                .isEqualTo("/pods/c1/init");
        assertThat(UnifiedGroup.parse("12:memory:/m\n")).isNull();
        assertThat(UnifiedGroup.parse("")).isNull();
    }

    @Test
    void onlyGroupsBelowTheContainersOwn() {
        assertThat(UnifiedGroup.below(OWN, "/pods/c1/init.scope")).isEqualTo(OWN + "/init.scope");
        assertThat(UnifiedGroup.below(OWN, "/pods/c1/a/b")).isEqualTo(OWN + "/a/b");
        assertThat(UnifiedGroup.below(OWN, "/pods/c1")).isNull();
        assertThat(UnifiedGroup.below(OWN, "/pods/c10/x")).isNull();
        assertThat(UnifiedGroup.below(OWN, "/other")).isNull();
        assertThat(UnifiedGroup.below(OWN, "/")).isNull();
        assertThat(UnifiedGroup.below(OWN, "/pods/c1/../c2")).isNull();
        assertThat(UnifiedGroup.below(OWN, "/pods/c1/x/..")).isNull();
    }
}
