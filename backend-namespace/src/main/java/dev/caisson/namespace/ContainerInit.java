package dev.caisson.namespace;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupHierarchy;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.namespace.plan.HostFacts;
import dev.caisson.namespace.plan.InitPlan;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.oci.Spec;
import dev.caisson.oci.StateJson;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** How a container's first process comes into being: its plan, a launcher that begins before that is made, and its groups, made meanwhile. */
final class ContainerInit {
    private final CreateRequest request;
    private final Spec spec;
    private final Launcher launcher;
    private final Host host;
    private final CgroupPath cgroupPath;
    private final ContainerGroups groups;
    private final Path rootfs;
    private final ContainerRdt rdt;
    private final HookRunner hooks;
    /** From {@link #begin} to its plan. */
    private volatile Launcher.@Nullable Ahead ahead;

    private int namespacesAhead;

    ContainerInit(ContainerParts parts) {
        this.request = parts.request();
        this.spec = parts.spec();
        this.launcher = parts.launcher();
        this.host = parts.host();
        this.cgroupPath = parts.cgroupPath();
        this.groups = parts.groups();
        this.rootfs = parts.rootfs();
        this.rdt = parts.rdt();
        this.hooks = parts.hooks();
    }

    /** Sees an init through whose groups are made. */
    interface Build {
        void finish(Launch init) throws ContainerFault;
    }

    /** Makes a plan for a launcher that is in these namespaces already. */
    private interface Planner {
        LaunchPlan plan(int namespaces) throws ContainerFault;
    }

    /** @see dev.caisson.backend.Container#begin */
    void begin() throws ContainerFault {
        namespacesAhead = InitPlan.namespacesAhead(spec.linux(), request.rootfs(), host.user() != null);
        if (namespacesAhead != 0) {
            ahead = launcher.spawnAhead(request.launch(), tag(), request.io(), namespacesAhead);
        }
    }

    private String tag() {
        return "init " + request.id();
    }

    private Launch spawn(Planner planner) throws ContainerFault {
        Launcher.Ahead begun = ahead;
        if (begun == null) {
            return launcher.spawn(request.launch(), tag(), planner.plan(0), request.io(), Set.of());
        }
        LaunchPlan plan = planner.plan(namespacesAhead);
        ahead = null;
        return begun.play(plan);
    }

    void giveUp() {
        Launcher.Ahead begun = ahead;
        ahead = null;
        if (begun != null) {
            begun.giveUp();
        }
    }

    /** What the groups will be called is known before they are there: they are made while launcher and init work. */
    Launch besideCgroup(SeccompSupport seccomp, PlanInput.@Nullable AtOnce atOnce, Build build) throws ContainerFault {
        Cgroup expected = Cgroup.expected(host.cgroups(), cgroupPath);
        boolean staged = InitPlan.canOpenGroups(spec.linux()) && groups.isUnifiedIdle();
        PlanInput.Entry entry = staged ? PlanInput.Entry.STAGED : PlanInput.Entry.LATE;
        Launch init = spawn(made -> plan(seccomp, expected, cgroupPath::directory, entry, atOnce, made));
        Processes.yieldProcessor(); // or the monitor would wait for this thread instead of working beside it
        try {
            groups.make(0, staged ? () -> init.gateInBuild(StartGate.GO) : () -> {});
            List<String> made = groups.cgroup().directories();
            if (!made.equals(expected.directories())) {
                throw new ContainerFault(
                        Kind.FAILED,
                        "set up cgroup of container " + request.id() + ": made " + made + " instead of "
                                + expected.directories());
            }
            init.gateInBuild(StartGate.GO);
            build.finish(init);
        } catch (ContainerFault e) {
            init.kill(Processes.SIGKILL); // it may wait for an agent or a gate, and not be in its cgroup yet
            throw e;
        }
        return init;
    }

    private LaunchPlan plan(
            SeccompSupport seccomp,
            Cgroup cgroup,
            Function<CgroupHierarchy, String> ownDirectory,
            PlanInput.Entry entry,
            PlanInput.@Nullable AtOnce atOnce,
            int namespaces)
            throws ContainerFault {
        HostFacts facts = host.facts(ownDirectory, spec.linux(), spec.annotations());
        PlanInput input = new PlanInput(
                request.id(),
                spec,
                request.bundle().toString(),
                rootfs.toString(),
                request.rootfs(),
                request.options().noPivotRoot(),
                request.options().noNewKeyring(),
                request.options().ioUid(),
                request.options().ioGid(),
                facts,
                groups.ofManager()
                        ? PlanInput.CgroupJoin.BY_DAEMON
                        : rdt.with(new PlanInput.CgroupJoin(
                                ContainerGroups.v1TaskFiles(cgroup),
                                cgroup.unifiedDirectory(),
                                null,
                                groups.isGiven(),
                                entry)),
                seccomp.filter(),
                hookStates(),
                launcher.handover().in(namespaces),
                atOnce);
        return ContainerPlans.planned(request.id(), () -> InitPlan.of(input));
    }

    /** In groups that are there, or will be around it. */
    Launch inCgroup(SeccompSupport seccomp) throws ContainerFault {
        return spawn(made -> plan(seccomp, groups.cgroup(), groups::ownDirectory, PlanInput.Entry.AT_ONCE, null, made));
    }

    private PlanInput.HookStates hookStates() {
        return new PlanInput.HookStates(
                StateJson.writeAroundPid(hooks.state("creating", 1)),
                StateJson.writeAroundPid(hooks.state("created", 1)));
    }
}
