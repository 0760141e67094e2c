package dev.caisson.ttrpc;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.ttrpc.netty.UnixTransport;
import dev.caisson.ttrpc.proto.task.ConnectRequest;
import dev.caisson.ttrpc.proto.task.ConnectResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs the README's example, and holds the README to it. */
@Timeout(60)
class ReadmeExampleTest {
    @TempDir
    private Path directory;

    private static ConnectResponse example(Path socket) throws Exception {
        // README: begin
        Methods task = Methods.builder()
                .unary("Connect", ConnectRequest.parser(), (context, request) -> {
                    if (!request.getId().equals("c1")) {
                        throw new TtrpcException(Code.NOT_FOUND, "no task " + request.getId());
                    }
                    return ConnectResponse.newBuilder().setTaskPid(42).build();
                })
                .build();
        ServiceRegistry services = ServiceRegistry.builder()
                .service(ServiceNames.TASK_V2, task)
                .service(ServiceNames.TASK_V3, task)
                .build();
        try (var handlers = Executors.newVirtualThreadPerTaskExecutor();
                var transport = new UnixTransport();
                var server = new TtrpcServer(services, handlers);
                var listener = transport.listen(socket, server);
                var client = transport.connect(listener.socket(), Duration.ofSeconds(1))) {
            ConnectRequest request = ConnectRequest.newBuilder().setId("c1").build();
            CallOptions options = CallOptions.timeout(Duration.ofSeconds(2));
            return client.call(ServiceNames.TASK_V3, "Connect", request, ConnectResponse.parser(), options);
        }
        // README: end
    }

    @Test
    void itRuns() throws Exception {
        assertThat(example(directory.resolve("s")).getTaskPid()).isEqualTo(42);
        assertThat(directory).isEmptyDirectory();
    }

    @Test
    void theReadmeShowsExactlyThis() throws Exception {
        List<String> shown = new ArrayList<>();
        boolean inside = false;
        for (String line : Files.readAllLines(Path.of("src/test/java/dev/caisson/ttrpc/ReadmeExampleTest.java"))) {
            if (line.strip().equals("// README: end")) {
                break;
            }
            if (inside) {
                shown.add(line.isEmpty() ? line : line.substring(8));
            }
            inside |= line.strip().equals("// README: begin");
        }
        assertThat(shown).hasSizeGreaterThan(15);
        assertThat(Files.readString(Path.of("README.md"))).contains("```java\n" + String.join("\n", shown) + "\n```");
    }
}
