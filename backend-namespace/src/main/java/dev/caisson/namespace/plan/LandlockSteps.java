package dev.caisson.namespace.plan;

import static dev.caisson.namespace.plan.Kernel.*;
import static dev.caisson.namespace.plan.Steps.c;

import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import org.jspecify.annotations.Nullable;

/**
 * A process that restricts itself (landlock(7)). The ruleset is made while the process may still open every path, below the container's
 * root and by descriptor; it is enforced right before the seccomp filter, which may forbid the call.
 */
final class LandlockSteps {
    private static final int RULE_PATH_BENEATH = 1;
    private static final int RULE_NET_PORT = 2;

    private final Steps s;
    private final PlanBuilder p;
    private final @Nullable LandlockPolicy policy;
    private final int abi;
    private final Arg.@Nullable Slot ruleset;

    LandlockSteps(Steps s, @Nullable LandlockPolicy policy, HostFacts host) {
        this.s = s;
        this.p = s.p;
        this.policy = policy;
        this.abi = host.landlockAbi();
        this.ruleset = policy == null ? null : p.slot();
    }

    void prepare() {
        if (policy == null || ruleset == null) {
            return;
        }
        long handled = policy.handledFs(abi);
        // struct landlock_ruleset_attr; a kernel that knows less takes the zeros behind what it knows.
        p.callInto(
                ruleset,
                "create Landlock ruleset",
                Sys.LANDLOCK_CREATE_RULESET,
                p.struct(8, handled, 8, policy.handledNet(), 8, policy.scoped()),
                c(24),
                c(0));
        Arg.Slot path = p.slot();
        Arg.Slot added = p.slot();
        for (LandlockPolicy.PathRule rule : policy.paths()) {
            String what = "add Landlock rule for " + rule.path();
            PlanBuilder.Label done = new PlanBuilder.Label();
            PlanBuilder.Label file = new PlanBuilder.Label();
            s.openInRoot(path, what, rule.path(), O_PATH, 0);
            beneath(added, path, rule.access() & handled);
            s.jumpIfDone(added, done);
            p.jumpIfEqual(added, c(-EINVAL), file);
            p.fail(what, added);
            // Not a directory: for a file only some of it makes sense.
            p.place(file);
            beneath(added, path, rule.access() & handled & LandlockPolicy.FILE_ACCESS);
            s.jumpIfDone(added, done);
            p.fail(what, added);
            p.place(done);
            p.attempt(Sys.CLOSE, path);
        }
        for (LandlockPolicy.PortRule rule : policy.ports()) {
            p.call(
                    "add Landlock rule for port " + rule.port(),
                    Sys.LANDLOCK_ADD_RULE,
                    ruleset,
                    c(RULE_NET_PORT),
                    p.struct(8, rule.access(), 8, rule.port()),
                    c(0));
        }
    }

    /** struct landlock_path_beneath_attr, which is packed. */
    private void beneath(Arg.Slot result, Arg.Slot path, long access) {
        Arg.Data attr = p.struct(8, access, 4, 0);
        p.store(path, attr.plus(8), 4);
        p.attemptInto(
                result,
                Sys.LANDLOCK_ADD_RULE,
                java.util.Objects.requireNonNull(ruleset),
                c(RULE_PATH_BENEATH),
                attr,
                c(0));
    }

    /** From here on. Needs no_new_privs, or CAP_SYS_ADMIN in the container's user namespace. */
    void enforce() {
        if (ruleset != null) {
            p.call("restrict process with Landlock", Sys.LANDLOCK_RESTRICT_SELF, ruleset, c(0));
            p.attempt(Sys.CLOSE, ruleset);
        }
    }
}
