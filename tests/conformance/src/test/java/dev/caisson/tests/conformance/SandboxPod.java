package dev.caisson.tests.conformance;

import com.google.protobuf.Any;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import dev.caisson.tests.api.cri.LinuxPodSandboxConfig;
import dev.caisson.tests.api.cri.LinuxSandboxSecurityContext;
import dev.caisson.tests.api.cri.NamespaceMode;
import dev.caisson.tests.api.cri.NamespaceOption;
import dev.caisson.tests.api.cri.PodSandboxConfig;
import dev.caisson.tests.support.ShimRig;
import dev.caisson.tests.support.Spec;
import dev.caisson.ttrpc.CallOptions;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.proto.sandbox.CreateSandboxRequest;
import dev.caisson.ttrpc.proto.sandbox.CreateSandboxResponse;
import dev.caisson.ttrpc.proto.sandbox.SandboxStatusRequest;
import dev.caisson.ttrpc.proto.sandbox.SandboxStatusResponse;
import dev.caisson.ttrpc.proto.sandbox.ShutdownSandboxRequest;
import dev.caisson.ttrpc.proto.sandbox.ShutdownSandboxResponse;
import dev.caisson.ttrpc.proto.sandbox.StartSandboxRequest;
import dev.caisson.ttrpc.proto.sandbox.StartSandboxResponse;
import dev.caisson.ttrpc.proto.sandbox.StopSandboxRequest;
import dev.caisson.ttrpc.proto.sandbox.StopSandboxResponse;
import dev.caisson.ttrpc.proto.sandbox.WaitSandboxRequest;
import dev.caisson.ttrpc.proto.sandbox.WaitSandboxResponse;
import dev.caisson.ttrpc.proto.task.CreateTaskResponse;
import dev.caisson.ttrpc.proto.task.DeleteRequest;
import dev.caisson.ttrpc.proto.task.DeleteResponse;
import dev.caisson.ttrpc.proto.task.ExecProcessRequest;
import dev.caisson.ttrpc.proto.task.KillRequest;
import dev.caisson.ttrpc.proto.task.PidsRequest;
import dev.caisson.ttrpc.proto.task.PidsResponse;
import dev.caisson.ttrpc.proto.task.StartRequest;
import dev.caisson.ttrpc.proto.task.StartResponse;
import dev.caisson.ttrpc.proto.task.WaitRequest;
import dev.caisson.ttrpc.proto.task.WaitResponse;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/** A sandbox shim and its members, driven over plain ttrpc as containerd's sandbox controller does. */
final class SandboxPod {
    private static final Duration SOON = Duration.ofSeconds(20);

    private final ShimRig rig;
    private final String id;
    private final TtrpcClient client;

    SandboxPod(ShimRig rig, String id) {
        this.rig = rig;
        this.id = id;
        this.client = rig.connect(rig.startBootstrapped(id));
    }

    String id() {
        return id;
    }

    /** A configuration with the namespace modes of a kubelet's default pod. */
    static PodSandboxConfig.Builder config(ShimRig rig, NamespaceOption.Builder namespaces) {
        return PodSandboxConfig.newBuilder()
                .setHostname("sandboxed")
                .setLinux(LinuxPodSandboxConfig.newBuilder()
                        .setCgroupParent("/" + rig.tag())
                        .setSecurityContext(
                                LinuxSandboxSecurityContext.newBuilder().setNamespaceOptions(namespaces)));
    }

    static NamespaceOption.Builder ownProcesses() {
        return NamespaceOption.newBuilder().setPid(NamespaceMode.CONTAINER);
    }

    <R extends MessageLite> R sandbox(String method, MessageLite request, Parser<R> answers) {
        return call(ServiceNames.SANDBOX, method, request, answers);
    }

    <R extends MessageLite> R task(String method, MessageLite request, Parser<R> answers) {
        return call(ServiceNames.TASK_V3, method, request, answers);
    }

    private <R extends MessageLite> R call(String service, String method, MessageLite request, Parser<R> answers) {
        try {
            return client.call(service, method, request, answers, CallOptions.timeout(SOON));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted in " + method, e);
        }
    }

    SandboxPod create() {
        return create(config(rig, ownProcesses()), "");
    }

    SandboxPod create(PodSandboxConfig.Builder config, String netns) {
        sandbox(
                "CreateSandbox",
                CreateSandboxRequest.newBuilder()
                        .setSandboxId(id)
                        .setBundlePath(rig.bundle(id).toString())
                        .setNetnsPath(netns)
                        .setOptions(Any.newBuilder()
                                .setTypeUrl("runtime.v1.PodSandboxConfig")
                                .setValue(config.build().toByteString()))
                        .build(),
                CreateSandboxResponse.parser());
        return this;
    }

    StartSandboxResponse start() {
        return sandbox(
                "StartSandbox",
                StartSandboxRequest.newBuilder().setSandboxId(id).build(),
                StartSandboxResponse.parser());
    }

    void stop() {
        sandbox(
                "StopSandbox",
                StopSandboxRequest.newBuilder()
                        .setSandboxId(id)
                        .setTimeoutSecs(10)
                        .build(),
                StopSandboxResponse.parser());
    }

    void shutdown() {
        sandbox(
                "ShutdownSandbox",
                ShutdownSandboxRequest.newBuilder().setSandboxId(id).build(),
                ShutdownSandboxResponse.parser());
    }

    SandboxStatusResponse status() {
        return sandbox(
                "SandboxStatus",
                SandboxStatusRequest.newBuilder()
                        .setSandboxId(id)
                        .setVerbose(true)
                        .build(),
                SandboxStatusResponse.parser());
    }

    CompletableFuture<WaitSandboxResponse> waiting() {
        return client.callAsync(
                ServiceNames.SANDBOX,
                "WaitSandbox",
                WaitSandboxRequest.newBuilder().setSandboxId(id).build(),
                WaitSandboxResponse.parser(),
                CallOptions.NONE);
    }

    /** Creates and starts a member with namespaces of its own; returns its init's pid. */
    long member(String member, String... argv) {
        return member(member, spec -> {}, argv);
    }

    /** As {@link #member(String, String...)}; {@code change} may set more of the configuration. */
    long member(String member, Consumer<Spec> change, String... argv) {
        createMember(member, change, argv);
        return startProcess(member, "");
    }

    void createMember(String member, String... argv) {
        createMember(member, spec -> {}, argv);
    }

    void createMember(String member, Consumer<Spec> change, String... argv) {
        Spec spec = Spec.of(rig.tag(), member, argv);
        change.accept(spec);
        Path bundle = rig.bundle(member);
        try {
            Files.createDirectories(bundle.resolve("rootfs"));
            Files.write(bundle.resolve("config.json"), spec.toAny().getValue().toByteArray());
        } catch (IOException e) {
            throw new UncheckedIOException("write bundle of " + member, e);
        }
        task("Create", rig.createRequest(member).build(), CreateTaskResponse.parser());
    }

    long startProcess(String member, String exec) {
        return Integer.toUnsignedLong(task(
                        "Start",
                        StartRequest.newBuilder().setId(member).setExecId(exec).build(),
                        StartResponse.parser())
                .getPid());
    }

    /** Runs a command in a member; its exit status. */
    int exec(String member, String exec, String... argv) {
        task(
                "Exec",
                ExecProcessRequest.newBuilder()
                        .setId(member)
                        .setExecId(exec)
                        .setSpec(Spec.processAny(Spec.process(argv)))
                        .build(),
                com.google.protobuf.Empty.parser());
        CompletableFuture<WaitResponse> waiting = waiting(member, exec);
        startProcess(member, exec);
        int status = get(waiting).getExitStatus();
        delete(member, exec);
        return status;
    }

    CompletableFuture<WaitResponse> waiting(String member, String exec) {
        return client.callAsync(
                ServiceNames.TASK_V3,
                "Wait",
                WaitRequest.newBuilder().setId(member).setExecId(exec).build(),
                WaitResponse.parser(),
                CallOptions.NONE);
    }

    void kill(String member, int signal, boolean all) {
        task(
                "Kill",
                KillRequest.newBuilder()
                        .setId(member)
                        .setSignal(signal)
                        .setAll(all)
                        .build(),
                com.google.protobuf.Empty.parser());
    }

    PidsResponse pids(String member) {
        return task("Pids", PidsRequest.newBuilder().setId(member).build(), PidsResponse.parser());
    }

    DeleteResponse delete(String member, String exec) {
        return task(
                "Delete",
                DeleteRequest.newBuilder().setId(member).setExecId(exec).build(),
                DeleteResponse.parser());
    }

    static <T> T get(CompletableFuture<T> answer) {
        try {
            return answer.get(SOON.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        } catch (ExecutionException | TimeoutException e) {
            throw new AssertionError("no answer: " + e, e);
        }
    }
}
