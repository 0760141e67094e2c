package dev.caisson.namespace;

import dev.caisson.backend.Backend.CreateRequest;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.backend.ProcessExit;
import dev.caisson.linux.Errno;
import dev.caisson.namespace.plan.HookSteps;
import dev.caisson.oci.ContainerState;
import dev.caisson.oci.ContainerStatus;
import dev.caisson.oci.Hook;
import dev.caisson.oci.StateJson;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/** Runs the hooks that belong into the runtime's namespaces, in order, each as a launch of its own. */
final class HookRunner {
    private static final Duration UNBOUNDED = Duration.ofDays(1);
    private static final int SIGKILL = 9;
    private static final int QUOTED_OUTPUT = 2048;

    private final CreateRequest request;
    private final Launcher launcher;

    HookRunner(CreateRequest request, Launcher launcher) {
        this.request = request;
        this.launcher = launcher;
    }

    private Path output() {
        return request.scratch().resolve("hook.log");
    }

    /** The state document of the runtime-spec. */
    ContainerState state(String status, int pid) {
        return ContainerState.of(
                request.id(),
                java.util.Objects.requireNonNull(ContainerStatus.of(status)),
                pid,
                request.bundle().toString(),
                request.spec().annotations());
    }

    void run(String point, List<Hook> hooks, String status, int pid) throws ContainerFault {
        for (Hook hook : hooks) {
            run(point, hook, state(status, pid));
        }
    }

    /** Poststop hooks cannot fail the deletion of a container; all are run. */
    void runIgnoringFailure(String point, List<Hook> hooks, String status, int pid) {
        for (Hook hook : hooks) {
            try {
                run(point, hook, state(status, pid));
            } catch (ContainerFault e) {
                System.getLogger(HookRunner.class.getName())
                        .log(System.Logger.Level.WARNING, String.valueOf(e.getMessage()));
            }
        }
    }

    private void run(String point, Hook hook, ContainerState state) throws ContainerFault {
        String what = "run " + point + " hook " + hook.path();
        try {
            Files.createDirectories(request.scratch());
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, what + ": make " + request.scratch() + ": " + Errno.describe(e), e);
        }
        Launch launch = launcher.spawn(
                launcher.nextId(),
                "hook " + request.id(),
                HookSteps.runtimeHook(
                        hook,
                        request.bundle().toString(),
                        StateJson.writeAroundPid(state),
                        state.pid(),
                        output().toString()),
                0,
                Set.of(Launcher.Flag.SELF));
        try {
            launch.awaitLaunched(UNBOUNDED);
            Duration limit = hook.timeoutSeconds() == null ? UNBOUNDED : Duration.ofSeconds(hook.timeoutSeconds());
            if (!launch.awaitExit(limit)) {
                launch.kill(SIGKILL);
                launch.awaitExit(Duration.ofSeconds(5));
                throw new ContainerFault(Kind.FAILED, what + ": not finished within " + limit.toSeconds() + " s");
            }
            ProcessExit exit = launch.exit().getNow(null);
            if (exit != null && exit.code() != 0) {
                throw new ContainerFault(Kind.FAILED, what + ": exit status " + exit.code() + quotedOutput());
            }
        } finally {
            launch.forget();
        }
    }

    private String quotedOutput() {
        try {
            byte[] bytes = Files.readAllBytes(output());
            String text = new String(bytes, 0, Math.min(bytes.length, QUOTED_OUTPUT), StandardCharsets.UTF_8).strip();
            return text.isEmpty() ? "" : ", output: " + text;
        } catch (IOException e) {
            return "";
        }
    }

    void removeOutput() throws IOException {
        if (!request.spec().hooks().isEmpty()) {
            Files.deleteIfExists(output());
        }
    }
}
