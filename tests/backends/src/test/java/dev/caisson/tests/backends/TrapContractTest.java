package dev.caisson.tests.backends;

import dev.caisson.backend.Backend;
import dev.caisson.backend.testkit.BackendContract;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.trap.TrapBackend;
import java.io.IOException;
import java.nio.file.Path;

final class TrapContractTest extends BackendContract {
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
