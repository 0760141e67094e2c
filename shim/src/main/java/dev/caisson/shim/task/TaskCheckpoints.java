package dev.caisson.shim.task;

import dev.caisson.backend.Checkpoint;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.Launch;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.linux.Errno;
import dev.caisson.shim.translate.CheckpointRequests;
import dev.caisson.ttrpc.proto.task.CheckpointTaskRequest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/**
 * Writes containers down, and finds what was written. containerd packs up the directory that it names, holes and all, which takes a pod with a virtual
 * machine's memory and disks minutes and gigabytes. So where the caller has named a directory of his own (the option {@code image_path}), the image is there,
 * and in containerd's directory is a file that says where.
 */
final class TaskCheckpoints {
    private static final int SIGKILL = 9;
    private static final String ELSEWHERE = "caisson-image-path";
    private static final int PATH_LIMIT = 4096;

    private TaskCheckpoints() {}

    /** With the container's processes ended by it, if the request says so. */
    static void save(Task task, CheckpointTaskRequest request) throws ContainerFault {
        CheckpointRequests.Asked asked =
                CheckpointRequests.of(request.getPath(), request.getOptions(), Path.of(task.bundle));
        task.lock.lock();
        try {
            Container container = task.container();
            Launch init = task.init.launch();
            TaskState state = task.init.state();
            if (container == null || init == null || (state != TaskState.RUNNING && state != TaskState.PAUSED)) {
                throw new ContainerFault(
                        Kind.WRONG_STATE, "cannot checkpoint a container that does not run: " + task.id);
            }
            Checkpoint how = asked.checkpoint();
            container.checkpoint(init, how);
            if (!how.images().equals(asked.packed())) {
                Path file = asked.packed().resolve(ELSEWHERE);
                try {
                    Files.writeString(file, how.images().toString());
                } catch (IOException e) {
                    throw new ContainerFault(Kind.FAILED, "write " + file + ": " + Errno.describe(e), e);
                }
            }
            if (!how.is(Checkpoint.Option.LEAVE_RUNNING)) {
                init.kill(SIGKILL);
            }
        } finally {
            task.lock.unlock();
        }
    }

    /** What a container is to go on from that is created with an image. */
    static Checkpoint find(String packed, Path work) throws ContainerFault {
        Checkpoint asked = CheckpointRequests.restore(packed, work);
        Path file = asked.images().resolve(ELSEWHERE);
        try (var in = Files.newInputStream(file)) {
            String path = new String(in.readNBytes(PATH_LIMIT), StandardCharsets.UTF_8);
            return CheckpointRequests.restore(path, work);
        } catch (NoSuchFileException e) {
            return asked;
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "read " + file + ": " + Errno.describe(e), e);
        }
    }
}
