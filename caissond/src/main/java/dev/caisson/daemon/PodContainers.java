package dev.caisson.daemon;

import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.cli.Neighbours;
import dev.caisson.linux.Errno;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodRegistry;
import dev.caisson.shim.task.Task;
import dev.caisson.shim.task.Tasks;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/** The containers of the daemon's pods, for commands that watch. */
final class PodContainers implements Neighbours {
    private final PodRegistry pods;

    PodContainers(PodRegistry pods) {
        this.pods = pods;
    }

    @Override
    public @Nullable Running find(String id) throws ContainerFault {
        Task found = null;
        try {
            for (Pod pod : pods.pods()) {
                for (Task task : Tasks.of(pod).values()) {
                    if (task.id().equals(id)) {
                        return running(task);
                    }
                    if (task.id().startsWith(id)) {
                        if (found != null) {
                            throw new ContainerFault(
                                    Kind.INVALID, "several containers have an id that begins with " + id);
                        }
                        found = task;
                    }
                }
            }
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "look for container " + id + ": " + Errno.describe(e), e);
        }
        return found == null ? null : running(found);
    }

    private static @Nullable Running running(Task task) throws ContainerFault {
        Container container = task.isRunning() ? task.running() : null;
        if (container == null) {
            throw new ContainerFault(Kind.WRONG_STATE, "container with id " + task.id() + " is not running");
        }
        return new Running(container, task::isRunning);
    }
}
