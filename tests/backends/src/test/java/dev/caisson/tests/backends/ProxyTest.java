package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.Launch;
import dev.caisson.backend.Stdio;
import dev.caisson.kvm.guest.GuestAgent;
import dev.caisson.kvm.plan.ProxyPlan;
import dev.caisson.linux.HostFiles;
import dev.caisson.ttrpc.ServiceNames;
import dev.caisson.ttrpc.proto.envelope.Request;
import dev.caisson.ttrpc.proto.envelope.Response;
import dev.caisson.ttrpc.proto.task.KillRequest;
import dev.caisson.ttrpc.proto.task.WaitResponse;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Proxies of a real monitor's, before an agent that is played here. */
@Timeout(60)
class ProxyTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int SIGKILL = 9;
    private static final int SIGUSR1 = 10;
    private static final int PORT = 70_000;
    private static final int HEADER = 10;

    @TempDir
    Path directory;

    private MonitorPod pod;
    private ServerSocketChannel ports;
    /** What was asked of the agent, but for the process's end. */
    private final BlockingQueue<Request> asked = new LinkedBlockingQueue<>();
    /** How the process in the guest ends. */
    private final CompletableFuture<Integer> end = new CompletableFuture<>();

    @BeforeEach
    void open() throws IOException {
        pod = MonitorPod.open(Files.createDirectories(directory.resolve("pod")));
        ports = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        ports.bind(UnixDomainSocketAddress.of(directory.resolve("ports")));
        Thread.ofVirtual().start(this::accept);
    }

    @AfterEach
    void close() throws IOException {
        end.complete(0);
        ports.close();
        pod.close();
    }

    private void accept() {
        try {
            while (true) {
                SocketChannel peer = ports.accept();
                Thread.ofVirtual().start(() -> answer(peer));
            }
        } catch (IOException e) {
            // closed: the test is over
        }
    }

    private void answer(SocketChannel peer) {
        try (peer) {
            DataInputStream in = new DataInputStream(Channels.newInputStream(peer));
            StringBuilder line = new StringBuilder();
            for (int c = in.read(); c != '\n'; c = in.read()) {
                line.append((char) c);
            }
            assertThat(line.toString()).isEqualTo("CONNECT 1025");
            OutputStream out = Channels.newOutputStream(peer);
            out.write("OK 1073741824\n".getBytes(StandardCharsets.US_ASCII));
            byte[] payload = new byte[in.readInt()];
            in.skipNBytes(HEADER - Integer.BYTES);
            in.readFully(payload);
            Request request = Request.parseFrom(payload);
            Response.Builder response = Response.newBuilder();
            if (request.getMethod().equals("Wait")) {
                response.setPayload(WaitResponse.newBuilder()
                        .setExitStatus(end.join())
                        .build()
                        .toByteString());
            } else {
                asked.add(request);
            }
            byte[] answer = response.build().toByteArray();
            out.write(ByteBuffer.allocate(HEADER + answer.length)
                    .putInt(answer.length)
                    .putInt(1)
                    .put((byte) 2)
                    .put((byte) 0)
                    .put(answer)
                    .array());
        } catch (IOException e) {
            // The proxy has ended.
        } catch (CompletionException e) {
            // The machine has: no answer.
        }
    }

    private Launch proxy() throws Exception {
        return proxy(created("stdout"));
    }

    private Launch proxy(Stdio.Stream stdout) throws Exception {
        Path stdin = Files.writeString(directory.resolve("stdin"), "given");
        int io = pod.launcher().nextId();
        pod.launcher()
                .openIo(
                        io,
                        new Stdio(
                                new Stdio.Stream(Stdio.Kind.PATH, stdin.toString()), stdout, created("stderr"), false));
        ProxyPlan.Place place = new ProxyPlan.Place(
                directory.resolve("ports").toString(),
                GuestAgent.PORT,
                directory.resolve("ports_" + PORT).toString(),
                directory.resolve("ports_" + (PORT + 1)).toString(),
                directory.resolve("ports_" + (PORT + 2)).toString(),
                false,
                false);
        Launch proxy = pod.launcher()
                .spawn(pod.launcher().nextId(), "proxy", ProxyPlan.of(place, GuestAgent.frames("c", "")), io, Set.of());
        var _ = proxy.awaitNote(ProxyPlan.NOTE_READY, PATIENCE);
        return proxy;
    }

    private Stdio.Stream created(String name) {
        return new Stdio.Stream(Stdio.Kind.CREATE, directory.resolve(name).toString());
    }

    private SocketChannel call(int port) throws IOException {
        return SocketChannel.open(UnixDomainSocketAddress.of(directory.resolve("ports_" + port)));
    }

    private static void write(SocketChannel to, String text) {
        write(to, ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static void write(SocketChannel to, ByteBuffer bytes) {
        try {
            while (bytes.hasRemaining()) {
                to.write(bytes);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Request next() throws InterruptedException {
        Request request = asked.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        assertThat(request).as("a request to the agent").isNotNull();
        return request;
    }

    @Test
    void itCopiesStreamsAndEndsAsTheGuestsProcess() throws Exception {
        Launch proxy = proxy();
        proxy.gate((byte) 1);
        proxy.awaitLaunched(PATIENCE);
        String much = "0123456789abcdef".repeat(100_000);
        try (SocketChannel in = call(PORT);
                SocketChannel out = call(PORT + 1);
                SocketChannel err = call(PORT + 2)) {
            assertThat(new String(Channels.newInputStream(in).readAllBytes(), StandardCharsets.UTF_8))
                    .isEqualTo("given");
            in.shutdownOutput();
            in.shutdownInput();
            assertThat(next().getMethod()).isEqualTo("CloseIO");
            write(err, "complaint");
            write(out, much);
            end.complete(0x85);
            // The last words come after the end.
            write(out, "end");
        }
        assertThat(proxy.awaitExit(PATIENCE)).isTrue();
        assertThat(proxy.exit().join().code()).isEqualTo(0x85);
        assertThat(directory.resolve("stdout")).hasContent(much + "end");
        assertThat(directory.resolve("stderr")).hasContent("complaint");
        try (var files = Files.list(directory)) {
            assertThat(files.map(f -> f.getFileName().toString())).noneMatch(n -> n.startsWith("ports_"));
        }
    }

    /** As containerd's: what does not fit waits, and comes in its order. */
    @Test
    void itFillsAFifoAsItIsRead() throws Exception {
        Path fifo = directory.resolve("fifo");
        HostFiles.mkfifo(fifo.toString(), 0600);
        byte[] much = new byte[3 << 20];
        new SplittableRandom(5).nextBytes(much);
        CompletableFuture<Launch> started = CompletableFuture.supplyAsync(() -> {
            try {
                return proxy(new Stdio.Stream(Stdio.Kind.PATH, fifo.toString()));
            } catch (Exception e) {
                throw new CompletionException(e);
            }
        });
        try (InputStream reader = Files.newInputStream(fifo)) {
            Launch proxy = started.join();
            proxy.gate((byte) 1);
            proxy.awaitLaunched(PATIENCE);
            try (SocketChannel out = call(PORT + 1);
                    SocketChannel err = call(PORT + 2)) {
                err.shutdownOutput();
                Thread writer = Thread.ofVirtual().start(() -> write(out, ByteBuffer.wrap(much)));
                byte[] got = new byte[much.length];
                int read = 0;
                for (int n = 1; n > 0 && read < got.length; read += Math.max(n, 0)) {
                    n = reader.read(got, read, Math.min(10_000, got.length - read));
                }
                assertThat(got).isEqualTo(much);
                writer.join();
                end.complete(7);
            }
            assertThat(proxy.awaitExit(PATIENCE)).isTrue();
            assertThat(proxy.exit().join().code()).isEqualTo(7);
        }
    }

    /** As a short exec in a guest that is busy: it has ended before its streams are connected. */
    @Test
    void itWaitsForTheWordsOfAProcessThatWasFasterThanItsStreams() throws Exception {
        Launch proxy = proxy();
        end.complete(3);
        assertThat(proxy.awaitExit(Duration.ofSeconds(3))).isFalse();
        try (SocketChannel out = call(PORT + 1);
                SocketChannel err = call(PORT + 2)) {
            write(out, "late words");
            write(err, "and a complaint");
        }
        assertThat(proxy.awaitExit(PATIENCE)).isTrue();
        assertThat(proxy.exit().join().code()).isEqualTo(3);
        assertThat(directory.resolve("stdout")).hasContent("late words");
        assertThat(directory.resolve("stderr")).hasContent("and a complaint");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 127, 128, 137, 255})
    void everyExitCodeIsItsOwn(int code) throws Exception {
        Launch proxy = proxy();
        call(PORT + 1).close();
        call(PORT + 2).close();
        end.complete(code);
        assertThat(proxy.awaitExit(PATIENCE)).isTrue();
        assertThat(proxy.exit().join().code()).isEqualTo(code);
    }

    @Test
    void itPassesSignalsOnBeforeAndAfterItsStart() throws Exception {
        Launch proxy = proxy();
        proxy.kill(SIGUSR1);
        assertThat(KillRequest.parseFrom(next().getPayload()).getSignal()).isEqualTo(SIGUSR1);
        proxy.gate((byte) 1);
        proxy.awaitLaunched(PATIENCE);
        proxy.kill(15);
        Request request = next();
        assertThat(request.getService()).isEqualTo(ServiceNames.TASK_V2);
        assertThat(KillRequest.parseFrom(request.getPayload()))
                .isEqualTo(KillRequest.newBuilder().setId("c").setSignal(15).build());
    }

    @Test
    void whenItIsKilledSoIsTheGuestsProcess() throws Exception {
        Launch proxy = proxy();
        proxy.gate((byte) 1);
        proxy.kill(SIGKILL);
        assertThat(proxy.awaitExit(PATIENCE)).isTrue();
        assertThat(KillRequest.parseFrom(next().getPayload()).getSignal()).isEqualTo(SIGKILL);
    }

    @Test
    void withoutAMachineItEndsAsKilled() throws Exception {
        Launch proxy = proxy();
        end.completeExceptionally(new IllegalStateException("the machine is gone"));
        assertThat(proxy.awaitExit(PATIENCE)).isTrue();
        assertThat(proxy.exit().join().code()).isEqualTo(128 + SIGKILL);
    }
}
