package dev.caisson.shim.sandbox;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.backend.state.RecordStore;
import dev.caisson.linux.Errno;
import dev.caisson.linux.Mounts;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodConnection;
import dev.caisson.shim.pod.PodRegistry;
import dev.caisson.shim.task.Identifiers;
import dev.caisson.shim.task.SandboxMembers;
import dev.caisson.shim.task.SandboxTask;
import dev.caisson.shim.task.TaskLifecycle;
import dev.caisson.shim.translate.Faults;
import dev.caisson.shim.translate.Metrics;
import dev.caisson.shim.translate.Timestamps;
import dev.caisson.ttrpc.Methods;
import dev.caisson.ttrpc.RequestContext;
import dev.caisson.ttrpc.UnaryHandler;
import dev.caisson.ttrpc.proto.sandbox.*;
import dev.caisson.ttrpc.proto.types.Metric;
import dev.caisson.ttrpc.proto.types.Platform;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/** The Sandbox API (containerd.runtime.sandbox.v1), on the same socket as the Task API. */
public final class SandboxService {
    private static final String READY = "SANDBOX_READY";
    private static final String NOT_READY = "SANDBOX_NOTREADY";

    private final TaskLifecycle lifecycle;
    private final PodRegistry pods;
    private final RecordStore store;
    private final ExecutorService executor;
    private final Path binary;

    /** @param binary the static binary that becomes the sandbox's first process */
    public SandboxService(
            TaskLifecycle lifecycle, PodRegistry pods, RecordStore store, ExecutorService executor, Path binary) {
        this.lifecycle = lifecycle;
        this.pods = pods;
        this.store = store;
        this.executor = executor;
        this.binary = binary;
    }

    private interface Handler<Q, R> {
        R handle(PodConnection from, RequestContext ctx, Q request) throws ContainerFault, IOException;
    }

    private static <Q, R> UnaryHandler<Q, R> faults(String what, Handler<Q, R> handler) {
        return (ctx, request) -> {
            try {
                return handler.handle(ctx.connection(PodConnection.class), ctx, request);
            } catch (ContainerFault e) {
                throw Faults.toStatus(e);
            } catch (IOException e) {
                throw Faults.toStatus(new ContainerFault(Kind.FAILED, what + ": " + Errno.describe(e), e));
            }
        };
    }

    public Methods methods() {
        return Methods.builder()
                .unary("CreateSandbox", CreateSandboxRequest.parser(), faults("create sandbox", this::create))
                .unary("StartSandbox", StartSandboxRequest.parser(), faults("start sandbox", this::start))
                .unary(
                        "Platform",
                        PlatformRequest.parser(),
                        faults(
                                "platform",
                                (from, ctx, q) -> PlatformResponse.newBuilder()
                                        .setPlatform(Platform.newBuilder()
                                                .setOs("linux")
                                                .setArchitecture("amd64"))
                                        .build()))
                .unary("StopSandbox", StopSandboxRequest.parser(), faults("stop sandbox", (from, ctx, q) -> {
                    lifecycle.stopAll(from.pod(), require(from, q.getSandboxId()));
                    return StopSandboxResponse.getDefaultInstance();
                }))
                .unaryAsync("WaitSandbox", WaitSandboxRequest.parser(), this::waitFor)
                .unary("SandboxStatus", SandboxStatusRequest.parser(), faults("sandbox status", this::status))
                .unary("PingSandbox", PingRequest.parser(), faults("ping sandbox", (from, ctx, q) -> {
                    var _ = require(from, q.getSandboxId());
                    return PingResponse.getDefaultInstance();
                }))
                .unary("ShutdownSandbox", ShutdownSandboxRequest.parser(), faults("shut down sandbox", this::shutdown))
                .unary("SandboxMetrics", SandboxMetricsRequest.parser(), faults("sandbox metrics", this::metrics))
                .build();
    }

    private static SandboxTask require(PodConnection from, String id) throws ContainerFault {
        SandboxTask task = SandboxTask.find(from.pod(), id);
        if (task == null) {
            throw new ContainerFault(Kind.NOT_FOUND, "sandbox does not exist: " + id);
        }
        return task;
    }

    private Path bundle(Pod pod) {
        return store.root().resolve(pod.directory()).resolve("sandbox");
    }

    private CreateSandboxResponse create(PodConnection from, RequestContext ctx, CreateSandboxRequest q)
            throws ContainerFault, IOException {
        Pod pod = from.pod();
        String id = Identifiers.require("sandbox id", q.getSandboxId());
        if (SandboxTask.find(pod, id) != null) {
            throw new ContainerFault(Kind.ALREADY_EXISTS, "sandbox with given ID already exists: " + id);
        }
        PodConfig config = q.getOptions().getValue().isEmpty()
                ? PodConfig.NONE
                : PodConfig.parse(q.getOptions().getValue());
        from.commit(ctx.streamId());
        // The path may be a placeholder file: only a namespace can be joined.
        String netns = isNetworkNamespace(q.getNetnsPath()) ? q.getNetnsPath() : "";
        SandboxBundle.write(bundle(pod), binary, id, config, netns, q.getNetnsPath());
        if (!config.hostIpc()) {
            mountShm(bundle(pod).resolve(SandboxMembers.SHM));
        }
        lifecycle.createSandbox(pod, id, bundle(pod).toString());
        pod.sandboxLive(true);
        return CreateSandboxResponse.getDefaultInstance();
    }

    /** Shared memory of the pod; unmounted with the pod's records. */
    private static void mountShm(Path directory) throws IOException {
        Files.createDirectories(directory);
        Mounts.mount(
                "shm",
                directory.toString(),
                "tmpfs",
                Mounts.MS_NOSUID | Mounts.MS_NODEV | Mounts.MS_NOEXEC,
                "mode=1777,size=65536k");
    }

    private static boolean isNetworkNamespace(String path) {
        try {
            return !path.isEmpty()
                    && Files.exists(Path.of(path))
                    && Files.getFileStore(Path.of(path)).type().equals("nsfs");
        } catch (IOException e) {
            return false;
        }
    }

    private StartSandboxResponse start(PodConnection from, RequestContext ctx, StartSandboxRequest q)
            throws ContainerFault {
        SandboxTask task = SandboxTask.find(from.pod(), q.getSandboxId());
        if (task == null) {
            throw new ContainerFault(
                    Kind.WRONG_STATE, "failed precondition: sandbox is not created: " + q.getSandboxId());
        }
        int pid = lifecycle.startSandbox(task, from.isRedelivered(ctx.streamId()));
        return StartSandboxResponse.newBuilder()
                .setPid(pid)
                .setCreatedAt(Timestamps.of(createdAt(from.pod())))
                .build();
    }

    private Instant createdAt(Pod pod) {
        try {
            return Files.getLastModifiedTime(bundle(pod).resolve("config.json")).toInstant();
        } catch (IOException e) {
            return Instant.now();
        }
    }

    private CompletionStage<WaitSandboxResponse> waitFor(RequestContext ctx, WaitSandboxRequest q) {
        try {
            var exit = require(ctx.connection(PodConnection.class), q.getSandboxId())
                    .exited();
            ctx.onCancel(() -> exit.cancel(false));
            return exit.thenApply(how -> WaitSandboxResponse.newBuilder()
                    .setExitStatus(how.code())
                    .setExitedAt(Timestamps.of(how.at()))
                    .build());
        } catch (ContainerFault e) {
            throw Faults.toStatus(e);
        }
    }

    private SandboxStatusResponse status(PodConnection from, RequestContext ctx, SandboxStatusRequest q)
            throws ContainerFault {
        SandboxTask task = require(from, q.getSandboxId());
        String state = task.isRunning() ? READY : NOT_READY;
        SandboxStatusResponse.Builder r = SandboxStatusResponse.newBuilder()
                .setSandboxId(q.getSandboxId())
                .setPid(task.pid())
                .setState(state)
                .setCreatedAt(Timestamps.of(createdAt(from.pod())));
        @Nullable Instant exitedAt = task.exitedAt();
        if (exitedAt != null) {
            r.setExitedAt(Timestamps.of(exitedAt));
        }
        if (q.getVerbose()) {
            Map<String, String> info = new LinkedHashMap<>();
            info.put("pid", Integer.toString(task.pid()));
            info.put("state", state);
            String netns = task.networkPath(SandboxBundle.NETNS);
            if (!netns.isEmpty()) {
                info.put("networkSandboxPath", netns);
            }
            r.putAllInfo(info);
        }
        return r.build();
    }

    private ShutdownSandboxResponse shutdown(PodConnection from, RequestContext ctx, ShutdownSandboxRequest q) {
        Pod pod = from.pod();
        pod.sandboxLive(false);
        pod.afterAnswer(
                from.connection(),
                ctx.streamId(),
                () -> executor.execute(() -> {
                    lifecycle.removal().destroyAll(pod);
                    pods.end(pod);
                }));
        return ShutdownSandboxResponse.getDefaultInstance();
    }

    private SandboxMetricsResponse metrics(PodConnection from, RequestContext ctx, SandboxMetricsRequest q)
            throws ContainerFault {
        SandboxTask task = require(from, q.getSandboxId());
        return SandboxMetricsResponse.newBuilder()
                .setMetrics(Metric.newBuilder()
                        .setTimestamp(Timestamps.of(Instant.now()))
                        .setId(q.getSandboxId())
                        .setData(Metrics.of(task.stats())))
                .build();
    }
}
