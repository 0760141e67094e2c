package dev.caisson.trap;

import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.bpf.BpfProgram;
import dev.caisson.linux.bpf.SeccompProfile;
import dev.caisson.linux.plan.Sys;
import dev.caisson.namespace.NamespaceBackend;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.oci.Seccomp;
import dev.caisson.trap.filter.FilterCompiler;
import dev.caisson.trap.filter.Tier;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The tiers' filters, each compiled once, behind the configurations' own profiles. Thread-safe. */
final class TrapFilters {
    private static final long FLAGS =
            SeccompProfile.FLAG_SPEC_ALLOW | SeccompProfile.FLAG_NEW_LISTENER | SeccompProfile.FLAG_WAIT_KILLABLE_RECV;

    private final Map<Kind, BpfProgram> compiled = new HashMap<>();

    private record Kind(Tier tier, boolean debugs) {}

    /**
     * @param debugs whether processes may look into each other
     * @param profile what the configuration refuses besides; null for nothing
     */
    PlanInput.SeccompFilter get(Tier tier, boolean debugs, @Nullable Seccomp profile) throws ContainerFault {
        BpfProgram program;
        synchronized (compiled) {
            program = compiled.computeIfAbsent(
                    new Kind(tier, debugs), kind -> FilterCompiler.compile(kind.tier, kind.debugs));
        }
        PlanInput.SeccompFilter filter = profile == null
                ? new PlanInput.SeccompFilter(program.toBytes(), FLAGS, true, Set.of())
                : NamespaceBackend.filterBehind(profile, program, FLAGS);
        return tier == Tier.STRICT ? behindWhichNobodySpeaks(filter) : filter;
    }

    /** One that stops the plan's own notes as well, until the container is served. */
    private static PlanInput.SeccompFilter behindWhichNobodySpeaks(PlanInput.SeccompFilter filter) {
        Set<Sys> refused = EnumSet.of(Sys.WRITE);
        refused.addAll(filter.refused());
        return new PlanInput.SeccompFilter(filter.program(), filter.flags(), true, refused);
    }
}
