package dev.caisson.namespace.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.backend.ContainerFault;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** With a shell that calls the script as CRIU does. */
@Timeout(30)
final class RestoreHooksTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // injected by JUnit
    private Path directory;

    private static Process step(RestoreHooks hooks, String action) throws IOException {
        ProcessBuilder criu = new ProcessBuilder(hooks.script().toString());
        criu.environment().put("CRTOOLS_SCRIPT_ACTION", action);
        criu.environment().put("CRTOOLS_INIT_PID", "4711");
        return criu.inheritIO().start();
    }

    @Test
    void otherStepsAreNotHeldUp() throws Exception {
        try (RestoreHooks hooks = RestoreHooks.in(directory)) {
            assertThat(step(hooks, "pre-restore").waitFor()).isZero();
        }
    }

    @Test
    void aStepWaitsForItsHooks() throws Exception {
        List<Integer> pids = new ArrayList<>();
        try (RestoreHooks hooks = RestoreHooks.in(directory)) {
            Process step = step(hooks, "setup-namespaces");
            hooks.serve(pid -> {
                assertThat(step.isAlive()).isTrue();
                pids.add(pid);
            });
            assertThat(step.waitFor()).isZero();
        }
        assertThat(pids).containsExactly(4711);
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void aFailedHookFailsTheStep() throws Exception {
        try (RestoreHooks hooks = RestoreHooks.in(directory)) {
            Process step = step(hooks, "setup-namespaces");
            assertThatThrownBy(() -> hooks.serve(pid -> {
                        throw new ContainerFault(ContainerFault.Kind.FAILED, "hook /bin/no");
                    }))
                    .hasMessage("hook /bin/no");
            assertThat(step.waitFor(20, TimeUnit.SECONDS)).isTrue();
            assertThat(step.exitValue()).isNotZero();
        }
    }

    @Test
    void whatNeverAsksIsNotWaitedFor() throws Exception {
        try (RestoreHooks hooks = RestoreHooks.in(directory)) {
            hooks.over();
            hooks.serve(pid -> {
                throw new AssertionError("nobody has asked");
            });
        }
    }
}
