package dev.caisson.tests.support;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.Any;
import dev.caisson.tests.api.containers.Container;
import dev.caisson.tests.api.containers.CreateContainerRequest;
import dev.caisson.tests.api.containers.DeleteContainerRequest;
import dev.caisson.tests.api.snapshots.PrepareSnapshotRequest;
import dev.caisson.tests.api.snapshots.RemoveSnapshotRequest;
import dev.caisson.tests.api.task.Process;
import dev.caisson.tests.api.task.ProcessInfo;
import dev.caisson.tests.api.task.Status;
import dev.caisson.tests.api.tasks.CheckpointTaskRequest;
import dev.caisson.tests.api.tasks.CloseIORequest;
import dev.caisson.tests.api.tasks.CreateTaskRequest;
import dev.caisson.tests.api.tasks.DeleteProcessRequest;
import dev.caisson.tests.api.tasks.DeleteResponse;
import dev.caisson.tests.api.tasks.DeleteTaskRequest;
import dev.caisson.tests.api.tasks.ExecProcessRequest;
import dev.caisson.tests.api.tasks.GetRequest;
import dev.caisson.tests.api.tasks.KillRequest;
import dev.caisson.tests.api.tasks.ListPidsRequest;
import dev.caisson.tests.api.tasks.MetricsRequest;
import dev.caisson.tests.api.tasks.PauseTaskRequest;
import dev.caisson.tests.api.tasks.ResizePtyRequest;
import dev.caisson.tests.api.tasks.ResumeTaskRequest;
import dev.caisson.tests.api.tasks.StartRequest;
import dev.caisson.tests.api.tasks.UpdateTaskRequest;
import dev.caisson.tests.api.tasks.WaitRequest;
import dev.caisson.tests.api.tasks.WaitResponse;
import dev.caisson.tests.api.types.Descriptor;
import dev.caisson.tests.api.types.Mount;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One container driven over gRPC, call by call; {@link #close} removes it in whatever state it is. Errors come as {@link
 * StatusRuntimeException} with the code that containerd gives its users.
 */
public final class Task implements AutoCloseable {
    private static final String CHECKPOINT = "application/vnd.containerd.container.criu.checkpoint.criu.tar";

    private final PrivateContainerd bed;
    private final String id;
    private final Spec spec;
    private final List<Mount> rootfs;

    /** Where a process's streams go; empty paths mean /dev/null. */
    public record Stdio(String stdin, String stdout, String stderr) {
        public static final Stdio NONE = new Stdio("", "", "");

        /** Both outputs into one fifo; containerd's runc shim refuses a process that has one of the two only. */
        public static Stdio out(Fifo outputs) {
            String path = outputs.path().toString();
            return new Stdio("", path, path);
        }

        /** Standard input, and both outputs into one fifo. */
        public static Stdio inOut(Fifo stdin, Fifo outputs) {
            String path = outputs.path().toString();
            return new Stdio(stdin.path().toString(), path, path);
        }
    }

    private Task(PrivateContainerd bed, String id, Spec spec, List<Mount> rootfs) {
        this.bed = bed;
        this.id = id;
        this.spec = spec;
        this.rootfs = rootfs;
    }

    /** Records a container of the busybox image in containerd with its snapshot; there is no task yet. */
    public static Task container(PrivateContainerd bed, String id, Spec spec) {
        ContainerdClient client = bed.client();
        String snapshotter = bed.settings().snapshotter();
        List<Mount> rootfs = client.snapshots()
                .prepare(PrepareSnapshotRequest.newBuilder()
                        .setSnapshotter(snapshotter)
                        .setKey(id)
                        .setParent(bed.busyboxChainId())
                        // Without a reference another container's removal would collect the snapshot at once.
                        .putLabels("containerd.io/gc.root", Instant.now().toString())
                        .build())
                .getMountsList();
        client.containers()
                .create(CreateContainerRequest.newBuilder()
                        .setContainer(Container.newBuilder()
                                .setId(id)
                                .setImage(TestImages.BUSYBOX)
                                .setRuntime(runtime(bed))
                                .setSpec(spec.toAny())
                                .setSnapshotter(snapshotter)
                                .setSnapshotKey(id))
                        .build());
        return new Task(bed, id, spec, rootfs);
    }

    private static Container.Runtime runtime(PrivateContainerd bed) {
        Container.Runtime.Builder runtime =
                Container.Runtime.newBuilder().setName(bed.settings().runtime().type());
        bed.settings().runtime().options().ifPresent(runtime::setOptions);
        return runtime.build();
    }

    /** As {@link #container} with the default configuration for {@code argv}. */
    public static Task container(PrivateContainerd bed, String id, String... argv) {
        return container(bed, id, Spec.of(bed.tag(), id, argv));
    }

    /** A started container without streams. */
    public static Task running(PrivateContainerd bed, String what, String... argv) {
        Task task = container(bed, Ctr.newId(what), argv);
        try {
            task.create(Stdio.NONE);
            task.start();
        } catch (RuntimeException | Error e) {
            task.close();
            throw e;
        }
        return task;
    }

    /** A path for a fifo of this test bed that nobody else uses. */
    public static Path fifoPath(PrivateContainerd bed) {
        try {
            return Files.createDirectories(bed.dir().resolve("f")).resolve(Ctr.newId("f"));
        } catch (IOException e) {
            throw new UncheckedIOException("create directory for fifos", e);
        }
    }

    public String id() {
        return id;
    }

    /** Tasks.Create; returns init's pid. */
    public long create(Stdio stdio) {
        return create(stdio, rootfs);
    }

    /** Tasks.Create with another root file system than the snapshot's. */
    public long create(Stdio stdio, List<Mount> root) {
        return create(request(stdio, root));
    }

    /** Tasks.Create from what {@link #checkpoint} has given. */
    public long restore(Stdio stdio, Descriptor image) {
        return create(request(stdio, rootfs).setCheckpoint(image));
    }

    private CreateTaskRequest.Builder request(Stdio stdio, List<Mount> root) {
        return CreateTaskRequest.newBuilder()
                .setContainerId(id)
                .addAllRootfs(root)
                .setStdin(stdio.stdin())
                .setStdout(stdio.stdout())
                .setStderr(stdio.stderr())
                .setTerminal(spec.hasTerminal());
    }

    private long create(CreateTaskRequest.Builder request) {
        return Integer.toUnsignedLong(
                bed.client().tasks().create(request.build()).getPid());
    }

    /** Tasks.Checkpoint; the task goes on. */
    public Descriptor checkpoint(Any options) {
        return bed
                .client()
                .tasks()
                .checkpoint(CheckpointTaskRequest.newBuilder()
                        .setContainerId(id)
                        .setOptions(options)
                        .build())
                .getDescriptorsList()
                .stream()
                .filter(each -> each.getMediaType().equals(CHECKPOINT))
                .findFirst()
                .orElseThrow();
    }

    public long start() {
        return start("");
    }

    /** Starts init, or an exec when {@code exec} is not empty; returns its pid. */
    public long start(String exec) {
        return Integer.toUnsignedLong(bed.client()
                .tasks()
                .start(StartRequest.newBuilder()
                        .setContainerId(id)
                        .setExecId(exec)
                        .build())
                .getPid());
    }

    /** Tasks.Exec; the process does not run before {@link #start(String)}. */
    public void exec(String exec, ObjectNode process, Stdio stdio) {
        bed.client()
                .tasks()
                .exec(ExecProcessRequest.newBuilder()
                        .setContainerId(id)
                        .setExecId(exec)
                        .setSpec(Spec.processAny(process))
                        .setTerminal(process.path("terminal").asBoolean(false))
                        .setStdin(stdio.stdin())
                        .setStdout(stdio.stdout())
                        .setStderr(stdio.stderr())
                        .build());
    }

    /** Wait without blocking: the answer comes when the process ends. */
    public Future<WaitResponse> waiting(String exec) {
        return bed.client()
                .tasksAsync()
                .wait(WaitRequest.newBuilder()
                        .setContainerId(id)
                        .setExecId(exec)
                        .build());
    }

    /** Exit status of init, or of an exec when {@code exec} is not empty. */
    public int await(String exec, Duration limit) {
        return result(waiting(exec), limit);
    }

    /** Exit status in an answer of {@link #waiting}. */
    public static int result(Future<WaitResponse> answer, Duration limit) {
        try {
            return answer.get(limit.toMillis(), TimeUnit.MILLISECONDS).getExitStatus();
        } catch (TimeoutException e) {
            throw new AssertionError("no end within " + limit.toMillis() + " ms", e);
        } catch (ExecutionException e) {
            throw new AssertionError("wait failed: " + e.getCause(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while waiting", e);
        }
    }

    public void kill(int signal) {
        kill("", signal, false);
    }

    /** Signal to init, to an exec, or with {@code all} to every process of the container. */
    public void kill(String exec, int signal, boolean all) {
        bed.client()
                .tasks()
                .kill(KillRequest.newBuilder()
                        .setContainerId(id)
                        .setExecId(exec)
                        .setSignal(signal)
                        .setAll(all)
                        .build());
    }

    public Process state() {
        return state("");
    }

    public Process state(String exec) {
        return bed.client()
                .tasks()
                .get(GetRequest.newBuilder().setContainerId(id).setExecId(exec).build())
                .getProcess();
    }

    public DeleteResponse delete() {
        return bed.client()
                .tasks()
                .delete(DeleteTaskRequest.newBuilder().setContainerId(id).build());
    }

    public DeleteResponse deleteExec(String exec) {
        return bed.client()
                .tasks()
                .deleteProcess(DeleteProcessRequest.newBuilder()
                        .setContainerId(id)
                        .setExecId(exec)
                        .build());
    }

    public void closeStdin(String exec) {
        bed.client()
                .tasks()
                .closeIO(CloseIORequest.newBuilder()
                        .setContainerId(id)
                        .setExecId(exec)
                        .setStdin(true)
                        .build());
    }

    public void resize(String exec, int columns, int rows) {
        bed.client()
                .tasks()
                .resizePty(ResizePtyRequest.newBuilder()
                        .setContainerId(id)
                        .setExecId(exec)
                        .setWidth(columns)
                        .setHeight(rows)
                        .build());
    }

    public void pause() {
        bed.client()
                .tasks()
                .pause(PauseTaskRequest.newBuilder().setContainerId(id).build());
    }

    public void resume() {
        bed.client()
                .tasks()
                .resume(ResumeTaskRequest.newBuilder().setContainerId(id).build());
    }

    public List<Long> pids() {
        return bed
                .client()
                .tasks()
                .listPids(ListPidsRequest.newBuilder().setContainerId(id).build())
                .getProcessesList()
                .stream()
                .map(ProcessInfo::getPid)
                .map(Integer::toUnsignedLong)
                .toList();
    }

    /** Changes limits; {@code json} is a LinuxResources object. */
    public void update(String json) {
        bed.client()
                .tasks()
                .update(UpdateTaskRequest.newBuilder()
                        .setContainerId(id)
                        .setResources(Spec.resourcesAny(json))
                        .build());
    }

    /** The container's metrics message. */
    public Any metrics() {
        return bed.client()
                .tasks()
                .metrics(MetricsRequest.newBuilder().addFilters("id==" + id).build())
                .getMetrics(0)
                .getData();
    }

    /** Kills and removes the task, the container and its snapshot. */
    @Override
    public void close() {
        removeTask();
        quietly(() -> bed.client()
                .containers()
                .delete(DeleteContainerRequest.newBuilder().setId(id).build()));
        quietly(() -> bed.client()
                .snapshots()
                .remove(RemoveSnapshotRequest.newBuilder()
                        .setSnapshotter(bed.settings().snapshotter())
                        .setKey(id)
                        .build()));
    }

    private void removeTask() {
        for (int attempt = 0; attempt < 200; attempt++) {
            try {
                Status status = state().getStatus();
                if (status == Status.PAUSED) {
                    quietly(this::resume);
                }
                if (status != Status.STOPPED) {
                    quietly(() -> kill("", 9, true));
                }
                delete();
                return;
            } catch (StatusRuntimeException e) {
                if (e.getStatus().getCode() == io.grpc.Status.Code.NOT_FOUND) {
                    return;
                }
                Await.sleep(Duration.ofMillis(50));
            }
        }
    }

    private static void quietly(Runnable call) {
        try {
            call.run();
        } catch (StatusRuntimeException alreadyGone) {
            return;
        }
    }
}
