package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class SchedulingTest {
    private static long slice() {
        try {
            Matcher m = Pattern.compile("se\\.slice +: +(\\d+)")
                    .matcher(Files.readString(Path.of("/proc/thread-self/sched")));
            return m.find() ? Long.parseLong(m.group(1)) : 0;
        } catch (java.io.IOException e) {
            return 0;
        }
    }

    private static boolean hasCustomSlices() {
        String[] release = System.getProperty("os.version").split("[^0-9]+", 3);
        int major = Integer.parseInt(release[0]);
        return major > 6 || (major == 6 && Integer.parseInt(release[1]) >= 12);
    }

    @Test
    void shortTurnsAreTheCallersAndItsThreads() throws Exception {
        assumeTrue(hasCustomSlices(), "a kernel with slices of one's own (Linux 6.12)");
        long usual = slice();
        assumeTrue(usual != 0, "a kernel that tells slices in /proc/PID/sched (Linux 6.6 with CONFIG_SCHED_DEBUG)");
        CompletableFuture<long[]> seen = new CompletableFuture<>();
        Thread.ofPlatform().start(() -> {
            try {
                Scheduling.takeShortTurns();
                long own = slice();
                Thread.ofPlatform().start(() -> seen.complete(new long[] {own, slice()}));
            } catch (ErrnoException e) {
                seen.completeExceptionally(e);
            }
        });
        long[] slices = seen.get(10, TimeUnit.SECONDS);
        assertThat(slice()).isEqualTo(usual);
        assertThat(slices).containsExactly(100_000, 100_000);
    }
}
