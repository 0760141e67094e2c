package dev.caisson.shim.task;

import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.shim.translate.CheckpointRequests;
import dev.caisson.ttrpc.proto.task.CheckpointTaskRequest;
import java.nio.file.Path;

/** Writes containers down. */
final class TaskCheckpoints {
    private static final int SIGKILL = 9;

    private TaskCheckpoints() {}

    /** With the container's processes ended by it, if the request says so. */
    static void save(Task task, CheckpointTaskRequest request) throws ContainerFault {
        Checkpoint asked = CheckpointRequests.of(request.getPath(), request.getOptions(), Path.of(task.bundle));
        task.lock.lock();
        try {
            Container container = task.container();
            Launch init = task.init.launch();
            TaskState state = task.init.state();
            if (container == null || init == null || (state != TaskState.RUNNING && state != TaskState.PAUSED)) {
                throw new ContainerFault(
                        Kind.WRONG_STATE, "cannot checkpoint a container that does not run: " + task.id);
            }
            container.checkpoint(init, asked);
            if (!asked.is(Checkpoint.Option.LEAVE_RUNNING)) {
                init.kill(SIGKILL);
            }
        } finally {
            task.lock.unlock();
        }
    }
}
