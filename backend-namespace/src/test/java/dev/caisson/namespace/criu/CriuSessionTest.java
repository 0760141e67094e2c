package dev.caisson.namespace.criu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.caisson.backend.ContainerFault;
import dev.caisson.linux.ErrnoException;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.MemFd;
import dev.caisson.linux.UnixSockets;
import dev.caisson.namespace.criu.CriuSession.Answer;
import dev.caisson.namespace.criu.CriuSession.NoResponse;
import dev.caisson.namespace.criu.rpc.CriuNotify;
import dev.caisson.namespace.criu.rpc.CriuReq;
import dev.caisson.namespace.criu.rpc.CriuReqType;
import dev.caisson.namespace.criu.rpc.CriuResp;
import dev.caisson.namespace.criu.rpc.CriuRestoreResp;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** With somebody at the other end who says what CRIU says. */
@Timeout(60)
final class CriuSessionTest {
    private static final CriuReq REQUEST =
            CriuReq.newBuilder().setType(CriuReqType.RESTORE).build();
    private static final CriuResp RESTORED = CriuResp.newBuilder()
            .setType(CriuReqType.RESTORE)
            .setSuccess(true)
            .setRestore(CriuRestoreResp.newBuilder().setPid(4711))
            .build();

    @TempDir
    @SuppressWarnings("NullAway.Init") // injected by JUnit
    private Path directory;

    @SuppressWarnings("NullAway.Init") // set before each test
    private Fd ours;

    @SuppressWarnings("NullAway.Init")
    private Fd criu;

    private final Heard heard = new Heard();

    private static final class Heard implements CriuSession.Steps {
        final List<Integer> inits = new ArrayList<>();
        final List<Fd> terminals = new ArrayList<>();

        @Nullable
        ContainerFault fault;

        @Override
        public void namespacesMade(int init) throws ContainerFault {
            inits.add(init);
            if (fault != null) {
                throw fault;
            }
        }

        @Override
        public void terminal(Fd master) {
            terminals.add(master);
        }
    }

    @BeforeEach
    void connect() throws ErrnoException {
        String path = directory.resolve("s").toString();
        try (Fd listener = UnixSockets.listen(path, 1)) {
            ours = UnixSockets.connect(path);
            criu = Objects.requireNonNull(UnixSockets.acceptBlocking(listener, 30));
        }
    }

    @AfterEach
    void close() {
        ours.close();
        criu.close();
        heard.terminals.forEach(Fd::close);
    }

    private FutureTask<@Nullable Answer> ask() {
        FutureTask<@Nullable Answer> asking = new FutureTask<>(ask(heard));
        Thread.ofVirtual().start(asking);
        return asking;
    }

    private Callable<@Nullable Answer> ask(CriuSession.Steps steps) {
        return () -> CriuSession.run("restore container c", ours, REQUEST, 30, steps);
    }

    private CriuReq hear() throws ErrnoException, InvalidProtocolBufferException {
        return CriuReq.parseFrom(UnixSockets.receive(criu, 1000).bytes());
    }

    private boolean step(String script, int pid, @Nullable Fd descriptor) throws Exception {
        CriuResp notification = CriuResp.newBuilder()
                .setType(CriuReqType.NOTIFY)
                .setSuccess(true)
                .setNotify(CriuNotify.newBuilder().setScript(script).setPid(pid))
                .build();
        UnixSockets.send(criu, notification.toByteArray(), descriptor);
        CriuReq reply = hear();
        assertThat(reply.getType()).isEqualTo(CriuReqType.NOTIFY);
        return reply.getNotifySuccess();
    }

    private void answer(CriuResp response) throws ErrnoException {
        UnixSockets.send(criu, response.toByteArray(), null);
    }

    @Test
    void stepsAreServedUntilTheAnswer() throws Exception {
        FutureTask<@Nullable Answer> asking = ask();

        assertThat(hear()).isEqualTo(REQUEST);
        assertThat(step("pre-restore", 0, null)).isTrue();
        assertThat(step("setup-namespaces", 42, null)).isTrue();
        assertThat(step("post-restore", 42, null)).isTrue();
        answer(RESTORED);

        assertThat(asking.get()).isEqualTo(new Answer(true, 4711, ""));
        assertThat(heard.inits).containsExactly(42);
    }

    @Test
    void aTerminalsMasterIsTheCallees() throws Exception {
        FutureTask<@Nullable Answer> asking = ask();
        hear();
        try (Fd master = MemFd.memory("master", 4096)) {
            assertThat(step("orphan-pts-master", 0, master)).isTrue();
        }
        answer(RESTORED);

        assertThat(asking.get()).isNotNull();
        assertThat(heard.terminals)
                .singleElement()
                .satisfies(fd -> assertThat(HostFiles.readlink(fd.procPath())).contains("memfd:master"));
    }

    /** CRIU goes on telling what it does to clean up, and its answer only says that it has failed. */
    @Test
    void whatAStepFailedWithIsTheFault() throws Exception {
        heard.fault = new ContainerFault(ContainerFault.Kind.FAILED, "hook /bin/no");
        FutureTask<@Nullable Answer> asking = ask();
        hear();

        assertThat(step("setup-namespaces", 42, null)).isFalse();
        assertThat(step("network-unlock", 42, null)).isFalse();
        answer(CriuResp.newBuilder()
                .setType(CriuReqType.RESTORE)
                .setSuccess(false)
                .build());

        assertThatThrownBy(asking::get).hasRootCauseMessage("hook /bin/no");
    }

    @Test
    void itsFirstErrorIsKept() throws Exception {
        FutureTask<@Nullable Answer> asking = ask();
        hear();
        answer(CriuResp.newBuilder()
                .setType(CriuReqType.RESTORE)
                .setSuccess(false)
                .setCrErrmsg("Error (x.c:1): no\n")
                .build());

        assertThat(asking.get()).isEqualTo(new Answer(false, 0, "Error (x.c:1): no"));
    }

    @Test
    void whoEndsWithoutAnAnswerHasNone() throws Exception {
        FutureTask<@Nullable Answer> asking = ask();
        hear();
        criu.close();

        assertThat(asking.get()).isNull();
    }

    @Test
    void nonsenseIsAFaultAndItsDescriptorIsClosed() throws Exception {
        FutureTask<@Nullable Answer> asking = ask();
        hear();
        UnixSockets.send(criu, "nonsense".getBytes(StandardCharsets.US_ASCII), null);

        assertThatThrownBy(asking::get)
                .hasMessageContaining("restore container c: talk to CRIU")
                .hasMessageContaining("a packet that is no response");
    }

    /** Seeds are packets as CRIU 3.17 sends them, in hexadecimal; each is cut, spoilt and mixed. */
    @Test
    void noPacketIsTooOdd() throws IOException {
        List<byte[]> seeds;
        try (InputStream in =
                Objects.requireNonNull(CriuSessionTest.class.getResourceAsStream("/fuzz/criu-packets.txt"))) {
            seeds = new String(in.readAllBytes(), StandardCharsets.US_ASCII)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(HexFormat.of()::parseHex)
                    .toList();
        }
        SplittableRandom random = new SplittableRandom(5);
        int understood = 0;
        for (int i = 0; i < 60_000; i++) {
            byte[] packet = seeds.get(random.nextInt(seeds.size())).clone();
            for (int n = random.nextInt(4); n > 0 && packet.length > 0; n--) {
                packet[random.nextInt(packet.length)] = (byte) random.nextInt(256);
            }
            if (random.nextInt(3) == 0) {
                packet = java.util.Arrays.copyOf(packet, random.nextInt(packet.length + 20));
            }
            try {
                Answer answer = CriuSession.answer(CriuSession.parse(packet));
                assertThat(answer.error()).isNotNull();
                understood++;
            } catch (NoResponse e) {
                assertThat(e).hasMessageContaining("packet");
            }
        }
        assertThat(understood).isPositive().isLessThan(60_000);
        assertThatThrownBy(() -> CriuSession.parse(new byte[CriuSession.MOST_BYTES]))
                .isInstanceOf(NoResponse.class);
    }
}
