package dev.caisson.daemon;

import static dev.caisson.shim.link.MonitorClient.EXITED;
import static dev.caisson.shim.link.MonitorClient.GATE_USED;
import static dev.caisson.shim.link.MonitorClient.LAUNCHED;
import static dev.caisson.shim.link.MonitorClient.LOST;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.MessageLite;
import dev.caisson.backend.Backends;
import dev.caisson.backend.state.RecordStore;
import dev.caisson.shim.link.CommandClient;
import dev.caisson.shim.link.CommandLoop;
import dev.caisson.shim.link.LinkServer;
import dev.caisson.shim.link.MonitorClient;
import dev.caisson.shim.pod.PodRegistry;
import dev.caisson.ttrpc.Code;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.proto.task.CreateTaskRequest;
import dev.caisson.ttrpc.proto.task.StateRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A daemon that dies between storing a container as created and answering: its monitor tells containerd that the container is not to be had. If
 * containerd gives up then, nobody else would ever remove it.
 */
@Timeout(60)
class LostCreateTest {
    private static final String UNWANTED = "unwanted";

    @TempDir
    Path state;

    private final ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
    /** Stands for monitor and container: what is undone by pid is undone to it. */
    private Process process;

    private String pod;
    private int launch;

    @BeforeEach
    void createUnderAFirstDaemon() throws Exception {
        process = new ProcessBuilder("sleep", "1000").start();
        Files.createDirectories(state.resolve("s"));
        WarmUp.writeBundle(state);
        PodRegistry pods = services();
        Path socket = state.resolve("first.sock");
        try (LinkServer server = new CommandLoop().server(pods)) {
            server.listen(socket);
            try (CommandClient command = new CommandClient(socket)) {
                command.call(WarmUp.start("one"), state);
                pod = command.awaitMonitor();
                try (MonitorClient monitor = new MonitorClient(socket, pid(), pod)) {
                    command.started(pid());
                    assertThat(command.awaitEnd()).isZero();
                    Response created = ask(
                            monitor,
                            "Create",
                            CreateTaskRequest.newBuilder()
                                    .setId("one")
                                    .setBundle(state.toString())
                                    .build());
                    assertThat(created.hasStatus() ? created.getStatus().getMessage() : "")
                            .isEmpty();
                    launch = monitor.lastLaunch();
                    pods.leave(); // what it hears of the end means nothing to it
                }
            }
        }
    }

    @AfterEach
    void end() throws InterruptedException {
        process.destroyForcibly().waitFor();
        executor.shutdownNow();
    }

    private int pid() {
        return (int) process.pid();
    }

    private PodRegistry services() {
        return WarmUp.services(new RecordStore(state), state, new Backends(), executor);
    }

    private static Response ask(MonitorClient monitor, String method, MessageLite request) throws IOException {
        return Response.parseFrom(monitor.call(Request.newBuilder()
                .setService(ServiceNames.TASK_V2)
                .setMethod(method)
                .setPayload(request.toByteString())
                .build()
                .toByteArray()));
    }

    /** Whether a second daemon has the container, to which its monitor says {@code flags} of it. */
    private boolean isThereUnderTheNextDaemon(int flags) throws Exception {
        PodRegistry pods = services();
        Path socket = state.resolve("second.sock");
        try (LinkServer server = new CommandLoop().server(pods)) {
            server.listen(socket);
            try (MonitorClient monitor = new MonitorClient(socket, pid(), pod, launch, flags)) {
                boolean undone = monitor.awaitGivenUp();
                if (undone) {
                    if ((flags & EXITED) == 0) {
                        // It waits for the end, and what it is about was written down first: this daemon may die over
                        // it too.
                        assertThat(new RecordStore(state).read("pods/" + pod + "/task-one"))
                                .containsEntry(UNWANTED, "true");
                    }
                    monitor.exit(launch);
                    awaitNotFound(monitor);
                }
                pods.leave();
                return !undone;
            }
        }
    }

    /** What is undone is undone while the daemon serves. */
    private static void awaitNotFound(MonitorClient monitor) throws IOException {
        StateRequest request = StateRequest.newBuilder().setId("one").build();
        while (ask(monitor, "State", request).getStatus().getCode() != Code.NOT_FOUND.number()) {
            Thread.onSpinWait();
        }
    }

    @Test
    void isUndoneWhenItsCreatorWasToldThatItIsNotThere() throws Exception {
        assertThat(isThereUnderTheNextDaemon(LAUNCHED | LOST)).isFalse();
        try (var records = Files.walk(state.resolve("pods"))) {
            assertThat(records.map(Path::toString)).noneMatch(path -> path.contains("task-one"));
        }
    }

    /** The daemon that undid it died when it had killed its init, and had removed nothing. */
    @Test
    void isUndoneToTheEnd() throws Exception {
        RecordStore store = new RecordStore(state);
        String name = "pods/" + pod + "/task-one";
        Map<String, String> record = new LinkedHashMap<>(Objects.requireNonNull(store.read(name)));
        assertThat(record).containsEntry(UNWANTED, "false");
        record.put(UNWANTED, "true");
        store.write(name, record);

        assertThat(isThereUnderTheNextDaemon(LAUNCHED | EXITED)).isFalse();
    }

    @Test
    void staysWhenItsCreatorKnowsOfIt() throws Exception {
        assertThat(isThereUnderTheNextDaemon(LAUNCHED)).isTrue();
    }

    @Test
    void staysWhenItWasStarted() throws Exception {
        assertThat(isThereUnderTheNextDaemon(LAUNCHED | LOST | GATE_USED)).isTrue();
    }
}
