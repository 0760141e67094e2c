package dev.caisson.shim.task;

import com.google.protobuf.Any;
import com.google.protobuf.Empty;
import dev.caisson.backend.Container;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.ProcessExit;
import dev.caisson.backend.lifecycle.TaskState;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodConnection;
import dev.caisson.shim.pod.PodRegistry;
import dev.caisson.shim.translate.Faults;
import dev.caisson.shim.translate.Metrics;
import dev.caisson.shim.translate.Timestamps;
import dev.caisson.ttrpc.AnyTypes;
import dev.caisson.ttrpc.Methods;
import dev.caisson.ttrpc.RequestContext;
import dev.caisson.ttrpc.UnaryHandler;
import dev.caisson.ttrpc.proto.process.ProcessInfo;
import dev.caisson.ttrpc.proto.process.Status;
import dev.caisson.ttrpc.proto.runc.ProcessDetails;
import dev.caisson.ttrpc.proto.task.*;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/** containerd's Task API, versions 2 and 3 (their messages are the same). Translates; {@link TaskLifecycle} acts. */
public final class TaskService {
    /** What Connect reports. */
    public static final String VERSION = "caisson";

    private static final Duration EVENTS_BEFORE_END = Duration.ofSeconds(2);

    private final TaskLifecycle lifecycle;
    private final PodRegistry pods;
    private final ExecutorService executor;

    public TaskService(TaskLifecycle lifecycle, PodRegistry pods, ExecutorService executor) {
        this.lifecycle = lifecycle;
        this.pods = pods;
        this.executor = executor;
    }

    private interface Handler<Q, R> {
        R handle(PodConnection from, RequestContext ctx, Q request) throws ContainerFault;
    }

    private static <Q, R> UnaryHandler<Q, R> faults(Handler<Q, R> handler) {
        return (ctx, request) -> {
            try {
                return handler.handle(ctx.connection(PodConnection.class), ctx, request);
            } catch (ContainerFault e) {
                throw Faults.toStatus(e);
            }
        };
    }

    /** The service's methods, to be registered under both names. */
    public Methods methods() {
        return Methods.builder()
                .unary("State", StateRequest.parser(), faults(this::state))
                .unary("Create", CreateTaskRequest.parser(), faults(this::create))
                .unary(
                        "Start",
                        StartRequest.parser(),
                        faults((from, ctx, q) -> StartResponse.newBuilder()
                                .setPid(lifecycle
                                        .starts()
                                        .start(
                                                task(from, q.getId()),
                                                q.getExecId(),
                                                from.isRedelivered(ctx.streamId()),
                                                p -> Pledges.started(from, ctx.streamId(), p.launchId)))
                                .build()))
                .unary("Delete", DeleteRequest.parser(), faults(this::delete))
                .unary("Pids", PidsRequest.parser(), faults(this::pids))
                .unary("Pause", PauseRequest.parser(), faults((from, ctx, q) -> {
                    lifecycle.pause(task(from, q.getId()));
                    return Empty.getDefaultInstance();
                }))
                .unary("Resume", ResumeRequest.parser(), faults((from, ctx, q) -> {
                    lifecycle.resume(task(from, q.getId()));
                    return Empty.getDefaultInstance();
                }))
                .unary("Checkpoint", CheckpointTaskRequest.parser(), faults((from, ctx, q) -> {
                    TaskCheckpoints.save(task(from, q.getId()), q);
                    return Empty.getDefaultInstance();
                }))
                .unary("Kill", KillRequest.parser(), faults((from, ctx, q) -> {
                    lifecycle.kill(task(from, q.getId()), q.getExecId(), q.getSignal(), q.getAll());
                    return Empty.getDefaultInstance();
                }))
                .unary("Exec", ExecProcessRequest.parser(), faults((from, ctx, q) -> {
                    Task task = task(from, q.getId());
                    from.commit(ctx.streamId());
                    TaskProcess added = lifecycle.starts().exec(task, q);
                    from.pod()
                            .afterAnswer(
                                    from.connection(),
                                    ctx.streamId(),
                                    () -> executor.execute(() -> ExecsAhead.make(task, added)));
                    return Empty.getDefaultInstance();
                }))
                .unary("ResizePty", ResizePtyRequest.parser(), faults((from, ctx, q) -> {
                    lifecycle.resize(task(from, q.getId()), q.getExecId(), q.getWidth(), q.getHeight());
                    return Empty.getDefaultInstance();
                }))
                .unary("CloseIO", CloseIORequest.parser(), faults((from, ctx, q) -> {
                    Task task = task(from, q.getId());
                    if (q.getStdin()) {
                        lifecycle.closeStdin(task, q.getExecId());
                    }
                    return Empty.getDefaultInstance();
                }))
                .unary("Update", UpdateTaskRequest.parser(), faults(this::update))
                .unaryAsync("Wait", WaitRequest.parser(), this::waitFor)
                .unary("Stats", StatsRequest.parser(), faults(this::stats))
                .unary("Connect", ConnectRequest.parser(), faults(this::connect))
                .unary("Shutdown", ShutdownRequest.parser(), faults(this::shutdown))
                .build();
    }

    private static Task task(PodConnection from, String id) throws ContainerFault {
        Task task = Tasks.of(from.pod()).get(id);
        if (task == null) {
            throw new ContainerFault(Kind.NOT_FOUND, "container does not exist: " + id);
        }
        task.catchUp();
        return task;
    }

    static Status status(TaskState state) {
        return switch (state) {
            case CREATING, CREATED -> Status.CREATED;
            case RUNNING -> Status.RUNNING;
            case PAUSED -> Status.PAUSED;
            case STOPPED, DELETED -> Status.STOPPED;
        };
    }

    static StateResponse stateOf(Task task, TaskProcess p) {
        StateResponse.Builder r = StateResponse.newBuilder()
                .setId(p.id)
                .setBundle(task.bundle)
                .setPid(p.pid())
                .setStatus(status(p.state()))
                .setStdin(p.stdin)
                .setStdout(p.stdout)
                .setStderr(p.stderr)
                .setTerminal(p.terminal);
        if (!p.isInit) {
            r.setExecId(p.id);
        }
        ProcessExit exit = p.exit();
        if (exit != null) {
            r.setExitStatus(exit.code()).setExitedAt(Timestamps.of(exit.at()));
        }
        return r.build();
    }

    private StateResponse state(PodConnection from, RequestContext ctx, StateRequest q) throws ContainerFault {
        Task task = task(from, q.getId());
        return stateOf(task, TaskLifecycle.require(task, q.getExecId()));
    }

    private CreateTaskResponse create(PodConnection from, RequestContext ctx, CreateTaskRequest q)
            throws ContainerFault {
        Task task = lifecycle.creation().create(from.pod(), q, launch -> from.commit(ctx.streamId(), launch));
        if (ctx.isCancelled()) {
            // Nobody waits for it any more, so nobody would delete it.
            lifecycle.removal().destroy(task);
            throw new ContainerFault(Kind.UNAVAILABLE, "create container " + q.getId() + ": the caller has left");
        }
        TaskEvents.created(task, q);
        from.pod()
                .afterAnswer(
                        from.connection(),
                        ctx.streamId(),
                        () -> executor.execute(() -> lifecycle.creation().settle(task)));
        return CreateTaskResponse.newBuilder().setPid(task.init.pid()).build();
    }

    private DeleteResponse delete(PodConnection from, RequestContext ctx, DeleteRequest q) throws ContainerFault {
        TaskRemoval.@Nullable Deleted d = from.isRedelivered(ctx.streamId())
                ? lifecycle.removal().buried(from.pod(), q.getId(), q.getExecId())
                : null;
        if (d == null) {
            d = lifecycle.removal().delete(task(from, q.getId()), q.getExecId());
        }
        from.pod()
                .afterAnswer(
                        from.connection(),
                        ctx.streamId(),
                        () -> executor.execute(
                                () -> lifecycle.removal().forgetBuried(from.pod(), q.getId(), q.getExecId())));
        return DeleteResponse.newBuilder()
                .setPid(d.pid())
                .setExitStatus(d.exit().code())
                .setExitedAt(Timestamps.of(d.exit().at()))
                .build();
    }

    private PidsResponse pids(PodConnection from, RequestContext ctx, PidsRequest q) throws ContainerFault {
        Task task = task(from, q.getId());
        PidsResponse.Builder r = PidsResponse.newBuilder();
        List<Integer> pids = TaskLifecycle.requireContainer(task).pids();
        for (int pid : pids) {
            ProcessInfo.Builder info = ProcessInfo.newBuilder().setPid(pid);
            for (TaskProcess p : task.execs.values()) {
                if (p.pid() == pid && p.isAlive()) {
                    info.setInfo(AnyTypes.pack(
                            ProcessDetails.newBuilder().setExecId(p.id).build()));
                }
            }
            r.addProcesses(info);
        }
        if (pids.isEmpty()) {
            // A restarting containerd takes an empty list for a leaked shim.
            r.addProcesses(ProcessInfo.newBuilder().setPid(task.init.pid()));
        }
        return r.build();
    }

    private Empty update(PodConnection from, RequestContext ctx, UpdateTaskRequest q) throws ContainerFault {
        Task task = task(from, q.getId());
        if (!q.getResources().getValue().isEmpty()) {
            lifecycle.update(task, q.getResources().getValue().toByteArray());
        }
        return Empty.getDefaultInstance();
    }

    private CompletionStage<WaitResponse> waitFor(RequestContext ctx, WaitRequest q) {
        try {
            PodConnection from = ctx.connection(PodConnection.class);
            Task task = task(from, q.getId());
            TaskProcess p = TaskLifecycle.require(task, q.getExecId());
            if (task.mayPledgeExitOf(p)) {
                Pledges.exited(from, ctx.streamId(), p.launchId);
            }
            // A copy: the connection may end long before the process does.
            CompletableFuture<ProcessExit> mine = p.exited.copy();
            ctx.onCancel(() -> mine.cancel(false));
            return mine.thenApply(exit -> WaitResponse.newBuilder()
                    .setExitStatus(exit.code())
                    .setExitedAt(Timestamps.of(exit.at()))
                    .build());
        } catch (ContainerFault e) {
            throw Faults.toStatus(e);
        }
    }

    private StatsResponse stats(PodConnection from, RequestContext ctx, StatsRequest q) throws ContainerFault {
        Container container = TaskLifecycle.requireContainer(task(from, q.getId()));
        Any metrics = Metrics.of(container.stats());
        return StatsResponse.newBuilder().setStats(metrics).build();
    }

    private ConnectResponse connect(PodConnection from, RequestContext ctx, ConnectRequest q) throws ContainerFault {
        @Nullable Task task = Tasks.of(from.pod()).get(q.getId());
        if (task == null && from.isReconnect() && !from.pod().isSandboxLive()) {
            // A containerd that comes back after it died within Create would otherwise keep a task that nobody can
            // delete.
            throw new ContainerFault(Kind.NOT_FOUND, "container does not exist: " + q.getId());
        }
        return ConnectResponse.newBuilder()
                .setShimPid(from.link().monitorPid())
                .setTaskPid(task == null ? 0 : task.init.pid())
                .setVersion(VERSION)
                .build();
    }

    private Empty shutdown(PodConnection from, RequestContext ctx, ShutdownRequest q) {
        Pod pod = from.pod();
        boolean busy = !Tasks.of(pod).isEmpty() || pod.isSandboxLive();
        if (q.getNow() || !busy) {
            pod.afterAnswer(from.connection(), ctx.streamId(), () -> executor.execute(() -> end(pod)));
        }
        return Empty.getDefaultInstance();
    }

    /** The answer is out; now the events, then the monitor. */
    private void end(Pod pod) {
        try {
            var _ = pod.events().drain(EVENTS_BEFORE_END);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        lifecycle.removal().destroyAll(pod);
        pods.end(pod);
    }
}
