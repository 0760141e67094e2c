package dev.caisson.namespace.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.linux.plan.LaunchPlan;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Orders that every plan must keep, whatever else changes in it. */
final class PlanOrderTest {
    private static List<String> steps(LaunchPlan plan) {
        return plan.dump().lines().toList();
    }

    private static int first(List<String> steps, String text) {
        for (int i = 0; i < steps.size(); i++) {
            if (steps.get(i).contains(text)) {
                return i;
            }
        }
        return -1;
    }

    private static int last(List<String> steps, String text) {
        for (int i = steps.size() - 1; i >= 0; i--) {
            if (steps.get(i).contains(text)) {
                return i;
            }
        }
        return -1;
    }

    @Test
    void nobodyCanLookIntoAPlanBeforeItsFirstOpen() {
        Scenarios.all().forEach((name, plan) -> {
            List<String> steps = steps(plan);
            int hidden = first(steps, "become non-dumpable");
            if (name.startsWith("of-user")) {
                // As soon as the user has mapped its ids, before anything of the container's is there.
                assertThat(hidden).as(name).isBetween(first(steps, "wait for launcher"), first(steps, "bind rootfs"));
            } else {
                assertThat(hidden).as(name).isZero();
            }
        });
    }

    @Test
    void noFilterIsInForceBeforeTheWorkingDirectoryIsVerified() {
        for (Map.Entry<String, LaunchPlan> plan : Scenarios.all().entrySet()) {
            List<String> steps = steps(plan.getValue());
            int filter = first(steps, "load seccomp filter");
            if (filter >= 0) {
                assertThat(first(steps, "verify cwd")).as(plan.getKey()).isBetween(0, filter);
            }
        }
    }

    @Test
    void aFilterWithoutNoNewPrivilegesIsLoadedWhileItIsAllowed() {
        List<String> steps =
                steps(java.util.Objects.requireNonNull(Scenarios.all().get("seccomp-without-no-new-privileges")));
        assertThat(first(steps, "load seccomp filter")).isLessThan(first(steps, "set user id"));
    }

    @Test
    void aFilterWithNoNewPrivilegesIsLoadedLast() {
        List<String> steps =
                steps(java.util.Objects.requireNonNull(Scenarios.all().get("seccomp")));
        int filter = first(steps, "load seccomp filter");
        assertThat(first(steps, "set no_new_privs")).isBetween(0, filter);
        assertThat(first(steps, "set capabilities")).isBetween(0, filter);
        assertThat(first(steps, "executable file not found")).isBetween(0, filter);
    }

    @Test
    void aListenerIsReportedByTheNextStep() {
        List<String> steps =
                steps(java.util.Objects.requireNonNull(Scenarios.all().get("seccomp-without-no-new-privileges")));
        assertThat(steps.get(first(steps, "load seccomp filter") + 1)).contains("note(" + Notes.LISTENER);
    }

    @Test
    void theHostsTreeIsGoneBeforeAnythingOfTheUsers() {
        for (Map.Entry<String, LaunchPlan> plan : Scenarios.all().entrySet()) {
            List<String> steps = steps(plan.getValue());
            int detach = first(steps, "detach host's root");
            if (detach >= 0) {
                assertThat(first(steps, "set user id")).as(plan.getKey()).isGreaterThan(detach);
                assertThat(last(steps, "execve(")).as(plan.getKey()).isGreaterThan(detach);
            }
        }
    }

    @Test
    void plansAreTheSameEveryTime() {
        Scenarios.all()
                .forEach((name, plan) -> assertThat(
                                java.util.Objects.requireNonNull(Scenarios.all().get(name))
                                        .encode())
                        .as(name)
                        .isEqualTo(plan.encode()));
    }
}
