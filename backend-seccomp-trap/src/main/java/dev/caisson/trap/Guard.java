package dev.caisson.trap;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.trap.dispatch.TraceFilter;
import dev.caisson.trap.filter.Tier;
import dev.caisson.trap.sandbox.Control;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The daemon's view of what supervises and answers one container: its guard, and behind it a sandbox process, whose word is believed only where it
 * cannot hurt. The containers of a pod share a sandbox process; which one that is the guards' tags say, so that any later daemon knows it.
 */
final class Guard {
    private static final Duration START_TIME = Duration.ofMinutes(2); // as for every other launch of a container
    private static final Duration END_TIME = Duration.ofSeconds(5);
    private static final int SIGKILL = 9;
    private static final String TAG = Launcher.WALL_TAG + "guard ";
    private static final String LAUNCH = "guard";
    private static final String PROCESS = "guardProcess";

    private final String container;
    private final int launchId;
    private final Launcher launcher;
    private final PodSandboxes sandboxes;
    private final @Nullable CgroupPath charged;
    private volatile @Nullable ProcessId process;

    private Guard(
            String container,
            int launchId,
            @Nullable ProcessId process,
            Launcher launcher,
            PodSandboxes sandboxes,
            @Nullable CgroupPath charged) {
        this.charged = charged;
        this.container = container;
        this.launchId = launchId;
        this.process = process;
        this.launcher = launcher;
        this.sandboxes = sandboxes;
    }

    /**
     * Of a container that is to be made.
     *
     * @param charged the container's group, if its pod is to be charged for a sandbox process that is new
     */
    static Guard of(String container, Launcher launcher, PodSandboxes sandboxes, @Nullable CgroupPath charged) {
        return new Guard(container, launcher.nextId(), null, launcher, sandboxes, charged);
    }

    /** Of one that an earlier daemon made; takes out of its record what {@link #record} put there. */
    static Guard recover(
            String container,
            Map<String, String> record,
            Launcher launcher,
            PodSandboxes sandboxes,
            @Nullable CgroupPath charged)
            throws ContainerFault {
        try {
            int launch = Integer.parseInt(String.valueOf(record.remove(LAUNCH)));
            String process = record.remove(PROCESS);
            return new Guard(
                    container, launch, process == null ? null : ProcessId.parse(process), launcher, sandboxes, charged);
        } catch (IllegalArgumentException e) {
            throw new ContainerFault(Kind.FAILED, "recover container " + container + ": its record names no guard", e);
        }
    }

    /** What is not the namespace wall's of a record. */
    static void strip(Map<String, String> record) {
        record.remove(LAUNCH);
        record.remove(PROCESS);
    }

    Map<String, String> record(Map<String, String> rest) {
        Map<String, String> all = new HashMap<>(rest);
        all.put(LAUNCH, Integer.toString(launchId));
        ProcessId known = process;
        if (known != null) {
            all.put(PROCESS, known.text());
        }
        return all;
    }

    // ---- the sandbox process that a new container gets ----

    private PodSandboxes.@Nullable Pod pod;

    /** Sees to it that there is a sandbox process; it is not waited for. */
    void prepare() throws ContainerFault {
        boolean alone = launcher.handover().outlives();
        pod = sandboxes.enter(alone ? this : launcher);
        if (alone || shared() == null) {
            pod.fresh();
        }
    }

    /**
     * The sandbox process that the pod has.
     *
     * @param through the guard of a container that it has
     */
    private record Shared(ProcessId sandbox, ProcessId through) {}

    private @Nullable Shared shared() {
        for (Map.Entry<String, Launch> wall : launcher.walls().entrySet()) {
            Launch other = wall.getValue();
            if (wall.getKey().startsWith(TAG)
                    && other.id() != launchId
                    && other.exit().getNow(null) == null) {
                String[] words = wall.getKey().substring(TAG.length()).split(" ", 2);
                try {
                    ProcessId sandbox = ProcessId.parse(words[0]);
                    ProcessId guard = ProcessId.of((int) other.awaitNote(GuardPlan.NOTE_GUARDS, Duration.ZERO));
                    if (guard != null && sandbox.isRunning()) {
                        return new Shared(sandbox, guard);
                    }
                } catch (IllegalArgumentException | ErrnoException | ContainerFault e) {
                    // That one is ending.
                }
            }
        }
        return null;
    }

    /**
     * Gives a sandbox process the container, whose init waits for an answer to a call: the pod's, or else the first one is the pod's from now on.
     *
     * @param mounts whether the container's processes may mount
     */
    void begin(Launch init, Tier tier, int listener, @Nullable String policy, @Nullable Egress egress, boolean mounts)
            throws ContainerFault {
        PodSandboxes.Pod at = pod;
        if (at == null) {
            throw new ContainerFault(Kind.FAILED, "serve system calls of " + container + ": no sandbox process");
        }
        // One after the other in a pod: the second one is to see the first one's guard.
        at.giving.lock();
        try {
            Shared shared = launcher.handover().outlives() ? null : shared();
            SandboxProcess fresh = shared == null ? at.fresh() : null;
            begin(init, tier, listener, policy, egress, mounts, shared, fresh);
            if (fresh != null) {
                at.given();
            }
        } finally {
            at.giving.unlock();
        }
        leavePod();
    }

    private void leavePod() {
        PodSandboxes.Pod at = pod;
        pod = null;
        if (at != null) {
            at.leave();
        }
    }

    private void begin(
            Launch init,
            Tier tier,
            int listener,
            @Nullable String policy,
            @Nullable Egress egress,
            boolean mounts,
            @Nullable Shared shared,
            @Nullable SandboxProcess fresh)
            throws ContainerFault {
        ProcessId sandbox = shared != null
                ? shared.sandbox()
                : java.util.Objects.requireNonNull(fresh).id();
        Launch guard = launcher.spawn(
                launchId,
                TAG + sandbox.text() + " " + container,
                GuardPlan.of(sandbox.pid(), init.pid(), launcher.handover().outlives(), mounts),
                0,
                Set.of(Launcher.Flag.SELF));
        int pid = (int) guard.awaitNote(GuardPlan.NOTE_GUARDS, START_TIME);
        try {
            process = ProcessId.of(pid);
            if (!sandbox.isRunning()) {
                throw new ContainerFault(
                        Kind.FAILED, "serve system calls of " + container + ": its sandbox process has ended");
            }
        } catch (ErrnoException e) {
            throw new ContainerFault(Kind.FAILED, "look at guard of " + container + ": " + e.getMessage(), e);
        }
        if (fresh != null) {
            if (charged != null) {
                fresh.chargeWith(charged);
            }
            fresh.adopt(pid);
        } else if (shared != null) {
            SandboxProcess.adoptThrough(shared.through(), pid);
        }
        if (policy != null) {
            PolicyFile.give(container, policy, true, this::send);
        }
        if (egress != null) {
            egress.give(this::send);
        }
        send(Control.serve(true, tier, init.pid(), listener));
        long result = guard.awaitNote(Control.NOTE_SERVING, START_TIME);
        if (result != 0) {
            throw new ContainerFault(
                    Kind.FAILED, "serve system calls of " + container + ": sandbox process: errno " + -result);
        }
    }

    /** Gives it the calls of a further process that has loaded the filter. */
    void serve(Launch exec, Tier tier, int listener) throws ContainerFault {
        send(Control.serve(false, tier, exec.pid(), listener));
    }

    /** Lets a process see the container's calls. */
    void trace(int watcher, TraceFilter filter) throws ContainerFault {
        send(new Control.Trace(watcher, filter));
    }

    /** Lets a process know what the container asks for. */
    void record(int watcher) throws ContainerFault {
        send(new Control.Recording(watcher));
    }

    /** Gives it a policy, a valid one; returns when it is in force. */
    void enforce(String policy) throws ContainerFault {
        PolicyFile.give(container, policy, false, this::send);
    }

    private void send(Control control) throws ContainerFault {
        ProcessId guard = process;
        try {
            if (guard == null) {
                throw new ContainerFault(
                        Kind.UNAVAILABLE, "serve system calls of " + container + ": it has no sandbox process");
            }
            guard.write(SandboxProcess.COMMANDS, control.line());
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.UNAVAILABLE,
                    "serve system calls of " + container + ": its sandbox process is gone: " + e.getMessage(),
                    e);
        }
    }

    /** Calls back when the guard has ended, for whatever reason, and so nobody supervises the container any more. */
    void onEnd(Runnable action) {
        Launch guard = launcher.find(launchId);
        if (guard != null) {
            // Not on the thread that hears of exits: killing a container waits for some.
            guard.exit()
                    .thenRun(() -> Thread.ofVirtual().name("after-guard").start(() -> {
                        action.run();
                        guard.forget();
                    }));
        }
    }

    /** Ends and forgets it, and with it the sandbox process's part for this container. Idempotent. */
    void end() {
        leavePod();
        ProcessId sandbox = charged == null ? null : sandbox();
        Launch guard = launcher.find(launchId);
        if (guard != null) {
            guard.kill(SIGKILL);
            guard.awaitExit(END_TIME);
            guard.forget();
        }
        if (charged != null && sandbox != null && shared() == null) {
            SandboxGroup.removeBeside(charged, sandbox);
        }
    }

    /** The sandbox process, by the guard's tag; null where there is no guard any more. */
    private @Nullable ProcessId sandbox() {
        for (Map.Entry<String, Launch> wall : launcher.walls().entrySet()) {
            if (wall.getValue().id() == launchId && wall.getKey().startsWith(TAG)) {
                return ProcessId.parse(wall.getKey().substring(TAG.length()).split(" ", 2)[0]);
            }
        }
        return null;
    }
}
