package dev.caisson.kvm.guest;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.backend.ContainerFault;
import dev.caisson.kvm.Seeds;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** An agent that a guest has taken over answers what it likes: every call ends soon, in a short sentence at the worst. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class HostileAgentTest {
    private static final int SENTENCE = 5000;
    private static final byte RESPONSE = 2;

    @TempDir
    Path directory;

    private Path path;
    private ServerSocketChannel server;

    @BeforeEach
    void listen() throws IOException {
        path = directory.resolve("v");
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(path));
    }

    @AfterEach
    void close() throws IOException {
        server.close();
    }

    /** What the host asks. */
    private interface Question {
        void ask(GuestAgent agent) throws ContainerFault;
    }

    private static final Question[] QUESTIONS = {
        agent -> {
            var _ = agent.hello(null);
        },
        agent -> {
            var _ = agent.stats("c");
        },
        agent -> {
            var _ = agent.awaitOom("c", 3);
        },
        agent -> agent.prepare("c", "disk", new byte[10], GuestStreams.all(false), false, null),
        agent -> {
            var _ = agent.streams("c", "", GuestStreams.all(false));
        },
        agent -> agent.awaitEnd("c"),
        agent -> agent.network(new GuestAgent.Network(List.of(), List.of(), "host")),
    };

    private void answer(byte[] first, byte[] bytes) {
        try (SocketChannel channel = server.accept()) {
            ByteBuffer asked = ByteBuffer.allocate(1 << 16);
            var _ = channel.read(asked);
            channel.write(ByteBuffer.wrap(first));
            if (first.length > 2) {
                var _ = channel.read(asked.clear());
            }
            channel.write(ByteBuffer.wrap(bytes));
        } catch (IOException e) {
            // Hung up on in the middle of it.
        }
    }

    private void expectAnEnd(byte[] first, byte[] bytes, Question question) throws InterruptedException {
        Thread agent = Thread.ofVirtual().start(() -> answer(first, bytes));
        try {
            question.ask(new GuestAgent(path, () -> "\u001b[2J" + "c".repeat(100_000)));
        } catch (ContainerFault e) {
            assertThat(String.valueOf(e.getMessage())).hasSizeLessThan(SENTENCE);
            assertThat(e.getMessage()).doesNotContain("\u001b").doesNotContain("\n");
        }
        agent.join();
    }

    private static byte[] frame(int stream, int type, int flags, int length, byte[] payload) {
        return ByteBuffer.allocate(10 + payload.length)
                .putInt(length)
                .putInt(stream)
                .put((byte) type)
                .put((byte) flags)
                .put(payload)
                .array();
    }

    /** A status of the guest's, as protobuf has it: field 1 of the response, in it code and message. */
    private static byte[] failure(int code, String message) throws IOException {
        byte[] text = message.getBytes(StandardCharsets.UTF_8);
        ByteArrayOutputStream status = new ByteArrayOutputStream();
        status.write(8);
        status.write(code);
        status.write(18);
        varint(status, text.length);
        status.write(text);
        ByteArrayOutputStream response = new ByteArrayOutputStream();
        response.write(10);
        varint(response, status.size());
        response.write(status.toByteArray());
        return response.toByteArray();
    }

    private static void varint(ByteArrayOutputStream to, int value) {
        int left = value;
        while (left > 127) {
            to.write((left & 127) | 128);
            left >>>= 7;
        }
        to.write(left);
    }

    private static final byte[] OK = "OK 1073741824\n".getBytes(StandardCharsets.US_ASCII);

    @Test
    void aLongAndColourfulRefusalIsASentence() throws Exception {
        for (int code = 1; code <= 16; code++) {
            byte[] refusal = failure(code, "\u001b[31mno\n".repeat(300_000));
            expectAnEnd(OK, frame(1, RESPONSE, 0, refusal.length, refusal), QUESTIONS[code % QUESTIONS.length]);
        }
    }

    @Test
    void whatIsNoAnswerEndsTheCall() throws Exception {
        byte[] small = failure(2, "no");
        byte[][] answers = {
            {},
            frame(1, RESPONSE, 0, Integer.MAX_VALUE, small),
            frame(1, RESPONSE, 0, -1, small),
            frame(1, RESPONSE, 0, small.length + 1, small),
            frame(7, RESPONSE, 0, small.length, small),
            frame(1, 1, 0, small.length, small),
            frame(1, 3, 0, small.length, small),
            frame(1, 99, 0xff, small.length, small),
            "HTTP/1.1 400 Bad Request\r\n\r\n".getBytes(StandardCharsets.US_ASCII),
        };
        for (byte[] answer : answers) {
            for (Question question : QUESTIONS) {
                expectAnEnd(OK, answer, question);
            }
        }
        byte[][] greetings = {
            {}, "\n".getBytes(StandardCharsets.US_ASCII), "O".repeat(100).getBytes(StandardCharsets.US_ASCII)
        };
        for (byte[] greeting : greetings) {
            expectAnEnd(greeting, new byte[0], QUESTIONS[0]);
        }
    }

    @Test
    void noAnswerHangsOrThrowsAnythingElse() throws Exception {
        Seeds.each(random -> expectAnEnd(OK, noise(random), QUESTIONS[random.nextInt(QUESTIONS.length)]));
    }

    private static byte[] noise(SplittableRandom random) throws IOException {
        byte[] payload = failure(random.nextInt(20), "no");
        if (random.nextInt(3) == 0) {
            payload = new byte[random.nextInt(200)];
            random.nextBytes(payload);
        }
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        for (int i = random.nextInt(4); i >= 0; i--) {
            int stream = random.nextInt(3) == 0 ? random.nextInt() : 1;
            all.write(Seeds.damaged(
                    random, frame(stream, random.nextInt(4), random.nextInt(4), payload.length, payload)));
        }
        return all.toByteArray();
    }
}
