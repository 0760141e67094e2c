package dev.caisson.daemon;

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
    private static final int GATE_USED = 1;
    private static final int LAUNCHED = 2;
    private static final int EXITED = 4;
    private static final int LOST = 8;

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
                boolean there = true;
                // What is undone is undone while the daemon serves.
                for (int i = 0; i < 40 && there; i++) {
                    Response state = ask(
                            monitor,
                            "State",
                            StateRequest.newBuilder().setId("one").build());
                    there = state.getStatus().getCode() != Code.NOT_FOUND.number();
                    Thread.sleep(10);
                }
                pods.leave();
                return there;
            }
        }
    }

    @Test
    void isUndoneWhenItsCreatorWasToldThatItIsNotThere() throws Exception {
        assertThat(isThereUnderTheNextDaemon(LAUNCHED | LOST)).isFalse();
        try (var records = Files.walk(state.resolve("pods"))) {
            assertThat(records.map(Path::toString)).noneMatch(path -> path.contains("task-one"));
        }
    }

    /** The container's init was killed then, but nothing of it was removed. */
    @Test
    void isUndoneToTheEndWhenTheDaemonThatUndidItDiedToo() throws Exception {
        PodRegistry pods = services();
        Path socket = state.resolve("interrupted.sock");
        try (LinkServer server = new CommandLoop().server(pods)) {
            server.listen(socket);
            try (MonitorClient _ = new MonitorClient(socket, pid(), pod, launch, LAUNCHED | LOST)) {
                // It is told to kill, and does not come to it.
                Path record = state.resolve("pods/" + pod + "/task-one.json");
                for (int i = 0; i < 500 && !Files.readString(record).contains("\"unwanted\" : \"true\""); i++) {
                    Thread.sleep(10);
                }
                assertThat(record).content().contains("\"unwanted\" : \"true\"");
                pods.leave();
            }
        }
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
