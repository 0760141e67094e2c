package dev.caisson.tests.backends;

import dev.caisson.backend.Backend;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.backend.testkit.PodTest;
import dev.caisson.trap.TrapBackend;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/** Tests of the seccomp-trap wall whose pods have a real monitor. */
abstract class TrapSuite extends PodTest {
    private static final Backend BACKEND = new TrapBackend();

    @Override
    protected Backend backend() {
        return BACKEND;
    }

    @Override
    protected PodFixture openPod(Path directory) throws IOException {
        return MonitorPod.open(directory);
    }

    /**
     * What of the host a call that got out could have changed.
     *
     * @param canary a file outside of the container's root
     */
    static String outside(Path canary) throws IOException {
        return String.join(
                "\n",
                Files.readString(canary),
                PosixFilePermissions.toString(Files.getPosixFilePermissions(canary)),
                Files.getOwner(canary).getName(),
                Files.getLastModifiedTime(canary).toString(),
                text(Path.of("/proc/sys/kernel/hostname")),
                text(Path.of("/proc/sys/kernel/domainname")),
                text(Path.of("/proc/sys/kernel/core_pattern")),
                text(Path.of("/proc/sys/kernel/modprobe")),
                text(Path.of("/proc/swaps")),
                text(Path.of("/proc/modules"))
                        .lines()
                        .map(line -> line.split(" ", 2)[0])
                        .toList()
                        .toString());
    }

    /** Nothing for what this kernel was built without. */
    private static String text(Path path) throws IOException {
        return Files.exists(path) ? Files.readString(path) : "";
    }
}
