package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.oci.Linux;
import dev.caisson.oci.MemoryPolicyFlag;

/** What init is given for itself and for all processes that it makes: where memory is taken from, and as which kernel this one passes. */
final class InheritedSteps {
    private final PlanBuilder p;
    private final Linux linux;

    InheritedSteps(PlanBuilder p, Linux linux) {
        this.p = p;
        this.linux = linux;
    }

    /** set_mempolicy(2), for this process and those it makes. */
    void memoryPolicy() {
        Linux.MemoryPolicy policy = linux.memoryPolicy();
        if (policy == null) {
            return;
        }
        int mode = switch (policy.mode()) {
            case DEFAULT -> 0;
            case PREFERRED -> 1;
            case BIND -> 2;
            case INTERLEAVE -> 3;
            case LOCAL -> 4;
            case PREFERRED_MANY -> 5;
            case WEIGHTED_INTERLEAVE -> 6;
        };
        for (MemoryPolicyFlag flag : policy.flags()) {
            mode |= switch (flag) {
                case STATIC_NODES -> 1 << 15;
                case RELATIVE_NODES -> 1 << 14;
                case NUMA_BALANCING -> 1 << 13;
            };
        }
        String what = "set memory policy " + policy.mode().wire();
        if (policy.nodes() == null || policy.nodes().isEmpty()) {
            p.call(what, Sys.SET_MEMPOLICY, c(mode), Arg.ZERO, c(0));
        } else {
            byte[] mask = BitList.mask(policy.nodes());
            // The kernel takes one bit less than it is told (mm/mempolicy.c, get_nodes).
            p.call(
                    what + " on nodes " + policy.nodes(),
                    Sys.SET_MEMPOLICY,
                    c(mode),
                    p.bytes(mask),
                    c(8 * mask.length + 1));
        }
    }

    void personality() {
        var personality = linux.personality();
        if (personality != null) {
            int domain = switch (personality.domain()) {
                case LINUX -> 0;
                case LINUX32 -> 8;
            };
            p.call("set personality " + personality.domain().wire(), Sys.PERSONALITY, c(domain));
        }
    }
}
