package dev.caisson.tests.backends;

import dev.caisson.backend.Launcher;
import dev.caisson.backend.testkit.PodFixture;
import dev.caisson.shim.link.CommandCall;
import dev.caisson.shim.link.FrameLoop;
import dev.caisson.shim.link.LinkListener;
import dev.caisson.shim.link.LinkServer;
import dev.caisson.shim.link.MonitorLink;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A real monitor process that takes this test for its daemon. */
final class MonitorPod implements PodFixture {
    private static final String PROGRAM = System.getProperty("caisson.monitor", "../../monitor/target/caisson");

    private final FrameLoop loop = new FrameLoop("link-loop");
    private final LinkServer server;
    private final Process monitor;
    private final MonitorLink link;

    private MonitorPod(Path directory) throws IOException {
        CompletableFuture<MonitorLink> attached = new CompletableFuture<>();
        server = new LinkServer(loop, new Attaching(attached));
        server.listen(directory.resolve("caissond.sock"));
        Path program = Path.of(PROGRAM).toAbsolutePath().normalize();
        if (!Files.isExecutable(program)) {
            throw new IOException(program + " is missing: the reactor's module monitor builds it");
        }
        // Descriptor 3 is where containerd would connect: a fifo that nobody writes to never has anything to say.
        Path fifo = directory.resolve("nobody");
        // Low limits, so that a container which asks for more shows whether it gets it.
        String script =
                "ulimit -n 4096; ulimit -l 64; mkfifo \"$1\" && exec 3<>\"$1\" && exec -a caisson-monitor \"$2\" \"$3\" /nonexistent test-pod";
        monitor = new ProcessBuilder(
                        "bash", "-c", script, "bash", fifo.toString(), program.toString(), directory.toString())
                .inheritIO()
                .start();
        try {
            link = attached.get(10, TimeUnit.SECONDS);
        } catch (InterruptedException | ExecutionException | TimeoutException e) {
            monitor.destroyForcibly();
            throw new IOException("monitor did not attach", e);
        }
    }

    static MonitorPod open(Path directory) throws IOException {
        return new MonitorPod(directory);
    }

    @Override
    public Launcher launcher() {
        return link;
    }

    @Override
    public long parentPid() {
        return monitor.pid();
    }

    @Override
    public void close() {
        link.quit();
        try {
            if (!monitor.waitFor(5, TimeUnit.SECONDS)) {
                monitor.destroyForcibly();
                throw new AssertionError("the monitor did not quit");
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        } finally {
            server.close();
            loop.close();
        }
    }

    private record Attaching(CompletableFuture<MonitorLink> attached) implements LinkListener {
        @Override
        public void onMonitor(MonitorLink link) {}

        @Override
        public void onAttached(MonitorLink link) {
            attached.complete(link);
        }

        @Override
        public void onLost(MonitorLink link) {}

        @Override
        public void onConnectionOpen(MonitorLink link, int connection) {}

        @Override
        public void onConnectionClose(MonitorLink link, int connection) {}

        @Override
        public void onRequest(
                MonitorLink link, int connection, byte[] ttrpcFrame, long ageMillis, boolean redelivered) {}

        @Override
        public void onExit(MonitorLink link, int launch) {}

        @Override
        public void onCommand(CommandCall call) {}
    }
}
