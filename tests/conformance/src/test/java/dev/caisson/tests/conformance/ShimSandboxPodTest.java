package dev.caisson.tests.conformance;

import dev.caisson.tests.support.PrivateContainerd;
import dev.caisson.tests.support.Skip;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;

/** {@link PodTest}'s pods without a pause container: containerd 2.x makes them over the Sandbox API. */
class ShimSandboxPodTest extends PodTest {
    private static @Nullable PrivateContainerd own;

    @BeforeEach
    void onlyWithTheSandboxApi() {
        subjectOnly("a sandbox made by the shim");
        Skip.unless(build.isVersion2(), "a sandbox made by the shim", "containerd 2.x");
    }

    @Override
    public PrivateContainerd bed() {
        if (!build.isVersion2() || !runtime().isSubject()) {
            return super.bed();
        }
        synchronized (ShimSandboxPodTest.class) {
            PrivateContainerd bed = own;
            if (bed == null) {
                bed = PrivateContainerd.start(
                        PrivateContainerd.Settings.of(build, runtime()).withShimSandboxes());
                own = bed;
            }
            return bed;
        }
    }

    @AfterAll
    static void closeOwn() {
        synchronized (ShimSandboxPodTest.class) {
            if (own != null) {
                own.close();
                own = null;
            }
        }
    }
}
