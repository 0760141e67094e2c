package dev.caisson.agent;

import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.linux.Errno;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.HostFiles;
import dev.caisson.shim.pod.Pod;
import dev.caisson.shim.pod.PodConnection;
import dev.caisson.shim.task.Identifiers;
import dev.caisson.shim.task.TaskExits;
import dev.caisson.shim.task.TaskLifecycle;
import dev.caisson.shim.translate.Faults;
import dev.caisson.ttrpc.Methods;
import dev.caisson.ttrpc.RequestContext;
import dev.caisson.ttrpc.TtrpcException;
import dev.caisson.ttrpc.UnaryHandler;
import dev.caisson.ttrpc.proto.guest.AwaitOomRequest;
import dev.caisson.ttrpc.proto.guest.AwaitOomResponse;
import dev.caisson.ttrpc.proto.guest.ConnectStreamsRequest;
import dev.caisson.ttrpc.proto.guest.ConnectStreamsResponse;
import dev.caisson.ttrpc.proto.guest.HelloRequest;
import dev.caisson.ttrpc.proto.guest.HelloResponse;
import dev.caisson.ttrpc.proto.guest.Interface;
import dev.caisson.ttrpc.proto.guest.NetworkRequest;
import dev.caisson.ttrpc.proto.guest.NetworkResponse;
import dev.caisson.ttrpc.proto.guest.PageFrames;
import dev.caisson.ttrpc.proto.guest.PrepareRequest;
import dev.caisson.ttrpc.proto.guest.PrepareResponse;
import dev.caisson.ttrpc.proto.guest.ProcessorsRequest;
import dev.caisson.ttrpc.proto.guest.ProcessorsResponse;
import dev.caisson.ttrpc.proto.guest.RemoveRequest;
import dev.caisson.ttrpc.proto.guest.RemoveResponse;
import dev.caisson.ttrpc.proto.guest.SettleRequest;
import dev.caisson.ttrpc.proto.guest.SettleResponse;
import dev.caisson.ttrpc.proto.guest.StreamsRequest;
import dev.caisson.ttrpc.proto.guest.StreamsResponse;
import dev.caisson.ttrpc.proto.guest.TouchRequest;
import dev.caisson.ttrpc.proto.guest.TouchResponse;
import dev.caisson.ttrpc.proto.guest.WindowRequest;
import dev.caisson.ttrpc.proto.guest.WindowResponse;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What the host asks for beside tasks ({@code guest/guest.proto}). The host is the guest's master: its words are checked, not doubted. */
final class GuestService {
    /** Of the messages and of what they mean. */
    static final int VERSION = 8;

    private static final int WINSIZE = 8;
    private static final Path CPUS = Path.of("/sys/devices/system/cpu");

    private final Bundles bundles;
    private final Streams streams;
    private final TaskLifecycle lifecycle;
    private final Identity identity;
    private final VolumeChanges changes;

    GuestService(Bundles bundles, Streams streams, TaskLifecycle lifecycle, Identity identity, VolumeChanges changes) {
        this.changes = changes;
        this.identity = identity;
        this.bundles = bundles;
        this.streams = streams;
        this.lifecycle = lifecycle;
    }

    private interface Handler<Q, R> {
        R handle(Pod pod, Q request) throws ContainerFault;
    }

    private static <Q, R> UnaryHandler<Q, R> faults(Handler<Q, R> handler) {
        return (ctx, request) -> {
            try {
                return handler.handle(ctx.connection(PodConnection.class).pod(), request);
            } catch (ContainerFault e) {
                throw Faults.toStatus(e);
            }
        };
    }

    Methods methods() {
        return Methods.builder()
                .unary("Hello", HelloRequest.parser(), faults((pod, q) -> hello(q)))
                .unary("Prepare", PrepareRequest.parser(), this::prepare)
                .unary("AwaitOom", AwaitOomRequest.parser(), faults(GuestService::awaitOom))
                .unary("Remove", RemoveRequest.parser(), faults(this::remove))
                .unary("Streams", StreamsRequest.parser(), faults((pod, q) -> streams(q)))
                .unary("ConnectStreams", ConnectStreamsRequest.parser(), faults(this::connectStreams))
                .unary("Settle", SettleRequest.parser(), faults(this::settle))
                .unary("Network", NetworkRequest.parser(), faults((pod, q) -> network(q)))
                .unary("Processors", ProcessorsRequest.parser(), faults((pod, q) -> processors(q)))
                .unary("Touch", TouchRequest.parser(), faults((pod, q) -> touch(q)))
                .unary("Window", WindowRequest.parser(), faults(this::window))
                .build();
    }

    private HelloResponse hello(HelloRequest q) throws ContainerFault {
        if (q.getVersion() != VERSION) {
            throw new ContainerFault(
                    Kind.UNSUPPORTED,
                    "the host speaks version " + q.getVersion() + " of the guest's service, the image version "
                            + VERSION);
        }
        try {
            MachineClock.Difference left = identity.take(
                    q.getCopy(), q.getBehind(), q.getTime(), q.getEntropy().toByteArray());
            return HelloResponse.newBuilder()
                    .setVersion(VERSION)
                    .setKernel(HostFiles.text("/proc/sys/kernel/osrelease").strip())
                    .setTime(Identity.wallClock())
                    .setClockBehind(left == null ? 0 : left.behind())
                    .setClockBound(left == null ? 0 : left.bound())
                    .build();
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "take over time and entropy: " + Errno.describe(e), e);
        }
    }

    private PrepareResponse prepare(RequestContext ctx, PrepareRequest q) throws TtrpcException {
        PodConnection from = ctx.connection(PodConnection.class);
        // Half of it cannot be done a second time: who asked removes the container.
        from.commit(ctx.streamId());
        try {
            return prepare(from.pod(), q);
        } catch (ContainerFault e) {
            throw Faults.toStatus(e);
        }
    }

    private PrepareResponse prepare(Pod pod, PrepareRequest q) throws ContainerFault {
        String id = Identifiers.require("container id", q.getId());
        if (q.hasNetwork()) {
            var _ = network(q.getNetwork());
        }
        if (q.getVolumes()) {
            changes.hear();
        }
        String device = q.getDisk().isEmpty() ? null : Disks.find(q.getDisk());
        String bundle = bundles.make(id, device, q.getConfig().toByteArray()).toString();
        CreateTaskRequest.Builder task =
                CreateTaskRequest.newBuilder().setId(id).setBundle(bundle).setTerminal(q.getTerminal());
        if (q.getStdin()) {
            task.setStdin(streams.make(id, "", 0));
        }
        if (q.getStdout()) {
            task.setStdout(streams.make(id, "", 1));
        }
        if (q.getStderr()) {
            task.setStderr(streams.make(id, "", 2));
        }
        lifecycle.creation().createTask(pod, task.build());
        return PrepareResponse.getDefaultInstance();
    }

    private static AwaitOomResponse awaitOom(Pod pod, AwaitOomRequest q) throws ContainerFault {
        return AwaitOomResponse.newBuilder()
                .setKills(TaskExits.awaitOom(pod, q.getId(), q.getSeen()))
                .build();
    }

    private RemoveResponse remove(Pod pod, RemoveRequest q) throws ContainerFault {
        String id = Identifiers.require("container id", q.getId());
        try {
            streams.remove(pod, id);
            bundles.remove(id);
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "remove bundle of " + id + ": " + Errno.describe(e), e);
        }
        return RemoveResponse.getDefaultInstance();
    }

    private StreamsResponse streams(StreamsRequest q) throws ContainerFault {
        String id = Identifiers.require("container id", q.getId());
        String exec = execId(q.getExecId());
        StreamsResponse.Builder r = StreamsResponse.newBuilder();
        if (q.getStdin()) {
            r.setStdin(streams.make(id, exec, 0));
        }
        if (q.getStdout()) {
            r.setStdout(streams.make(id, exec, 1));
        }
        if (q.getStderr()) {
            r.setStderr(streams.make(id, exec, 2));
        }
        return r.build();
    }

    private ConnectStreamsResponse connectStreams(Pod pod, ConnectStreamsRequest q) throws ContainerFault {
        String id = Identifiers.require("container id", q.getId());
        String exec = execId(q.getExecId());
        streams.connect(pod, id, exec, q.getStdinPort(), q.getStdoutPort(), q.getStderrPort());
        return ConnectStreamsResponse.getDefaultInstance();
    }

    private SettleResponse settle(Pod pod, SettleRequest q) throws ContainerFault {
        List<String> ids = new ArrayList<>();
        for (String id : q.getIdsList()) {
            ids.add(Identifiers.require("container id", id));
        }
        streams.settle(pod, ids);
        return SettleResponse.getDefaultInstance();
    }

    private static NetworkResponse network(NetworkRequest q) throws ContainerFault {
        for (Interface each : q.getInterfacesList()) {
            Interfaces.setUp(each);
        }
        Interfaces.keep(q.getInterfacesList());
        if (!q.getHostname().isEmpty()) {
            try {
                HostFiles.write("/proc/sys/kernel/hostname", q.getHostname());
            } catch (ErrnoException e) {
                throw new ContainerFault(Kind.FAILED, "set the machine's name: " + e.getMessage(), e);
            }
        }
        return NetworkResponse.getDefaultInstance();
    }

    private static ProcessorsResponse processors(ProcessorsRequest q) throws ContainerFault {
        return ProcessorsResponse.newBuilder()
                .setCount(new Processors(CPUS).run(q.getRunning()))
                .build();
    }

    private static TouchResponse touch(TouchRequest q) throws ContainerFault {
        long pages = 0;
        try (MachineMemory memory = MachineMemory.open(MachineMemory.FILE)) {
            for (PageFrames each : q.getFramesList()) {
                pages += memory.touch(each.getFirst(), each.getCount());
            }
        } catch (IOException e) {
            throw new ContainerFault(Kind.FAILED, "read " + MachineMemory.FILE + ": " + Errno.describe(e), e);
        }
        return TouchResponse.newBuilder().setPages(pages).build();
    }

    private WindowResponse window(Pod pod, WindowRequest q) throws ContainerFault {
        if (q.getSize().size() != WINSIZE) {
            throw new ContainerFault(
                    Kind.INVALID, "a window size of " + q.getSize().size() + " bytes");
        }
        ByteBuffer size = ByteBuffer.wrap(q.getSize().toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
        int rows = Short.toUnsignedInt(size.getShort());
        int columns = Short.toUnsignedInt(size.getShort());
        lifecycle.resize(pod, q.getId(), q.getExecId(), columns, rows);
        return WindowResponse.getDefaultInstance();
    }

    private static String execId(String id) throws ContainerFault {
        return id.isEmpty() ? id : Identifiers.require("exec id", id);
    }
}
