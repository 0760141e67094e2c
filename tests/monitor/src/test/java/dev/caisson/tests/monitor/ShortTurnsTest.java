package dev.caisson.tests.monitor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** A monitor goes before what runs in its pod, and what runs there is as it would be without a monitor (Linux 6.12). */
class ShortTurnsTest {
    private static long slice(long pid) throws Exception {
        Path file = Path.of("/proc/" + pid + "/sched");
        assumeTrue(Files.exists(file), "a kernel that tells slices in /proc/PID/sched (CONFIG_SCHED_DEBUG)");
        Matcher m = Pattern.compile("se\\.slice +: +(\\d+)").matcher(Files.readString(file));
        assumeTrue(m.find(), "a kernel that tells slices in /proc/PID/sched (Linux 6.6)");
        return Long.parseLong(m.group(1));
    }

    private static boolean hasCustomSlices() {
        String[] release = System.getProperty("os.version").split("[^0-9]+", 3);
        int major = Integer.parseInt(release[0]);
        return major > 6 || (major == 6 && Integer.parseInt(release[1]) >= 12);
    }

    @Test
    void areTheMonitorsAndNotThePods() throws Exception {
        assumeTrue(hasCustomSlices(), "a kernel with slices of one's own (Linux 6.12)");
        long usual = slice(ProcessHandle.current().pid());
        try (Rig rig = Rig.bare()) {
            Peer link = rig.startMonitor();
            assertThat(slice(rig.monitorPid())).isEqualTo(100_000);
            link.spawn(1, "sleeps", Plans.shell("sleep 1000"), 0, 0);
            assertThat(slice(link.awaitPid(1))).isEqualTo(usual);
            link.send(Frame.of(Frame.KILL, 1, 9));
            link.awaitStatus(1);
        }
    }
}
