package dev.caisson.tests.support;

import com.google.protobuf.ByteString;
import dev.caisson.tests.api.cri.AttachRequest;
import dev.caisson.tests.api.cri.ContainerConfig;
import dev.caisson.tests.api.cri.ContainerMetadata;
import dev.caisson.tests.api.cri.ContainerState;
import dev.caisson.tests.api.cri.ContainerStats;
import dev.caisson.tests.api.cri.ContainerStatsRequest;
import dev.caisson.tests.api.cri.ContainerStatus;
import dev.caisson.tests.api.cri.ContainerStatusRequest;
import dev.caisson.tests.api.cri.CreateContainerRequest;
import dev.caisson.tests.api.cri.ExecRequest;
import dev.caisson.tests.api.cri.ExecSyncRequest;
import dev.caisson.tests.api.cri.ExecSyncResponse;
import dev.caisson.tests.api.cri.ImageSpec;
import dev.caisson.tests.api.cri.LinuxContainerConfig;
import dev.caisson.tests.api.cri.LinuxContainerResources;
import dev.caisson.tests.api.cri.LinuxContainerSecurityContext;
import dev.caisson.tests.api.cri.LinuxPodSandboxConfig;
import dev.caisson.tests.api.cri.LinuxSandboxSecurityContext;
import dev.caisson.tests.api.cri.NamespaceMode;
import dev.caisson.tests.api.cri.NamespaceOption;
import dev.caisson.tests.api.cri.PodSandboxConfig;
import dev.caisson.tests.api.cri.PodSandboxMetadata;
import dev.caisson.tests.api.cri.PodSandboxStats;
import dev.caisson.tests.api.cri.PodSandboxStatsRequest;
import dev.caisson.tests.api.cri.PodSandboxStatus;
import dev.caisson.tests.api.cri.PodSandboxStatusRequest;
import dev.caisson.tests.api.cri.PortForwardRequest;
import dev.caisson.tests.api.cri.RemoveContainerRequest;
import dev.caisson.tests.api.cri.RemovePodSandboxRequest;
import dev.caisson.tests.api.cri.RunPodSandboxRequest;
import dev.caisson.tests.api.cri.StartContainerRequest;
import dev.caisson.tests.api.cri.StopContainerRequest;
import dev.caisson.tests.api.cri.StopPodSandboxRequest;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;

/** A pod driven over the CRI as a kubelet drives it; {@link #close} stops and removes it with everything in it. */
public final class Pod implements AutoCloseable {
    /** A kubelet's default; the CRI's own zero value would share one pid namespace in the pod. */
    private static final NamespaceOption OWN_PROCESSES =
            NamespaceOption.newBuilder().setPid(NamespaceMode.CONTAINER).build();

    private final PrivateContainerd bed;
    private final PodSandboxConfig config;
    private final String id;

    private Pod(PrivateContainerd bed, PodSandboxConfig config, String id) {
        this.bed = bed;
        this.config = config;
        this.id = id;
    }

    /** RunPodSandbox with a log directory and a cgroup parent of the test bed's own. */
    public static Pod run(PrivateContainerd bed) {
        return run(bed, builder -> builder);
    }

    /** As {@link #run(PrivateContainerd)}; {@code change} may set more of the configuration. */
    public static Pod run(PrivateContainerd bed, UnaryOperator<PodSandboxConfig.Builder> change) {
        String name = Ctr.newId("pod");
        Path logs = bed.dir().resolve("logs").resolve(name);
        try {
            Files.createDirectories(logs);
        } catch (IOException e) {
            throw new UncheckedIOException("create " + logs, e);
        }
        PodSandboxConfig config = change.apply(PodSandboxConfig.newBuilder()
                        .setMetadata(PodSandboxMetadata.newBuilder()
                                .setName(name)
                                .setUid(bed.tag() + name)
                                .setNamespace("default"))
                        .setHostname(name)
                        .setLogDirectory(logs.toString())
                        .setLinux(LinuxPodSandboxConfig.newBuilder()
                                .setCgroupParent("/" + bed.tag() + "/" + name)
                                .setSecurityContext(
                                        LinuxSandboxSecurityContext.newBuilder().setNamespaceOptions(OWN_PROCESSES))))
                .build();
        String id = bed.client()
                .cri()
                .runPodSandbox(
                        RunPodSandboxRequest.newBuilder().setConfig(config).build())
                .getPodSandboxId();
        return new Pod(bed, config, id);
    }

    public String id() {
        return id;
    }

    /** The pod's own configuration, for its names. */
    public PodSandboxConfig config() {
        return config;
    }

    public PodSandboxStatus status() {
        return bed.client()
                .cri()
                .podSandboxStatus(
                        PodSandboxStatusRequest.newBuilder().setPodSandboxId(id).build())
                .getStatus();
    }

    /** Creates and starts a container of the busybox image; returns its id. */
    public String start(String name, String... argv) {
        return start(name, builder -> builder, argv);
    }

    /** As {@link #start(String, String...)}; {@code change} may set more of the configuration. */
    public String start(String name, UnaryOperator<ContainerConfig.Builder> change, String... argv) {
        String container = create(name, change, argv);
        bed.client()
                .cri()
                .startContainer(StartContainerRequest.newBuilder()
                        .setContainerId(container)
                        .build());
        return container;
    }

    /** CreateContainer only. */
    public String create(String name, UnaryOperator<ContainerConfig.Builder> change, String... argv) {
        ContainerConfig.Builder container = ContainerConfig.newBuilder()
                .setMetadata(ContainerMetadata.newBuilder().setName(name))
                .setImage(ImageSpec.newBuilder().setImage(TestImages.BUSYBOX))
                .addAllCommand(List.of(argv))
                .setLogPath(name + ".log")
                .setLinux(LinuxContainerConfig.newBuilder()
                        .setResources(LinuxContainerResources.newBuilder().setOomScoreAdj(500))
                        .setSecurityContext(
                                LinuxContainerSecurityContext.newBuilder().setNamespaceOptions(OWN_PROCESSES)));
        return bed.client()
                .cri()
                .createContainer(CreateContainerRequest.newBuilder()
                        .setPodSandboxId(id)
                        .setConfig(change.apply(container))
                        .setSandboxConfig(config)
                        .build())
                .getContainerId();
    }

    public ContainerStatus containerStatus(String container) {
        return bed.client()
                .cri()
                .containerStatus(ContainerStatusRequest.newBuilder()
                        .setContainerId(container)
                        .build())
                .getStatus();
    }

    /** Waits until the container has ended. */
    public ContainerStatus awaitExit(String container, Duration limit) {
        Await.until(
                () -> "exit of " + container + ", state "
                        + containerStatus(container).getState().name(),
                limit,
                () -> containerStatus(container).getState() == ContainerState.CONTAINER_EXITED);
        return containerStatus(container);
    }

    public ContainerStats stats(String container) {
        return bed.client()
                .cri()
                .containerStats(ContainerStatsRequest.newBuilder()
                        .setContainerId(container)
                        .build())
                .getStats();
    }

    /** ExecSync with a limit of {@code seconds}. */
    public ExecSyncResponse exec(String container, long seconds, String... argv) {
        return bed.client()
                .cri()
                .execSync(ExecSyncRequest.newBuilder()
                        .setContainerId(container)
                        .addAllCmd(List.of(argv))
                        .setTimeout(seconds)
                        .build());
    }

    /** Exec over the streaming server, with stdin and stdout; stderr too unless there is a terminal. */
    public CriStream execStream(String container, boolean tty, String... argv) {
        return CriStream.open(bed.client()
                .cri()
                .exec(ExecRequest.newBuilder()
                        .setContainerId(container)
                        .addAllCmd(List.of(argv))
                        .setTty(tty)
                        .setStdin(true)
                        .setStdout(true)
                        .setStderr(!tty)
                        .build())
                .getUrl());
    }

    /** Attach over the streaming server, with all streams that the container has. */
    public CriStream attachStream(String container, boolean tty) {
        return CriStream.open(bed.client()
                .cri()
                .attach(AttachRequest.newBuilder()
                        .setContainerId(container)
                        .setTty(tty)
                        .setStdin(true)
                        .setStdout(true)
                        .setStderr(!tty)
                        .build())
                .getUrl());
    }

    /** One connection to a port of the pod: data is channel 0, errors are channel 1, each begins with the port in two bytes. */
    public CriStream forward(int port) {
        return CriStream.open(bed.client()
                .cri()
                .portForward(PortForwardRequest.newBuilder()
                        .setPodSandboxId(id)
                        .addPort(port)
                        .build())
                .getUrl());
    }

    /** What the whole pod uses. */
    public PodSandboxStats podStats() {
        return bed.client()
                .cri()
                .podSandboxStats(
                        PodSandboxStatsRequest.newBuilder().setPodSandboxId(id).build())
                .getStats();
    }

    /** Standard output of a command that must succeed. */
    public String execOut(String container, String... argv) {
        ExecSyncResponse answer = exec(container, 20, argv);
        if (answer.getExitCode() != 0) {
            throw new AssertionError("exit " + answer.getExitCode() + " of " + List.of(argv) + ": "
                    + text(answer.getStdout()) + text(answer.getStderr()));
        }
        return text(answer.getStdout());
    }

    private static String text(ByteString bytes) {
        return bytes.toStringUtf8();
    }

    /** What the container's log file holds. */
    public String log(String name) {
        try {
            return Files.readString(Path.of(config.getLogDirectory(), name + ".log"));
        } catch (IOException e) {
            return "";
        }
    }

    public void stop(String container, long graceSeconds) {
        bed.client()
                .cri()
                .stopContainer(StopContainerRequest.newBuilder()
                        .setContainerId(container)
                        .setTimeout(graceSeconds)
                        .build());
    }

    public void remove(String container) {
        bed.client()
                .cri()
                .removeContainer(RemoveContainerRequest.newBuilder()
                        .setContainerId(container)
                        .build());
    }

    /** StopPodSandbox. */
    public void stop() {
        bed.client()
                .cri()
                .stopPodSandbox(
                        StopPodSandboxRequest.newBuilder().setPodSandboxId(id).build());
    }

    /** RemovePodSandbox. */
    public void remove() {
        bed.client()
                .cri()
                .removePodSandbox(
                        RemovePodSandboxRequest.newBuilder().setPodSandboxId(id).build());
    }

    @Override
    public void close() {
        for (int attempt = 0; attempt < 20; attempt++) {
            try {
                stop();
                remove();
                break;
            } catch (StatusRuntimeException e) {
                if (e.getStatus().getCode() == io.grpc.Status.Code.NOT_FOUND) {
                    break;
                }
                Await.sleep(Duration.ofMillis(200));
            }
        }
        // The cgroup parent is the kubelet's, that is ours.
        HostSnapshot.cgroupsOf(bed.tag()).reversed().stream()
                .filter(path -> path.endsWith(config.getMetadata().getName()))
                .forEach(path -> path.toFile().delete());
    }
}
