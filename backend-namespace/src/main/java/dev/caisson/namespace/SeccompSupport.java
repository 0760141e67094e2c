package dev.caisson.namespace;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.oci.Seccomp;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** A container's seccomp profile as a program. */
record SeccompSupport(PlanInput.@Nullable SeccompFilter filter) {
    static SeccompSupport of(@Nullable Seccomp profile) throws ContainerFault {
        if (profile != null) {
            throw new ContainerFault(Kind.UNSUPPORTED, "config.json: linux.seccomp: not supported");
        }
        return new SeccompSupport(null);
    }

    void serveListener(Launch launch, String stateJson, Duration timeout) throws ContainerFault {}
}
