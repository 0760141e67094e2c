package dev.caisson.tests.bench;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * Waits until the machine has nothing to do, as whoever starts a container now and then finds it. It is more than the removal of noise:
 * the kernel lets a process change its group at once if another one has just done so, and after a rest waits for a grace period of RCU
 * (cgroup_threadgroup_rwsem, a percpu_rw_semaphore), so that rows in a rush and rows at rest tell different things of a runtime.
 */
final class Rest {
    /** Of all processors' time. */
    private static final double BUSY = 0.2;

    private static final Duration WINDOW = Duration.ofMillis(150);
    private static final int MOST_WINDOWS = 40;
    private static final int IDLE = 4;
    private static final int IOWAIT = 5;
    private static final int STEAL = 8;

    private Rest() {}

    /** Returns behind the first window that was quiet, or after six seconds. */
    static void await() {
        Use before = Use.now();
        for (int i = 0; i < MOST_WINDOWS; i++) {
            LockSupport.parkNanos(WINDOW.toNanos());
            Use now = Use.now();
            if (now.busy - before.busy <= BUSY * (now.all - before.all)) {
                return;
            }
            before = now;
        }
    }

    /** The processors' time since boot, in ticks (proc_stat(5)). */
    private record Use(long busy, long all) {
        static Use now() {
            String line;
            try (var lines = Files.lines(Path.of("/proc/stat"))) {
                line = lines.findFirst().orElseThrow();
            } catch (IOException e) {
                throw new UncheckedIOException("read /proc/stat", e);
            }
            String[] fields = line.split(" +", -1);
            long all = 0;
            long idle = 0;
            for (int i = 1; i <= STEAL; i++) {
                long ticks = Long.parseLong(fields[i]);
                all += ticks;
                idle += i == IDLE || i == IOWAIT ? ticks : 0;
            }
            return new Use(all - idle, all);
        }
    }
}
