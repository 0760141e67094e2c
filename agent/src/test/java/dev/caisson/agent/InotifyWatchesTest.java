package dev.caisson.agent;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.HostFiles;
import dev.caisson.linux.Inotify;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who watches what, as the kernel says. */
class InotifyWatchesTest {
    @Test
    void linesOfTheKernels() {
        Set<Long> devices = new HashSet<>();
        InotifyWatches.parse("""
                pos:\t0
                flags:\t02000000
                mnt_id:\t15
                ino:\t1057
                inotify wd:2 ino:9e7e sdev:800013 mask:800afce ignored_mask:0 fhandle-bytes:8 fhandle-type:1
                inotify wd:1 ino:1 sdev:2d mask:fce ignored_mask:0
                """, devices);
        assertThat(devices).containsExactlyInAnyOrder(InotifyWatches.device(8, 0x13), InotifyWatches.device(0, 0x2d));
        InotifyWatches.parse("", devices);
        assertThat(devices).hasSize(2);
    }

    @Test
    void aWatchOfOnesOwnIsFound(@TempDir Path directory) throws Exception {
        Path own = Files.createDirectory(directory.resolve("own"));
        long device = (Long) Files.getAttribute(own, "unix:dev");
        long kernel = InotifyWatches.device((int) (device >> 8 & 0xfff), (int) (device & 0xff));
        try (Inotify inotify = Inotify.open("a test's")) {
            int _ = inotify.watch(own.toString(), Inotify.IN_CREATE);
            assertThat(HostFiles.exists("/proc/self/fdinfo/" + inotify.fd().number()))
                    .isTrue();
            assertThat(InotifyWatches.devices()).contains(kernel);
        }
    }
}
