package dev.caisson.tests.backends;

import dev.caisson.backend.Backend;
import dev.caisson.backend.testkit.BackendContract;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.trap.TrapBackend;
import java.io.IOException;
import java.nio.file.Path;

/** All that is asked of a wall, in the tier that stops most. */
final class TrapStrictContractTest extends BackendContract {
    private static final Backend BACKEND = new Tiered(new TrapBackend(), "strict");

    @Override
    protected Backend backend() {
        return BACKEND;
    }

    @Override
    protected PodFixture openPod(Path directory) throws IOException {
        return MonitorPod.open(directory);
    }
}
