package dev.caisson.namespace;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.linux.Processes;
import dev.caisson.linux.cgroup.Cgroup;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.namespace.plan.ExecPlan;
import dev.caisson.namespace.plan.HostFacts;
import dev.caisson.namespace.plan.Notes;
import dev.caisson.namespace.plan.PlanInput;
import dev.caisson.namespace.plan.Requirements;
import dev.caisson.oci.ProcessSpec;
import dev.caisson.oci.Spec;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The further processes of a container: planned, made ahead or at once, and let go. */
final class ContainerExecs {
    private final ContainerParts parts;
    private final CreateRequest request;
    private final Spec spec;
    private final Launcher launcher;
    private final Host host;
    private final CgroupPath cgroupPath;
    private final ContainerGroups groups;
    private final ContainerRdt rdt;
    private final HookRunner hooks;
    private final KnownHomes homes;

    ContainerExecs(ContainerParts parts) {
        this.parts = parts;
        this.request = parts.request();
        this.spec = parts.spec();
        this.launcher = parts.launcher();
        this.host = parts.host();
        this.cgroupPath = parts.cgroupPath();
        this.groups = parts.groups();
        this.rdt = parts.rdt();
        this.hooks = parts.hooks();
        this.homes = parts.homes();
    }

    /** A plan of an exec, and what it was made of. */
    private record PlannedExec(
            ProcessSpec process, SeccompSupport seccomp, PlanInput.CgroupJoin join, Supplier<LaunchPlan> plan) {
        /** Whether somebody has to do something between the making of the process and its program. */
        boolean isAttended() {
            return join.entry() == PlanInput.Entry.BY_DAEMON || ExecPlan.mustWait(process, seccomp.filter());
        }
    }

    private PlannedExec planExec(Launch init, ProcessSpec asked, Map<String, String> subgroups, boolean ahead)
            throws ContainerFault {
        SeccompSupport seccomp = parts.seccomp();
        ProcessSpec process = inherit(asked);
        HostFacts facts = host.facts(cgroupPath, spec.linux(), spec.annotations());
        ContainerPlans.refuse(Requirements.unmet("process", process, facts));
        PlanInput.CgroupJoin join = rdt.with(joinOf(init, subgroups));
        return new PlannedExec(
                process,
                seccomp,
                join,
                () -> ExecPlan.of(
                        init.pid(),
                        spec.linux(),
                        spec.annotations(),
                        process,
                        facts,
                        join,
                        seccomp.filter(),
                        request.options().ioUid(),
                        request.options().ioGid(),
                        homes.get(init.pid(), process.user().uid()),
                        launcher.handover(),
                        ahead));
    }

    private PlanInput.CgroupJoin joinOf(Launch init, Map<String, String> subgroups) throws ContainerFault {
        Cgroup cgroup = groups.cgroup();
        if (!subgroups.isEmpty()) {
            return Subgroups.of(cgroup, subgroups).join(groups.isGiven());
        }
        if (groups.isEnteredByManager()) {
            return PlanInput.CgroupJoin.BY_DAEMON;
        }
        return new PlanInput.CgroupJoin(
                ContainerGroups.v1TaskFiles(cgroup),
                cgroup.unifiedDirectory(),
                groups.unifiedGroupOf(init),
                groups.isGiven());
    }

    Launch exec(Launch init, int launch, String tag, ProcessSpec process, int io, Map<String, String> subgroups)
            throws ContainerFault {
        PlannedExec planned = planExec(init, process, subgroups, false);
        Launch l = launcher.spawn(launch, tag, ContainerPlans.planned(request.id(), planned.plan()), io, Set.of());
        try {
            if (planned.join().entry() == PlanInput.Entry.BY_DAEMON) {
                l.awaitNote(Notes.PID, StartGate.BUILD_TIME);
                l.awaitNote(Notes.BORN, StartGate.BUILD_TIME);
                groups.enterByManager(l.pid());
                rdt.join(l.pid());
                l.gateInBuild(StartGate.GO);
            }
            if (waits(l, planned.process(), planned.seccomp())) {
                // The launcher says it while the process is running already: whose notes may come first.
                l.awaitNote(Notes.PID, StartGate.BUILD_TIME);
                planned.seccomp().serveListener(l, hooks.state("running", init.pid()), StartGate.BUILD_TIME);
                openGate(init, l, planned.process());
            }
            ExecFailure.awaitLaunched(l, StartGate.BUILD_TIME);
        } catch (ContainerFault e) {
            l.kill(Processes.SIGKILL);
            throw e;
        }
        return l;
    }

    @Nullable
    Launch ahead(Launch init, int launch, String tag, ProcessSpec process, int io) throws ContainerFault {
        PlannedExec planned = planExec(init, process, Map.of(), true);
        return planned.isAttended()
                ? null
                : launcher.spawn(launch, tag, ContainerPlans.planned(request.id(), planned.plan()), io, Set.of());
    }

    void startAhead(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        if (!ExecPlan.mayWait(process)) {
            StartGate.open(exec, null); // which may not have been reached yet
        } else if (exec.awaitNote(Notes.READY, StartGate.BUILD_TIME) == Notes.HOME_KNOWN) {
            StartGate.open(exec, null);
        } else {
            exec.awaitNote(
                    Notes.PID, StartGate.BUILD_TIME); // the launcher's word for it may come after the process's own
            openGate(init, exec, process);
        }
        ExecFailure.awaitLaunched(exec, StartGate.BUILD_TIME);
    }

    private static boolean waits(Launch exec, ProcessSpec process, SeccompSupport seccomp) throws ContainerFault {
        if (ExecPlan.mustWait(process, seccomp.filter())) {
            return true;
        }
        if (!ExecPlan.mayWait(process)) {
            return false;
        }
        Integer said = exec.awaitLaunchedOrAny(StartGate.BUILD_TIME, Notes.READY, Notes.UNEXECUTABLE);
        return said != null && said == Notes.READY;
    }

    private void openGate(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        long passwdFd = exec.awaitNote(Notes.READY, StartGate.BUILD_TIME);
        StartGate.open(exec, ExecPlan.mayWait(process) ? homes.look(init, exec, passwdFd, process) : null);
    }

    void resume(Launch init, Launch exec, ProcessSpec process) throws ContainerFault {
        if (!exec.gateUsed() && groups.isEnteredByManager()) {
            // Nobody knows whether it is in its group already.
            exec.kill(Processes.SIGKILL);
            throw new ContainerFault(
                    Kind.UNAVAILABLE, "exec in container " + request.id() + ": the daemon that was at it is lost");
        }
        if (!exec.gateUsed()) {
            SeccompSupport seccomp = parts.seccomp();
            int first = seccomp.hasListener() ? Notes.LISTENER : Notes.READY;
            // Whether its plan waits is that daemon's knowledge, who may have known the user's home.
            Integer said = exec.awaitLaunchedOrAny(StartGate.BUILD_TIME, first, Notes.UNEXECUTABLE);
            if (said != null && said == first) {
                seccomp.serveListener(exec, hooks.state("running", init.pid()), StartGate.BUILD_TIME);
                openGate(init, exec, process);
            }
        }
        ExecFailure.awaitLaunched(exec, StartGate.BUILD_TIME);
    }

    /** What an exec does not say it takes from the container's own process (runc's rule). */
    private ProcessSpec inherit(ProcessSpec process) {
        ProcessSpec own = spec.process();
        if (own == null) {
            return process;
        }
        ProcessSpec.Builder b = process.toBuilder();
        if (b.capabilities == null) {
            b.capabilities = own.capabilities();
        }
        if (b.noNewPrivileges == null) {
            b.noNewPrivileges = own.noNewPrivileges();
        }
        if (b.apparmorProfile == null) {
            b.apparmorProfile = own.apparmorProfile();
        }
        if (b.selinuxLabel == null) {
            b.selinuxLabel = own.selinuxLabel();
        }
        if (b.rlimits.isEmpty()) {
            b.rlimits = own.rlimits();
        }
        if (b.oomScoreAdj == null) {
            b.oomScoreAdj = own.oomScoreAdj();
        }
        if (b.scheduler == null) {
            b.scheduler = own.scheduler();
        }
        if (b.ioPriority == null) {
            b.ioPriority = own.ioPriority();
        }
        return b.build();
    }
}
