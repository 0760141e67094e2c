package dev.caisson.trap;

import dev.caisson.linux.bpf.SeccompProfile;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.trap.filter.FilterCompiler;
import dev.caisson.trap.filter.Tier;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;

/** The tiers' filters, each compiled once. Thread-safe. */
final class TrapFilters {
    private static final long FLAGS =
            SeccompProfile.FLAG_SPEC_ALLOW | SeccompProfile.FLAG_NEW_LISTENER | SeccompProfile.FLAG_WAIT_KILLABLE_RECV;

    private final Map<Tier, PlanInput.SeccompFilter> compiled = new EnumMap<>(Tier.class);

    synchronized PlanInput.SeccompFilter get(Tier tier) {
        return compiled.computeIfAbsent(
                tier, t -> new PlanInput.SeccompFilter(FilterCompiler.compile(t).toBytes(), FLAGS, true, Set.of()));
    }
}
