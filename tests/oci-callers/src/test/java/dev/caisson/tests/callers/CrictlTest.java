package dev.caisson.tests.callers;

import dev.caisson.tests.support.ContainerdBuild;
import dev.caisson.tests.support.HostSnapshot;
import dev.caisson.tests.support.LeakCheck;
import dev.caisson.tests.support.OciRuntime;
import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.RuntimeUnderTest;
import dev.caisson.tests.support.Skip;
import dev.caisson.tests.support.TestImages;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;

/** crictl over Debian's containerd, whose runc shim is told to execute the runtime ({@code BinaryName}). */
class CrictlTest extends CallerSuite {
    @SuppressWarnings("NullAway.Init") // opened before the first test
    private static PrivateContainerd containerd;

    @SuppressWarnings("NullAway.Init") // opened before the first test
    private static Crictl crictl;

    @SuppressWarnings("NullAway.Init") // opened before the first test
    private static HostSnapshot before;

    @BeforeParameterizedClassInvocation
    static void open(OciRuntime runtime) {
        need("crictl", "containerd", "containerd-shim-runc-v2");
        Optional<Path> client = ContainerdBuild.crictl();
        Skip.unless(client.isPresent(), "crictl", "Go >= 1.26 and a reachable Go module proxy");
        ContainerdBuild build = ContainerdBuild.available().stream()
                .filter(each -> each.line().equals("1.6"))
                .findFirst()
                .orElseThrow(() -> Skip.because("crictl", "Debian's containerd"));
        containerd = PrivateContainerd.start(
                PrivateContainerd.Settings.of(build, RuntimeUnderTest.runcShim(build, runtime.binary())));
        crictl = new Crictl(client.orElseThrow(), containerd.socket(), containerd.dir(), TestImages.BUSYBOX, "");
        before = HostSnapshot.take(containerd, LeakCheck.standing());
    }

    @AfterEach
    void clear() {
        crictl.clear();
    }

    @AfterParameterizedClassInvocation
    static void close() {
        if (containerd != null) {
            try {
                LeakCheck.check(containerd, before);
            } finally {
                containerd.close();
            }
        }
    }

    @Test
    void aPodsLife() {
        crictl.podsLife();
    }

    @Test
    void aProgramThatIsMissingIsNamed() {
        crictl.missingProgram();
    }
}
