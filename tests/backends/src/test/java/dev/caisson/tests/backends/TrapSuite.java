package dev.caisson.tests.backends;

import dev.caisson.backend.Backend;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.backend.testkit.PodTest;
import dev.caisson.trap.TrapBackend;
import java.io.IOException;
import java.nio.file.Path;

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
}
