package dev.caisson.namespace;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.namespace.plan.PlanInput;

/** A seccomp filter that a wall built on this one puts in the place of the configuration's profile. */
public interface OwnFilter {
    PlanInput.SeccompFilter filter();

    /**
     * Takes the notification descriptor over. Returns without waiting for what the process does next.
     *
     * @param launch the process, which has loaded the filter
     * @param listener the descriptor's number in it
     */
    void serve(Launch launch, int listener) throws ContainerFault;
}
