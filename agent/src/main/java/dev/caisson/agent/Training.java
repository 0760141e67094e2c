package dev.caisson.agent;

import com.google.protobuf.MessageLite;
import dev.caisson.backend.Backends;
import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.plan.Arg;
import dev.caisson.linux.plan.LaunchPlan;
import dev.caisson.linux.plan.PlanBuilder;
import dev.caisson.linux.plan.Sys;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.guest.HelloRequest;
import dev.caisson.ttrpc.proto.guest.PrepareRequest;
import dev.caisson.ttrpc.proto.guest.RemoveRequest;
import dev.caisson.ttrpc.proto.guest.StreamsRequest;
import dev.caisson.ttrpc.proto.guest.TouchRequest;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;
import dev.caisson.ttrpc.proto.task.ExecProcessRequest;
import dev.caisson.ttrpc.proto.task.KillRequest;
import dev.caisson.ttrpc.proto.task.StartRequest;
import dev.caisson.ttrpc.proto.task.WaitRequest;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameEncoder;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Runs an agent without a machine and has it do what it can do there, so that the image's maker can record which classes an agent uses. Part of no
 * running guest.
 */
public final class Training {
    private static final int AF_UNIX = 1;
    private static final int STREAM_CLOEXEC = 0x80001;
    private static final int LISTENER = 3;
    private static final int ROUNDS = 2;
    private static final int HEADER_REST = 6;
    private static final long START_MILLIS = 30_000;

    private Training() {}

    /** {@code MONITOR DIRECTORY} */
    public static void main(String[] args) throws IOException, InterruptedException, ContainerFault {
        Path directory = Path.of(args[1]);
        Path state = Files.createDirectories(directory.resolve("state"));
        new Agent(state, new HostPorts(directory.resolve("ports").toString())).start();
        Path listener = directory.resolve("listener");
        Process monitor = new ProcessBuilder(args[0], "--play").start();
        try (OutputStream to = monitor.getOutputStream()) {
            byte[] plan = monitorAt(listener, state, args[0]).encode();
            to.write(ByteBuffer.allocate(Integer.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putInt(plan.length)
                    .array());
            to.write(plan);
        }
        try {
            await(listener);
            ask(listener);
            new Backends().named("namespace").rehearse(ROUNDS);
        } finally {
            monitor.destroyForcibly();
            monitor.waitFor();
        }
        System.exit(0);
    }

    private static void await(Path socket) throws IOException, InterruptedException {
        long end = System.nanoTime() + START_MILLIS * 1_000_000;
        while (!Files.exists(socket)) {
            if (System.nanoTime() > end) {
                throw new IOException("the monitor does not listen at " + socket);
            }
            Thread.sleep(1);
        }
    }

    /** As the boot plan's end. */
    private static LaunchPlan monitorAt(Path socket, Path state, String monitor) {
        PlanBuilder p = new PlanBuilder();
        byte[] path = socket.toString().getBytes(StandardCharsets.UTF_8);
        byte[] address = ByteBuffer.allocate(Short.BYTES + path.length + 1)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putShort((short) AF_UNIX)
                .put(path)
                .array();
        Arg.Slot made = p.slot();
        p.callInto(made, "make socket", Sys.SOCKET, Arg.of(AF_UNIX), Arg.of(STREAM_CLOEXEC), Arg.ZERO);
        p.call("bind " + socket, Sys.BIND, made, p.bytes(address), Arg.of(address.length));
        p.call("listen", Sys.LISTEN, made, Arg.of(1));
        Arg.Data argv = p.stringArray(List.of("caisson-monitor", state.toString(), "/nonexistent", Agent.POD));
        Arg.Data environment = p.stringArray(List.of());
        p.call("hand over the socket", Sys.DUP2, made, Arg.of(LISTENER));
        p.call("exec " + monitor, Sys.EXECVE, p.string(monitor), argv, environment);
        return p.build();
    }

    /** Most of it is refused, after it was understood. */
    private static void ask(Path listener) throws IOException {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(listener))) {
            call(channel, ServiceNames.GUEST, "Hello", HelloRequest.newBuilder().setVersion(GuestService.VERSION));
            call(
                    channel,
                    ServiceNames.GUEST,
                    "Streams",
                    StreamsRequest.newBuilder().setId("t").setStdin(true).setStdout(true));
            call(
                    channel,
                    ServiceNames.TASK_V2,
                    "Create",
                    CreateTaskRequest.newBuilder().setId("t").setBundle("/nonexistent"));
            call(
                    channel,
                    ServiceNames.TASK_V2,
                    "Start",
                    StartRequest.newBuilder().setId("t"));
            call(channel, ServiceNames.TASK_V2, "Wait", WaitRequest.newBuilder().setId("t"));
            call(channel, ServiceNames.TASK_V2, "Kill", KillRequest.newBuilder().setId("t"));
            call(
                    channel,
                    ServiceNames.TASK_V2,
                    "Exec",
                    ExecProcessRequest.newBuilder().setId("t"));
            call(channel, ServiceNames.GUEST, "Prepare", PrepareRequest.newBuilder());
            call(channel, ServiceNames.GUEST, "Touch", TouchRequest.newBuilder());
            call(
                    channel,
                    ServiceNames.GUEST,
                    "Remove",
                    RemoveRequest.newBuilder().setId("t"));
        }
    }

    private static void call(SocketChannel channel, String service, String method, MessageLite.Builder message)
            throws IOException {
        Request request = Request.newBuilder()
                .setService(service)
                .setMethod(method)
                .setPayload(message.build().toByteString())
                .build();
        channel.write(
                ByteBuffer.wrap(FrameEncoder.encode(Frame.request(STREAMS.next(), (byte) 0, request.toByteArray()))));
        DataInputStream in = new DataInputStream(Channels.newInputStream(channel));
        int length = in.readInt();
        in.skipNBytes(HEADER_REST + (long) length);
    }

    /** Stream ids of a client: odd, and growing. */
    private static final class StreamIds {
        private int last = -1;

        int next() {
            last += 2;
            return last;
        }
    }

    private static final StreamIds STREAMS = new StreamIds();
}
