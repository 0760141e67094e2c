package dev.caisson.tests.backends;

import dev.caisson.backend.Backend;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.backend.testkit.PodTest;
import dev.caisson.namespace.NamespaceBackend;
import java.io.IOException;
import java.nio.file.Path;

/** Tests of the namespace wall whose pods have a real monitor. */
abstract class NamespaceSuite extends PodTest {
    private static final Backend BACKEND = new NamespaceBackend();

    @Override
    protected Backend backend() {
        return BACKEND;
    }

    @Override
    protected PodFixture openPod(Path directory) throws IOException {
        return MonitorPod.open(directory);
    }
}
