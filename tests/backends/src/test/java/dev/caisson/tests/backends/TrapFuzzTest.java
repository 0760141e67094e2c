package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.testkit.Bundle;
import dev.caisson.backend.testkit.TestContainer;
import dev.caisson.trap.filter.Tier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Generated system calls ({@code tests/syscalls/fuzz.c}) in every tier: nothing hangs, nothing of it is seen outside, and the container is answered as
 * before. {@code -Dcaisson.fuzz.calls=N} makes as many calls per seed and tier, and {@code -Dcaisson.fuzz.seed=N} takes another seed.
 */
final class TrapFuzzTest extends TrapSuite {
    private static final long CALLS = Long.getLong("caisson.fuzz.calls", 15_000);
    private static final Duration PER_CALL = Duration.ofMillis(5);

    static List<Arguments> runs() throws IOException {
        List<String> seeds = new ArrayList<>();
        String given = System.getProperty("caisson.fuzz.seed");
        if (given != null) {
            seeds.add(given);
        } else {
            CompiledProgram.source("fuzz-seeds.txt")
                    .lines()
                    .filter(line -> !line.startsWith("#") && !line.isBlank())
                    .forEach(seeds::add);
        }
        List<Arguments> runs = new ArrayList<>();
        for (String seed : seeds) {
            for (Tier tier : Tier.values()) {
                runs.add(Arguments.of(tier.word(), seed));
            }
        }
        return runs;
    }

    @ParameterizedTest
    @MethodSource("runs")
    void noHangNoEscapeNoDeadSandbox(String tier, String seed) throws Exception {
        Path canary = Files.writeString(temp.resolve("canary"), "alive");
        String before = outside(canary);
        Bundle bundle = shell("mkdir -p /tmp; cd /tmp; exec /program " + seed + " " + CALLS);
        CompiledProgram.compile("fuzz", temp, bundle.rootfs("program"));
        try (TestContainer c = TestContainer.prepare(new Tiered(backend(), tier), bundle, pod().launcher())) {
            c.create().start();
            assertThat(c.init().awaitExit(PER_CALL.multipliedBy(CALLS)))
                    .as("ends in time")
                    .isTrue();
            assertThat(c.stdout() + c.stderr()).isEqualTo("done " + CALLS + "\n");
            assertThat(c.init().exit().join().code()).isZero();
        }
        assertThat(outside(canary)).isEqualTo(before);
    }

    /** The sandbox process of a pod in which one container does its worst answers the other one as ever. */
    @ParameterizedTest
    @MethodSource("tiers")
    void theOtherContainersOfThePodAreAnswered(String tier) throws Exception {
        Bundle wild = shell("mkdir -p /tmp; cd /tmp; exec /program 7 " + 10 * CALLS);
        CompiledProgram.compile("fuzz", temp, wild.rootfs("program"));
        Tiered wall = new Tiered(backend(), tier);
        try (TestContainer calm = TestContainer.prepare(wall, shell("exec sleep 1000"), pod().launcher())
                        .create()
                        .start();
                TestContainer c = TestContainer.prepare(wall, wild, pod().launcher())) {
            c.create().start();
            for (int i = 0; i < 5; i++) {
                assertThat(calm.execOutput("ls", "/")).contains("bin");
            }
        }
    }

    static List<String> tiers() {
        return List.of("default", "strict");
    }
}
