package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.oci.Resources;
import org.junit.jupiter.api.Test;

/** What a container may use is what it is told that there is, by whatever way it asks. */
final class TrapLimitsTest extends TrapSuite {
    private static final String LOOK =
            "grep MemTotal /proc/meminfo; busybox free -k | busybox awk '/Mem:/ {print $2}'; busybox nproc;"
                    + " grep -c ^processor /proc/cpuinfo; grep -c '^cpu[0-9]' /proc/stat";

    private static Resources resources(long mebibytes, long processors) {
        Resources.Builder b = new Resources.Builder();
        b.memory = new Resources.Memory(mebibytes << 20, null, null, null, null, null, null, null, null);
        b.cpu = new Resources.Cpu(null, processors * 50_000, null, 50_000L, null, null, null, null, null);
        return b.build();
    }

    private static String seen(long mebibytes, long processors) {
        long kib = mebibytes << 10;
        return String.format("MemTotal: %14d kB%n%d%n%3$d%n%3$d%n%3$d%n", kib, kib, processors);
    }

    @Test
    void memoryAndProcessorsAreThoseOfItsLimitsAlsoAfterAnUpdate() throws Exception {
        int all = Runtime.getRuntime().availableProcessors();
        Bundle bundle = shell("exec sleep 1000").linux(l -> l.resources = resources(64, 1));
        try (TestContainer c = prepare(bundle).create().start()) {
            assertThat(c.execOutput("sh", "-c", LOOK)).isEqualTo(seen(64, 1));

            c.container().update(resources(96, all));

            assertThat(c.execOutput("sh", "-c", LOOK)).isEqualTo(seen(96, all));
        }
    }
}
