package dev.caisson.shim.task;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.Launch;
import dev.caisson.backend.Launcher;
import dev.caisson.shim.translate.StdioUris;
import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The program that a task's streams go to when its request names one ({@code binary://}). */
final class TaskLogger {
    private static final Duration START = Duration.ofSeconds(10);

    private TaskLogger() {}

    /**
     * Waits until it runs.
     *
     * @param logger null for none
     * @param io of the launch whose streams it gets
     */
    static void start(Task task, StdioUris.@Nullable Logger logger, int io, LazyLauncher launcher)
            throws ContainerFault {
        if (logger == null) {
            return;
        }
        Launch l = launcher.spawn(
                launcher.nextId(),
                LoggerPlan.TAG + task.id,
                LoggerPlan.of(logger, task.id, task.pod().info().namespace()),
                io,
                Set.of(Launcher.Flag.SELF, Launcher.Flag.LOGGER_ENDS));
        l.awaitLaunched(START);
        l.exit().thenRun(l::forget);
    }
}
