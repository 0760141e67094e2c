package dev.caisson.tests.callers;

import dev.caisson.tests.support.ContainerdBuild;
import dev.caisson.tests.support.CrioBuild;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.Skip;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;

/** CRI-O with the runtime as its handler, over the CRI. */
class CrioTest extends CallerSuite {
    @SuppressWarnings("NullAway.Init") // opened before the first test
    private static Crio crio;

    @BeforeParameterizedClassInvocation
    static void open(OciRuntime runtime) {
        need("CRI-O", "podman", "conmon");
        Optional<CrioBuild> build = CrioBuild.available();
        Optional<Path> client = ContainerdBuild.crictl();
        Skip.unless(build.isPresent() && client.isPresent(), "CRI-O", CrioBuild.NEEDED);
        crio = new Crio(runtime, build.orElseThrow(), client.orElseThrow());
    }

    @AfterEach
    void clear() {
        crio.client().clear();
    }

    @AfterParameterizedClassInvocation
    static void close() {
        if (crio != null) {
            crio.close();
        }
    }

    @Test
    void aPodsLife() {
        crio.client().podsLife();
    }

    @Test
    void aProgramThatIsMissingIsNamed() {
        crio.client().missingProgram();
    }
}
