package dev.caisson.kvm.guest;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import dev.caisson.backend.ContainerFault;
import dev.caisson.backend.ContainerFault.Kind;
import dev.caisson.kvm.memory.Footprint;
import dev.caisson.kvm.plan.ProxyFrames;
import dev.caisson.linux.cgroup.CgroupStats;
import dev.caisson.ttrpc.CallOptions;
import dev.caisson.ttrpc.Code;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.TtrpcClient;
import dev.caisson.ttrpc.TtrpcException;
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
import dev.caisson.ttrpc.proto.guest.Route;
import dev.caisson.ttrpc.proto.guest.SettleRequest;
import dev.caisson.ttrpc.proto.guest.SettleResponse;
import dev.caisson.ttrpc.proto.guest.StreamsRequest;
import dev.caisson.ttrpc.proto.guest.StreamsResponse;
import dev.caisson.ttrpc.proto.guest.TouchRequest;
import dev.caisson.ttrpc.proto.guest.TouchResponse;
import dev.caisson.ttrpc.proto.task.DeleteRequest;
import dev.caisson.ttrpc.proto.task.DeleteResponse;
import dev.caisson.ttrpc.proto.task.ExecProcessRequest;
import dev.caisson.ttrpc.proto.task.KillRequest;
import dev.caisson.ttrpc.proto.task.PauseRequest;
import dev.caisson.ttrpc.proto.task.ResumeRequest;
import dev.caisson.ttrpc.proto.task.StartRequest;
import dev.caisson.ttrpc.proto.task.StartResponse;
import dev.caisson.ttrpc.proto.task.StatsRequest;
import dev.caisson.ttrpc.proto.task.StatsResponse;
import dev.caisson.ttrpc.proto.task.UpdateTaskRequest;
import dev.caisson.ttrpc.proto.task.WaitRequest;
import dev.caisson.ttrpc.proto.task.WaitResponse;
import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** The agent in one guest, asked one thing at a time; each time over a connection of its own, so that nothing is left of a daemon that ends. */
public final class GuestAgent {
    /** Where process 1 of the image listens ({@code dev.caisson.image.BootPlan}). */
    public static final int PORT = 1025;

    private static final String HELLO = "Hello";
    private static final int VERSION = 8;
    private static final int ENTROPY = 64;
    private static final Duration CALL_TIME = Duration.ofMinutes(2);
    private static final Duration CONNECT_TIME = Duration.ofSeconds(30);

    private final Path machine;
    private final Supplier<String> console;
    private final Duration connectTime;

    /**
     * The agent of a machine.
     *
     * @param machine the unix socket of the guest's ports
     * @param console asked for the last lines of the guest's console when the guest does not answer
     */
    public GuestAgent(Path machine, Supplier<String> console) {
        this(machine, console, CONNECT_TIME);
    }

    private GuestAgent(Path machine, Supplier<String> console, Duration connectTime) {
        this.machine = machine;
        this.console = console;
        this.connectTime = connectTime;
    }

    /**
     * The same, for who asks again: a connection that was begun while the guest's driver began was seen never to be answered.
     *
     * @param limit how long the guest's kernel may take to say that somebody listens; at most as long as usual
     */
    public GuestAgent within(Duration limit) {
        return new GuestAgent(machine, console, limit.compareTo(CONNECT_TIME) < 0 ? limit : CONNECT_TIME);
    }

    /** A guest that does not answer may have said why; one that is being greeted is asked again and again. */
    private String last(String method) {
        return method.equals(HELLO) ? "" : "; its console: " + GuestText.lines(console.get());
    }

    private <R extends MessageLite> R call(
            String service, String method, MessageLite request, Parser<R> responses, String what)
            throws ContainerFault {
        return call(service, method, request, responses, what, CallOptions.timeout(CALL_TIME));
    }

    private <R extends MessageLite> R call(
            String service, String method, MessageLite request, Parser<R> responses, String what, CallOptions options)
            throws ContainerFault {
        try (TtrpcClient client = AgentConnection.open(machine, PORT, connectTime)) {
            return client.call(service, method, request, responses, options);
        } catch (TtrpcException e) {
            Kind kind = kind(e.code());
            String said = GuestText.sentence(e.getMessage());
            throw new ContainerFault(kind, what + ": " + said + (kind == Kind.UNAVAILABLE ? last(method) : ""), e);
        } catch (IOException e) {
            throw new ContainerFault(Kind.UNAVAILABLE, what + ": " + e.getMessage() + last(method), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ContainerFault(Kind.UNAVAILABLE, what + ": interrupted", e);
        }
    }

    private static Kind kind(Code code) {
        return switch (code) {
            case INVALID_ARGUMENT -> Kind.INVALID;
            case NOT_FOUND -> Kind.NOT_FOUND;
            case ALREADY_EXISTS -> Kind.ALREADY_EXISTS;
            case FAILED_PRECONDITION -> Kind.WRONG_STATE;
            case UNIMPLEMENTED -> Kind.UNSUPPORTED;
            case UNAVAILABLE, DEADLINE_EXCEEDED -> Kind.UNAVAILABLE;
            default -> Kind.FAILED;
        };
    }

    /**
     * What a guest must know that is the copy of another one.
     *
     * @param name the copy's own, by which it knows whether it was told before
     * @param behind by how many nanoseconds its clocks are behind
     */
    public record Copy(String name, long behind) {}

    /**
     * What a guest says of itself.
     *
     * @param kernel the release of its kernel
     * @param time what its clock shows, in nanoseconds since 1970
     * @param clockBehind by how many nanoseconds that was behind the host's clock when it had been set; 0 with a bound of 0 when the guest cannot tell
     * @param clockBound by how many nanoseconds {@code clockBehind} may be wrong
     */
    public record Greeting(String kernel, long time, long clockBehind, long clockBound) {}

    /**
     * The hand-shake: it fails with UNSUPPORTED for an image of another version, and with UNAVAILABLE while there is no agent. A copy has its own time and
     * entropy afterwards.
     *
     * @param copy null for a guest that has booted
     */
    public Greeting hello(@Nullable Copy copy) throws ContainerFault {
        byte[] entropy = new byte[ENTROPY];
        new SecureRandom().nextBytes(entropy);
        Instant now = Instant.now();
        HelloRequest request = HelloRequest.newBuilder()
                .setVersion(VERSION)
                .setTime(now.getEpochSecond() * 1_000_000_000L + now.getNano())
                .setEntropy(ByteString.copyFrom(entropy))
                .setCopy(copy == null ? "" : copy.name())
                .setBehind(copy == null ? 0 : copy.behind())
                .build();
        HelloResponse response =
                call(ServiceNames.GUEST, HELLO, request, HelloResponse.parser(), "greet the guest's agent");
        return new Greeting(
                GuestText.sentence(response.getKernel()),
                response.getTime(),
                response.getClockBehind(),
                response.getClockBound());
    }

    /**
     * A pod's network, as its guest is told of it; cards of the guest's that are not among these are nobody's from then on.
     *
     * @param cards by which link-layer addresses the guest knows the cards of the interfaces
     * @param hostname empty for no change
     */
    public record Network(List<PodInterface> interfaces, List<String> cards, String hostname) {
        public Network {
            interfaces = List.copyOf(interfaces);
            cards = List.copyOf(cards);
        }

        /** Of a guest that has such interfaces already, by their names; their addresses may be others. */
        public static Network known(List<PodInterface> interfaces) {
            return new Network(interfaces, interfaces.stream().map(each -> "").toList(), "");
        }

        private NetworkRequest request() {
            NetworkRequest.Builder request = NetworkRequest.newBuilder().setHostname(hostname);
            for (int i = 0; i < interfaces.size(); i++) {
                PodInterface each = interfaces.get(i);
                Interface.Builder made = Interface.newBuilder()
                        .setName(each.name())
                        .setMac(each.mac())
                        .setMtu(each.mtu())
                        .setCard(cards.get(i))
                        .addAllAddresses(each.addresses());
                for (PodInterface.Route route : each.routes()) {
                    made.addRoutes(Route.newBuilder().setTarget(route.target()).setGateway(route.gateway()));
                }
                request.addInterfaces(made);
            }
            return request.build();
        }
    }

    /**
     * Has the guest read each page that a footprint has, so that none of them stops it later.
     *
     * @param footprint of a machine of the same template
     */
    public void touch(Footprint footprint) throws ContainerFault {
        TouchRequest.Builder request = TouchRequest.newBuilder();
        footprint.frames((first, count) ->
                request.addFrames(PageFrames.newBuilder().setFirst(first).setCount(count)));
        var _ = call(ServiceNames.GUEST, "Touch", request.build(), TouchResponse.parser(), "touch the guest's memory");
    }

    /** Gives the guest the pod's network. */
    public void network(Network network) throws ContainerFault {
        var _ = call(
                ServiceNames.GUEST, "Network", network.request(), NetworkResponse.parser(), "set up the pod's network");
    }

    /**
     * Makes a container up to where its init waits to be started; its streams are to be connected next.
     *
     * @param disk serial number of the disk that its files are on; empty for a configuration that names a root of the guest's
     * @param streams those of its init that have an end on the host
     * @param volumes whether it has files of the host's
     * @param network of the pod, for its first container
     */
    public void prepare(
            String id, String disk, byte[] config, GuestStreams streams, boolean volumes, @Nullable Network network)
            throws ContainerFault {
        PrepareRequest.Builder request = PrepareRequest.newBuilder()
                .setId(id)
                .setDisk(disk)
                .setConfig(ByteString.copyFrom(config))
                .setTerminal(streams.terminal())
                .setStdin(streams.in())
                .setStdout(streams.out())
                .setStderr(streams.err())
                .setVolumes(volumes);
        if (network != null) {
            request.setNetwork(network.request());
        }
        var _ = call(ServiceNames.GUEST, "Prepare", request.build(), PrepareResponse.parser(), "create " + id);
    }

    /**
     * Waits until more than {@code seen} of a container's processes were killed for lack of memory, or its init has ended, however long that takes.
     *
     * @return how many there were
     */
    public long awaitOom(String id, long seen) throws ContainerFault {
        AwaitOomRequest request =
                AwaitOomRequest.newBuilder().setId(id).setSeen(seen).build();
        return call(
                        ServiceNames.GUEST,
                        "AwaitOom",
                        request,
                        AwaitOomResponse.parser(),
                        "watch the memory of " + id,
                        CallOptions.NONE)
                .getKills();
    }

    /** Takes a bundle away; without one it does nothing. */
    public void remove(String id) throws ContainerFault {
        RemoveRequest request = RemoveRequest.newBuilder().setId(id).build();
        var _ = call(ServiceNames.GUEST, "Remove", request, RemoveResponse.parser(), "remove bundle of " + id);
    }

    /**
     * A process's streams in the guest.
     *
     * @param stdin a path there, as the others empty for none
     */
    public record Fifos(String stdin, String stdout, String stderr, boolean terminal) {}

    /** Makes fifos for a process. */
    public Fifos streams(String id, String execId, GuestStreams wanted) throws ContainerFault {
        if (!wanted.any()) {
            return new Fifos("", "", "", false);
        }
        StreamsRequest request = StreamsRequest.newBuilder()
                .setId(id)
                .setExecId(execId)
                .setStdin(wanted.in())
                .setStdout(wanted.out())
                .setStderr(wanted.err())
                .build();
        StreamsResponse made =
                call(ServiceNames.GUEST, "Streams", request, StreamsResponse.parser(), "make streams of " + id);
        return new Fifos(made.getStdin(), made.getStdout(), made.getStderr(), wanted.terminal());
    }

    /** Has the guest call ports of the host's for a process's streams, 0 for none. */
    public void connectStreams(String id, String execId, int stdin, int stdout, int stderr) throws ContainerFault {
        ConnectStreamsRequest request = ConnectStreamsRequest.newBuilder()
                .setId(id)
                .setExecId(execId)
                .setStdinPort(stdin)
                .setStdoutPort(stdout)
                .setStderrPort(stderr)
                .build();
        var _ = call(
                ServiceNames.GUEST,
                "ConnectStreams",
                request,
                ConnectStreamsResponse.parser(),
                "connect streams of " + id);
    }

    /** Adds a process to a task, which is not started. */
    public void exec(String id, String execId, byte[] process, Fifos fifos) throws ContainerFault {
        ExecProcessRequest request = ExecProcessRequest.newBuilder()
                .setId(id)
                .setExecId(execId)
                .setSpec(Any.newBuilder()
                        .setTypeUrl("types.containerd.io/opencontainers/runtime-spec/1/Process")
                        .setValue(ByteString.copyFrom(process)))
                .setStdin(fifos.stdin())
                .setStdout(fifos.stdout())
                .setStderr(fifos.stderr())
                .setTerminal(fifos.terminal())
                .build();
        var _ = call(ServiceNames.TASK_V2, "Exec", request, Empty.parser(), "add process to " + id);
    }

    /** Starts a task, or a process of it. */
    public void start(String id, String execId) throws ContainerFault {
        StartRequest request =
                StartRequest.newBuilder().setId(id).setExecId(execId).build();
        var _ = call(ServiceNames.TASK_V2, "Start", request, StartResponse.parser(), "start " + id);
    }

    /** Waits until a task's init has ended. */
    public void awaitEnd(String id) throws ContainerFault {
        WaitRequest request = WaitRequest.newBuilder().setId(id).build();
        var _ = call(ServiceNames.TASK_V2, "Wait", request, WaitResponse.parser(), "wait for " + id);
    }

    /** What a task uses, as the guest's kernel counts it. */
    public CgroupStats stats(String id) throws ContainerFault {
        StatsRequest request = StatsRequest.newBuilder().setId(id).build();
        StatsResponse response =
                call(ServiceNames.TASK_V2, "Stats", request, StatsResponse.parser(), "count what " + id + " uses");
        return GuestStats.of(response.getStats());
    }

    /** Signals all processes of a task. */
    public void killAll(String id, int signal) throws ContainerFault {
        KillRequest request = KillRequest.newBuilder()
                .setId(id)
                .setSignal(signal)
                .setAll(true)
                .build();
        var _ = call(ServiceNames.TASK_V2, "Kill", request, Empty.parser(), "signal " + id);
    }

    /** Deletes a task, or a process of it. */
    public void delete(String id, String execId) throws ContainerFault {
        DeleteRequest request =
                DeleteRequest.newBuilder().setId(id).setExecId(execId).build();
        var _ = call(ServiceNames.TASK_V2, "Delete", request, DeleteResponse.parser(), "delete " + id);
    }

    public void pause(String id) throws ContainerFault {
        PauseRequest request = PauseRequest.newBuilder().setId(id).build();
        var _ = call(ServiceNames.TASK_V2, "Pause", request, Empty.parser(), "pause " + id);
    }

    public void resume(String id) throws ContainerFault {
        ResumeRequest request = ResumeRequest.newBuilder().setId(id).build();
        var _ = call(ServiceNames.TASK_V2, "Resume", request, Empty.parser(), "resume " + id);
    }

    /** Waits until nothing that a paused container has written is between it and the machine's devices. */
    public void settle(List<String> ids) throws ContainerFault {
        SettleRequest request = SettleRequest.newBuilder().addAllIds(ids).build();
        var _ = call(
                ServiceNames.GUEST,
                "Settle",
                request,
                SettleResponse.parser(),
                "settle streams of " + String.join(", ", ids));
    }

    /** Has so many of the machine's processors run, and the others parked. */
    public void processors(int running) throws ContainerFault {
        ProcessorsRequest request =
                ProcessorsRequest.newBuilder().setRunning(running).build();
        var _ = call(ServiceNames.GUEST, "Processors", request, ProcessorsResponse.parser(), "park processors");
    }

    /** @param resources JSON, as in a configuration */
    public void update(String id, byte[] resources) throws ContainerFault {
        UpdateTaskRequest request = UpdateTaskRequest.newBuilder()
                .setId(id)
                .setResources(Any.newBuilder()
                        .setTypeUrl("types.containerd.io/opencontainers/runtime-spec/1/LinuxResources")
                        .setValue(ByteString.copyFrom(resources)))
                .build();
        var _ = call(ServiceNames.TASK_V2, "Update", request, Empty.parser(), "update " + id);
    }

    /** What a process's proxy will ask for. */
    public static ProxyFrames frames(String id, String execId) {
        return ProxyRequests.of(id, execId);
    }
}
