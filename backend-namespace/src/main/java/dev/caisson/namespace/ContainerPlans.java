package dev.caisson.namespace;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanTooLargeException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What planners refuse, as a fault of the container. */
final class ContainerPlans {
    private ContainerPlans() {}

    /** @param reason null when there is none */
    static void refuse(@Nullable String reason) throws ContainerFault {
        if (reason != null) {
            throw new ContainerFault(Kind.UNSUPPORTED, "config.json: " + reason);
        }
    }

    static LaunchPlan planned(String id, Supplier<LaunchPlan> planner) throws ContainerFault {
        try {
            return planner.get();
        } catch (PlanTooLargeException e) {
            throw new ContainerFault(
                    Kind.INVALID, "configuration of container " + id + " is too large: " + e.getMessage(), e);
        }
    }
}
