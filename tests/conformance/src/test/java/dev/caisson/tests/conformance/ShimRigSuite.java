package dev.caisson.tests.conformance;

import dev.caisson.tests.support.ShimRig;
import dev.caisson.tests.support.Watchdog;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;

/** Tests of the shim binary without a containerd; each has a rig, and thereby a state directory and a caissond, of its own. */
@ExtendWith(Watchdog.class)
abstract class ShimRigSuite {
    @SuppressWarnings("NullAway.Init") // opened before each test
    ShimRig rig;

    @BeforeEach
    void open() {
        rig = ShimRig.open();
    }

    @AfterEach
    void close() {
        if (rig != null) {
            rig.close();
        }
    }
}
