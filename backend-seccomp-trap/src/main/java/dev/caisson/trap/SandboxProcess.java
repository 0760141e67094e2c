package dev.caisson.trap;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.PlayedPlan;
import dev.caisson.backend.WallGroup;
import dev.caisson.backend.WallProcess;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.cgroup.CgroupException;
import dev.caisson.linux.cgroup.CgroupPath;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.trap.limits.EffectiveCapabilities;
import dev.caisson.trap.sandbox.Control;
import dev.caisson.trap.sandbox.SandboxMain;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A sandbox process that this daemon started and that has no container yet. It ends with the daemon; from its first container on it ends with the
 * last one. Thread-safe.
 */
final class SandboxProcess {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final String FILTER = SandboxFilter.encoded();
    /** Further options of the virtual machine, for who installs: the classes that an archive is to have are recorded that way. */
    private static final String MORE_OPTIONS = "CAISSON_SANDBOX_JAVA_OPTIONS";

    private final PlayedPlan played;
    private final Process process;
    private final ProcessId id;
    private volatile WallGroup group;

    private SandboxProcess(PlayedPlan played, ProcessId id, WallGroup group) {
        this.group = group;
        this.played = played;
        this.process = played.process();
        this.id = id;
    }

    /** Starts one; it is not waited for. */
    static SandboxProcess start() throws ContainerFault {
        PlayedPlan played = null;
        try {
            played = PlayedPlan.start(SandboxPlan.of(commandLine(), mayRaiseLimits()));
            Process process = played.process();
            ProcessId id = ProcessId.of((int) process.pid());
            if (id == null) {
                throw new IOException("it has ended");
            }
            WallGroup group = SandboxGroup.of(id.pid());
            SandboxProcess started = new SandboxProcess(played, id, group);
            process.onExit().thenRun(() -> started.group.remove());
            return started;
        } catch (IOException e) {
            if (played != null) {
                played.process().destroyForcibly();
            }
            throw new ContainerFault(Kind.FAILED, "start sandbox process: " + e.getMessage(), e);
        }
    }

    private static boolean mayRaiseLimits() throws IOException {
        return EffectiveCapabilities.have(Files.readString(STATUS), EffectiveCapabilities.SYS_RESOURCE);
    }

    private static List<String> commandLine() {
        String more = System.getenv(MORE_OPTIONS);
        return WallProcess.commandLine(
                SandboxMain.class,
                !isRecorded(),
                more == null ? List.of() : List.of(more.split(" ", -1)),
                List.of(FILTER));
    }

    /** Whether what sandbox processes load is being recorded: one after the other then. */
    static boolean isRecorded() {
        return System.getenv(MORE_OPTIONS) != null;
    }

    ProcessId id() {
        return id;
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Calls back when it has ended. */
    void onEnd(Runnable action) {
        process.onExit().thenRun(action);
    }

    /**
     * Lets what it uses from now on count with a container's pod. (Memory that it has stays charged where it was.)
     *
     * @param container the container's group
     */
    void chargeWith(CgroupPath container) throws ContainerFault {
        WallGroup before = group;
        try {
            group = SandboxGroup.beside(container, id);
        } catch (ErrnoException | CgroupException e) {
            throw new ContainerFault(
                    Kind.FAILED,
                    "charge the sandbox process to the pod of " + container.path() + ": " + e.getMessage(),
                    e);
        }
        before.remove();
    }

    /** Gives it a container, by its guard. */
    void adopt(int guard) throws ContainerFault {
        try {
            OutputStream gate = process.getOutputStream();
            gate.write(Control.adopt(guard).line().getBytes(StandardCharsets.US_ASCII));
            gate.flush();
        } catch (IOException e) {
            String why = played.failedStep();
            throw new ContainerFault(
                    Kind.FAILED, "give sandbox process a container: " + (why == null ? e.getMessage() : why), e);
        }
    }

    void kill() {
        process.destroyForcibly();
    }

    /** Kills it and waits, for a second at most, until nothing of it is left. */
    void end() {
        kill();
        try {
            if (process.waitFor(1, TimeUnit.SECONDS)) {
                group.remove();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Where a plan's gate is. */
    static final int COMMANDS = PlanBuilder.GATE_FD;

    /** Gives a sandbox process that has containers another one, through the guard of one that it has. */
    static void adoptThrough(ProcessId otherGuard, int guard) throws ContainerFault {
        try {
            otherGuard.write(COMMANDS, Control.adopt(guard).line());
        } catch (ErrnoException e) {
            throw new ContainerFault(
                    Kind.FAILED, "give the pod's sandbox process another container: " + e.getMessage(), e);
        }
    }
}
