package dev.caisson.tests.support;

import com.google.protobuf.Empty;
import dev.caisson.tests.api.containers.ContainersGrpc;
import dev.caisson.tests.api.cri.ImageServiceGrpc;
import dev.caisson.tests.api.cri.RuntimeServiceGrpc;
import dev.caisson.tests.api.events.EventsGrpc;
import dev.caisson.tests.api.events.PublishRequest;
import dev.caisson.tests.api.images.ImagesGrpc;
import dev.caisson.tests.api.introspection.IntrospectionGrpc;
import dev.caisson.tests.api.snapshots.SnapshotsGrpc;
import dev.caisson.tests.api.tasks.TasksGrpc;
import dev.caisson.tests.api.version.VersionGrpc;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;

/** containerd's gRPC services and the CRI over the unix socket, in one containerd namespace. */
public final class ContainerdClient implements AutoCloseable {
    /** Longest that any single call of a test may take: a pod behind the KVM wall boots a machine, in the lab an emulated one. */
    public static final Duration CALL_LIMIT =
            Duration.ofSeconds(System.getProperty("caisson.wall", "").equals("kvm") ? 240 : 60);

    private static final Metadata.Key<String> NAMESPACE =
            Metadata.Key.of("containerd-namespace", Metadata.ASCII_STRING_MARSHALLER);

    /** grpc-netty sets a TCP option on every channel, and Netty complains about it on a unix socket. */
    private static final Logger QUIET = Logger.getLogger("io.netty.bootstrap.Bootstrap");

    static {
        QUIET.setLevel(Level.SEVERE);
    }

    private final EventLoopGroup loops;
    private final ManagedChannel channel;
    private final Metadata headers = new Metadata();

    ContainerdClient(Path socket, String namespace) {
        loops = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
        channel = NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
                .channelType(NioDomainSocketChannel.class, UnixDomainSocketAddress.class)
                .eventLoopGroup(loops)
                .overrideAuthority("localhost")
                .maxInboundMessageSize(64 << 20)
                .usePlaintext()
                .build();
        headers.put(NAMESPACE, namespace);
    }

    boolean answers(Duration limit) {
        try {
            VersionGrpc.newBlockingStub(channel)
                    .withWaitForReady()
                    .withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS)
                    .version(Empty.getDefaultInstance());
            return true;
        } catch (StatusRuntimeException notYet) {
            return false;
        }
    }

    private <S extends io.grpc.stub.AbstractStub<S>> S in(S stub) {
        return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers));
    }

    public TasksGrpc.TasksBlockingStub tasks() {
        return in(TasksGrpc.newBlockingStub(channel)).withDeadlineAfter(CALL_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    /** For Wait, which may take as long as the container runs. */
    public TasksGrpc.TasksFutureStub tasksAsync() {
        return in(TasksGrpc.newFutureStub(channel));
    }

    public ContainersGrpc.ContainersBlockingStub containers() {
        return in(ContainersGrpc.newBlockingStub(channel))
                .withDeadlineAfter(CALL_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    public SnapshotsGrpc.SnapshotsBlockingStub snapshots() {
        return in(SnapshotsGrpc.newBlockingStub(channel))
                .withDeadlineAfter(CALL_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    public ImagesGrpc.ImagesBlockingStub images() {
        return in(ImagesGrpc.newBlockingStub(channel)).withDeadlineAfter(CALL_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    public IntrospectionGrpc.IntrospectionBlockingStub introspection() {
        return in(IntrospectionGrpc.newBlockingStub(channel))
                .withDeadlineAfter(CALL_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    EventsGrpc.EventsStub events() {
        return in(EventsGrpc.newStub(channel));
    }

    void publish(PublishRequest request) {
        in(EventsGrpc.newBlockingStub(channel))
                .withDeadlineAfter(CALL_LIMIT.toMillis(), TimeUnit.MILLISECONDS)
                .publish(request);
    }

    /** The CRI is not namespaced: containerd keeps its pods in {@code k8s.io}. */
    public RuntimeServiceGrpc.RuntimeServiceBlockingStub cri() {
        return RuntimeServiceGrpc.newBlockingStub(channel)
                .withDeadlineAfter(CALL_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    public ImageServiceGrpc.ImageServiceBlockingStub criImages() {
        return ImageServiceGrpc.newBlockingStub(channel)
                .withDeadlineAfter(CALL_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }

    @Override
    public void close() {
        channel.shutdownNow();
        var _ = loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
}
