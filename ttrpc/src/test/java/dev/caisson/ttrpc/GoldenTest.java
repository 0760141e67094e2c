package dev.caisson.ttrpc;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Any;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import com.google.protobuf.Timestamp;
import dev.caisson.ttrpc.proto.bootstrap.BootstrapParams;
import dev.caisson.ttrpc.proto.bootstrap.BootstrapResult;
import dev.caisson.ttrpc.proto.cgroups1.Metrics;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.proto.events.TaskCreate;
import dev.caisson.ttrpc.proto.events.TaskDelete;
import dev.caisson.ttrpc.proto.events.TaskExecAdded;
import dev.caisson.ttrpc.proto.events.TaskExecStarted;
import dev.caisson.ttrpc.proto.events.TaskExit;
import dev.caisson.ttrpc.proto.events.TaskOOM;
import dev.caisson.ttrpc.proto.events.TaskPaused;
import dev.caisson.ttrpc.proto.events.TaskResumed;
import dev.caisson.ttrpc.proto.events.TaskStart;
import dev.caisson.ttrpc.proto.forward.ForwardRequest;
import dev.caisson.ttrpc.proto.process.Status;
import dev.caisson.ttrpc.proto.runc.Options;
import dev.caisson.ttrpc.proto.task.CloseIORequest;
import dev.caisson.ttrpc.proto.task.ConnectRequest;
import dev.caisson.ttrpc.proto.task.ConnectResponse;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;
import dev.caisson.ttrpc.proto.task.CreateTaskResponse;
import dev.caisson.ttrpc.proto.task.DeleteRequest;
import dev.caisson.ttrpc.proto.task.DeleteResponse;
import dev.caisson.ttrpc.proto.task.ExecProcessRequest;
import dev.caisson.ttrpc.proto.task.KillRequest;
import dev.caisson.ttrpc.proto.task.PauseRequest;
import dev.caisson.ttrpc.proto.task.PidsRequest;
import dev.caisson.ttrpc.proto.task.PidsResponse;
import dev.caisson.ttrpc.proto.task.ResumeRequest;
import dev.caisson.ttrpc.proto.task.ShutdownRequest;
import dev.caisson.ttrpc.proto.task.StartRequest;
import dev.caisson.ttrpc.proto.task.StartResponse;
import dev.caisson.ttrpc.proto.task.StateRequest;
import dev.caisson.ttrpc.proto.task.StateResponse;
import dev.caisson.ttrpc.proto.task.StatsRequest;
import dev.caisson.ttrpc.proto.task.StatsResponse;
import dev.caisson.ttrpc.proto.task.WaitRequest;
import dev.caisson.ttrpc.proto.task.WaitResponse;
import dev.caisson.ttrpc.wire.Frame;
import dev.caisson.ttrpc.wire.FrameDecoder;
import dev.caisson.ttrpc.wire.FrameEncoder;
import dev.caisson.ttrpc.wire.FrameListener;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What real containerds and their runc shims said to each other; golden/README.md tells how it was recorded. */
class GoldenTest {
    private static final String OLD = "containerd-1.6.20";
    private static final String NEW = "containerd-2.4.2";

    /** Go's zero time, 0001-01-01: what the runc shim sends for "has not exited". */
    private static final Timestamp GO_ZERO =
            Timestamp.newBuilder().setSeconds(-62135596800L).build();

    private record Messages(Parser<? extends MessageLite> request, Parser<? extends MessageLite> response) {}

    private static final Map<String, Messages> TASK = task();

    private static Map<String, Messages> task() {
        Parser<com.google.protobuf.Empty> empty = com.google.protobuf.Empty.parser();
        Map<String, Messages> all = new HashMap<>();
        all.put("Create", new Messages(CreateTaskRequest.parser(), CreateTaskResponse.parser()));
        all.put("Connect", new Messages(ConnectRequest.parser(), ConnectResponse.parser()));
        all.put("Start", new Messages(StartRequest.parser(), StartResponse.parser()));
        all.put("State", new Messages(StateRequest.parser(), StateResponse.parser()));
        all.put("Exec", new Messages(ExecProcessRequest.parser(), empty));
        all.put("Wait", new Messages(WaitRequest.parser(), WaitResponse.parser()));
        all.put("Delete", new Messages(DeleteRequest.parser(), DeleteResponse.parser()));
        all.put("CloseIO", new Messages(CloseIORequest.parser(), empty));
        all.put("Pids", new Messages(PidsRequest.parser(), PidsResponse.parser()));
        all.put("Stats", new Messages(StatsRequest.parser(), StatsResponse.parser()));
        all.put("Pause", new Messages(PauseRequest.parser(), empty));
        all.put("Resume", new Messages(ResumeRequest.parser(), empty));
        all.put("Kill", new Messages(KillRequest.parser(), empty));
        all.put("Shutdown", new Messages(ShutdownRequest.parser(), empty));
        return all;
    }

    private static byte[] bytes(String version, String name) throws IOException {
        String path = "/golden/" + version + "/" + name + ".bin";
        try (InputStream in = GoldenTest.class.getResourceAsStream(path)) {
            assertThat(in).as(path).isNotNull();
            return in.readAllBytes();
        }
    }

    /** Decodes a recorded direction and checks that encoding its frames yields the recorded bytes. */
    private static List<Frame> frames(String version, String name) throws IOException {
        byte[] recorded = bytes(version, name);
        List<Frame> frames = new ArrayList<>();
        FrameDecoder decoder = new FrameDecoder(new FrameListener() {
            @Override
            public void onFrame(Frame frame) {
                frames.add(frame);
            }

            @Override
            public void onOversized(int streamId, byte type, byte flags, long length) {
                throw new AssertionError("oversized frame on stream " + streamId);
            }
        });
        decoder.feed(recorded, 0, recorded.length);
        assertThat(decoder.atBoundary()).isTrue();
        ByteArrayOutputStream again = new ByteArrayOutputStream();
        for (Frame frame : frames) {
            again.writeBytes(FrameEncoder.encode(frame));
        }
        assertThat(again.toByteArray()).isEqualTo(recorded);
        return frames;
    }

    /** One call of a recorded connection; messages are decoded and were found to encode to the same bytes. */
    private record Call(Request request, MessageLite message, Response response, MessageLite answer) {
        String name() {
            return request.getMethod();
        }
    }

    private static <M extends MessageLite> M exact(Parser<M> parser, byte[] bytes) throws IOException {
        M message = parser.parseFrom(bytes);
        assertThat(message.toByteArray()).isEqualTo(bytes);
        return message;
    }

    private static List<Call> calls(String version, String connection) throws IOException {
        Map<Integer, Response> responses = new HashMap<>();
        for (Frame frame : frames(version, connection + ".server")) {
            assertThat(frame.type()).isEqualTo((byte) 2);
            assertThat(frame.flags()).isZero();
            responses.put(frame.streamId(), exact(Response.parser(), frame.payload()));
        }
        List<Call> calls = new ArrayList<>();
        int expected = 1;
        for (Frame frame : frames(version, connection + ".client")) {
            assertThat(frame.type()).isEqualTo((byte) 1);
            assertThat(frame.flags()).isZero();
            assertThat(frame.streamId()).isEqualTo(expected);
            expected += 2;
            Request request = exact(Request.parser(), frame.payload());
            Messages messages = TASK.get(request.getMethod());
            if (messages == null) {
                assertThat(request.getMethod()).isEqualTo("Forward");
                messages = new Messages(ForwardRequest.parser(), com.google.protobuf.Empty.parser());
            }
            Response response = responses.remove(frame.streamId());
            if (response == null) {
                throw new AssertionError("no response to stream " + frame.streamId());
            }
            calls.add(new Call(
                    request,
                    exact(messages.request(), request.getPayload().toByteArray()),
                    response,
                    exact(messages.response(), response.getPayload().toByteArray())));
        }
        assertThat(responses).isEmpty();
        return calls;
    }

    private static List<Call> named(List<Call> calls, String method) {
        List<Call> some = new ArrayList<>();
        for (Call call : calls) {
            if (call.name().equals(method)) {
                some.add(call);
            }
        }
        return some;
    }

    @ParameterizedTest
    @CsvSource({OLD + "," + ServiceNames.TASK_V2, NEW + "," + ServiceNames.TASK_V3})
    void theLifeOfATask(String version, String service) throws IOException {
        List<Call> calls = calls(version, "task-life-1");

        assertThat(calls).allMatch(call -> call.request().getService().equals(service));
        assertThat(new TreeSet<>(calls.stream().map(Call::name).toList())).isEqualTo(new TreeSet<>(TASK.keySet()));

        CreateTaskRequest create = (CreateTaskRequest) calls.getFirst().message();
        assertThat(create.getId()).isEqualTo("life");
        assertThat(create.getBundle()).isEqualTo("/run/golden/state/io.containerd.runtime.v2.task/golden/life");
        assertThat(create.getRootfs(0).getType()).isEqualTo("overlay");
        assertThat(create.getRootfs(0).getOptionsList()).anyMatch(option -> option.startsWith("lowerdir="));
        assertThat(create.getTerminal()).isFalse();
        assertThat(create.getStdout()).startsWith("/run/containerd/fifo/").endsWith("/life-stdout");
        assertThat(AnyTypes.is(create.getOptions(), Options.class)).isTrue();
        assertThat(create.getOptions().getTypeUrl()).isEqualTo("containerd.runc.v1.Options");

        int pid = ((CreateTaskResponse) calls.getFirst().answer()).getPid();
        assertThat(pid).isPositive();
        Call start = named(calls, "Start").getFirst();
        assertThat(((StartResponse) start.answer()).getPid()).isEqualTo(pid);
        ConnectResponse connect =
                (ConnectResponse) named(calls, "Connect").getFirst().answer();
        assertThat(connect.getTaskPid()).isEqualTo(pid);
        assertThat(connect.getShimPid()).isPositive().isNotEqualTo(pid);

        PidsResponse pids = (PidsResponse) named(calls, "Pids").getFirst().answer();
        assertThat(pids.getProcessesList()).singleElement().satisfies(process -> {
            assertThat(process.getPid()).isEqualTo(pid);
            assertThat(process.hasInfo()).isFalse();
        });

        StateResponse running = (StateResponse) named(calls, "State").getFirst().answer();
        assertThat(running.getStatus()).isEqualTo(Status.RUNNING);
        assertThat(running.getExitedAt()).isEqualTo(GO_ZERO);

        KillRequest kill = (KillRequest) named(calls, "Kill").getFirst().message();
        assertThat(kill.getSignal()).isEqualTo(9);
        Call second = named(calls, "Kill").getLast();
        assertThat(second.response().getStatus().getCode()).isEqualTo(Code.NOT_FOUND.number());

        DeleteResponse delete =
                (DeleteResponse) named(calls, "Delete").getLast().answer();
        assertThat(delete.getPid()).isEqualTo(pid);
        assertThat(delete.getExitStatus()).isEqualTo(137);
        assertThat(delete.getExitedAt().getSeconds()).isGreaterThan(1_700_000_000L);
        assertThat(calls.getLast().message())
                .isEqualTo(ShutdownRequest.newBuilder().setId("life").build());
    }

    @ParameterizedTest
    @ValueSource(strings = {OLD, NEW})
    void execs(String version) throws IOException {
        List<Call> calls = calls(version, "task-life-1");

        List<Call> execs = named(calls, "Exec");
        assertThat(execs)
                .extracting(call -> ((ExecProcessRequest) call.message()).getExecId())
                .containsExactly("say", "code", "missing", "cat");
        assertThat(execs).allMatch(call -> call.answer().getSerializedSize() == 0);
        Any spec = ((ExecProcessRequest) execs.getFirst().message()).getSpec();
        assertThat(spec.getTypeUrl()).isEqualTo(AnyTypes.PROCESS);
        assertThat(spec.getValue().toStringUtf8()).contains("\"args\":[\"/bin/busybox\",\"echo\",\"hello\"]");

        Map<String, Integer> exits = new LinkedHashMap<>();
        for (Call wait : named(calls, "Wait")) {
            exits.put(((WaitRequest) wait.message()).getExecId(), ((WaitResponse) wait.answer()).getExitStatus());
        }
        assertThat(exits).containsEntry("say", 0).containsEntry("code", 42);

        for (Call start : named(calls, "Start")) {
            boolean missing = ((StartRequest) start.message()).getExecId().equals("missing");
            assertThat(start.response().hasStatus()).isEqualTo(missing);
            if (missing) {
                assertThat(start.response().getStatus().getCode()).isEqualTo(Code.UNKNOWN.number());
                assertThat(start.response().getStatus().getMessage()).contains("/no/such/program");
            }
        }
        assertThat(named(calls, "CloseIO"))
                .allSatisfy(call ->
                        assertThat(((CloseIORequest) call.message()).getStdin()).isTrue());
    }

    @Test
    void timeoutsAndMetadata() throws IOException {
        for (Call call : calls(OLD, "task-life-1")) {
            assertThat(call.request().getMetadataCount()).isZero();
        }
        for (Call call : calls(NEW, "task-life-1")) {
            assertThat(Metadata.of(call.request().getMetadataList()).first(Metadata.NAMESPACE))
                    .contains("golden");
        }
        assertThat(named(calls(OLD, "task-life-1"), "State"))
                .anySatisfy(
                        call -> assertThat(call.request().getTimeoutNano()).isBetween(1_900_000_000L, 2_000_000_000L));
        assertThat(named(calls(NEW, "task-life-1"), "Shutdown"))
                .allSatisfy(
                        call -> assertThat(call.request().getTimeoutNano()).isBetween(2_900_000_000L, 3_000_000_000L));
    }

    @ParameterizedTest
    @ValueSource(strings = {OLD, NEW})
    void statsOnCgroupV1(String version) throws IOException {
        StatsResponse stats = (StatsResponse)
                named(calls(version, "task-life-1"), "Stats").getFirst().answer();
        Metrics metrics = AnyTypes.unpack(stats.getStats(), Metrics.getDefaultInstance());

        assertThat(stats.getStats().getTypeUrl()).isEqualTo("io.containerd.cgroups.v1.Metrics");
        assertThat(metrics.getPids().getCurrent()).isEqualTo(1);
        assertThat(metrics.getMemory().getUsage().getLimit()).isEqualTo(67108864);
        assertThat(metrics.getCpu().getUsage().getPerCpuCount()).isEqualTo(2);
        assertThat(exact(Metrics.parser(), stats.getStats().getValue().toByteArray()))
                .isEqualTo(metrics);
    }

    @ParameterizedTest
    @ValueSource(strings = {OLD, NEW})
    void eventsOfALife(String version) throws IOException {
        List<String> seen = new ArrayList<>();
        for (Call call : calls(version, "events-1")) {
            assertThat(call.request().getService()).isEqualTo(ServiceNames.EVENTS);
            var envelope = ((ForwardRequest) call.message()).getEnvelope();
            assertThat(envelope.getNamespace()).isEqualTo("golden");
            assertThat(envelope.getTimestamp().getSeconds()).isGreaterThan(1_700_000_000L);
            seen.add(envelope.getTopic() + " " + subject(envelope.getTopic(), envelope.getEvent()));
        }
        assertThat(seen)
                .startsWith(
                        "/tasks/create life",
                        "/tasks/start life",
                        "/tasks/exec-added say",
                        "/tasks/exec-started say",
                        "/tasks/exit say 0")
                .contains("/tasks/exit code 42", "/tasks/paused life", "/tasks/resumed life")
                .contains("/tasks/exit life 137", "/tasks/delete life 137");
    }

    @ParameterizedTest
    @ValueSource(strings = {OLD, NEW})
    void eventsOfAnOom(String version) throws IOException {
        List<String> topics = new ArrayList<>();
        for (Call call : calls(version, "events-2")) {
            var envelope = ((ForwardRequest) call.message()).getEnvelope();
            topics.add(envelope.getTopic() + " " + subject(envelope.getTopic(), envelope.getEvent()));
        }
        assertThat(topics)
                .containsExactly(
                        "/tasks/create oom",
                        "/tasks/start oom",
                        "/tasks/oom oom",
                        "/tasks/exit oom 137",
                        "/tasks/delete oom 137");
    }

    private static String subject(String topic, Any event) {
        return switch (topic) {
            case "/tasks/create" -> {
                TaskCreate create = AnyTypes.unpack(event, TaskCreate.getDefaultInstance());
                assertThat(create.getPid()).isPositive();
                assertThat(create.getIo().getStdout()).isNotEmpty();
                yield create.getContainerId();
            }
            case "/tasks/start" ->
                AnyTypes.unpack(event, TaskStart.getDefaultInstance()).getContainerId();
            case "/tasks/exec-added" ->
                AnyTypes.unpack(event, TaskExecAdded.getDefaultInstance()).getExecId();
            case "/tasks/exec-started" ->
                AnyTypes.unpack(event, TaskExecStarted.getDefaultInstance()).getExecId();
            case "/tasks/exit" -> {
                TaskExit exit = AnyTypes.unpack(event, TaskExit.getDefaultInstance());
                yield exit.getId() + " " + exit.getExitStatus();
            }
            case "/tasks/delete" -> {
                TaskDelete delete = AnyTypes.unpack(event, TaskDelete.getDefaultInstance());
                yield delete.getContainerId() + " " + delete.getExitStatus();
            }
            case "/tasks/paused" ->
                AnyTypes.unpack(event, TaskPaused.getDefaultInstance()).getContainerId();
            case "/tasks/resumed" ->
                AnyTypes.unpack(event, TaskResumed.getDefaultInstance()).getContainerId();
            case "/tasks/oom" ->
                AnyTypes.unpack(event, TaskOOM.getDefaultInstance()).getContainerId();
            default -> throw new AssertionError(topic);
        };
    }

    @ParameterizedTest
    @ValueSource(strings = {OLD, NEW})
    void aCreateThatFails(String version) throws IOException {
        Call create = calls(version, "task-fail-1").getFirst();
        assertThat(create.name()).isEqualTo("Create");
        assertThat(create.response().getStatus().getCode()).isEqualTo(Code.UNKNOWN.number());
        assertThat(create.response().getStatus().getMessage()).contains("/no/such/program");
        assertThat(create.response().getPayload().isEmpty()).isTrue();
    }

    @Test
    void bootstrapOfContainerd2() throws IOException {
        BootstrapParams params = exact(BootstrapParams.parser(), bytes(NEW, "life.start.stdin"));
        assertThat(params.getInstanceId()).isEqualTo("life");
        assertThat(params.getNamespace()).isEqualTo("golden");
        assertThat(params.getContainerdTtrpcAddress()).isEqualTo("/run/golden/containerd.sock.ttrpc");
        assertThat(params.getContainerdGrpcAddress()).isEqualTo("/run/golden/containerd.sock");
        assertThat(params.getContainerdBinary()).isEqualTo("/run/golden/programs/containerd");
        assertThat(params.getSocketDir()).isEqualTo("/run/containerd/s");
        assertThat(params.getExtensions(0).getValue().getTypeUrl()).isEqualTo("containerd.runc.v1.Options");

        BootstrapResult result = exact(BootstrapResult.parser(), bytes(NEW, "life.start.stdout"));
        assertThat(result.getVersion()).isEqualTo(3);
        assertThat(result.getAddress()).startsWith("unix:///run/containerd/s/");
        assertThat(result.getProtocol()).isEqualTo("ttrpc");
    }

    @Test
    void bootstrapOfContainerd1() throws IOException {
        Any options = exact(Any.parser(), bytes(OLD, "life.start.stdin"));
        assertThat(AnyTypes.is(options, Options.class)).isTrue();
        // An Any parses as BootstrapParams too: only the values tell them apart.
        assertThat(BootstrapParams.parseFrom(bytes(OLD, "life.start.stdin")).getInstanceId())
                .isEqualTo("containerd.runc.v1.Options");
        assertThat(new String(bytes(OLD, "life.start.stdout"), java.nio.charset.StandardCharsets.UTF_8))
                .startsWith("unix:///run/containerd/s/");
    }

    @ParameterizedTest
    @ValueSource(strings = {OLD, NEW})
    void whatDeletePrints(String version) throws IOException {
        DeleteResponse response = exact(DeleteResponse.parser(), bytes(version, "life.delete.stdout"));
        assertThat(response.getExitStatus()).isEqualTo(137);
        assertThat(response.getExitedAt().getSeconds()).isGreaterThan(1_700_000_000L);
    }

    /** A server fed with containerd's own bytes answers what runc's shim answered. */
    @ParameterizedTest
    @ValueSource(strings = {OLD, NEW})
    void replayedRequestsGetTheRecordedAnswers(String version) throws Exception {
        Map<Integer, Frame> recorded = new HashMap<>();
        for (Frame frame : frames(version, "task-life-1.server")) {
            recorded.put(frame.streamId(), frame);
        }
        Methods.Builder methods = Methods.builder();
        for (String name : TASK.keySet()) {
            methods.rawUnary(name, (context, request) -> {
                Response response = Response.parseFrom(
                        Objects.requireNonNull(recorded.get(context.streamId())).payload());
                if (response.hasStatus()) {
                    throw TtrpcException.of(response.getStatus());
                }
                return response.getPayload().toByteArray();
            });
        }
        Methods task = methods.build();
        try (var executor = java.util.concurrent.Executors.newVirtualThreadPerTaskExecutor();
                TtrpcServer server = new TtrpcServer(
                        ServiceRegistry.builder()
                                .service(ServiceNames.TASK_V2, task)
                                .service(ServiceNames.TASK_V3, task)
                                .build(),
                        executor)) {
            RecordingSink sink = new RecordingSink();
            ServerConnection connection = server.connect(sink, ConnectionInfo.NONE);
            for (Frame request : frames(version, "task-life-1.client")) {
                connection.onFrame(request);
            }
            Map<Integer, Frame> answered = new HashMap<>();
            while (answered.size() < recorded.size()) {
                Frame frame = sink.next();
                answered.put(frame.streamId(), frame);
            }
            assertThat(answered).isEqualTo(recorded);
        }
    }
}
