package dev.caisson.shim.link;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What a launch that failed is said to have failed at. */
class LinkLaunchTest {
    @Test
    void planThatDidNotBeginHasNoStep() {
        assertThat(LinkLaunch.stepFailed("init of c1", null, LinkLaunch.NO_PLAN, -11))
                .hasMessageStartingWith("begin launch of init of c1: ")
                .hasMessageContaining("EAGAIN");
    }

    @Test
    void stepWithoutAPlanHasItsNumber() {
        assertThat(LinkLaunch.stepFailed("init of c1", null, 7, -2))
                .hasMessageStartingWith("step 7 of launch plan: ")
                .hasMessageContaining("ENOENT");
    }
}
