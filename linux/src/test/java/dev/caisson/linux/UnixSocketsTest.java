package dev.caisson.linux;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A descriptor is received by a program that is not ours: python3's socket.recv_fds. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class UnixSocketsTest {
    private static final String RECEIVER = """
            import os, socket, sys
            os.chdir(os.path.dirname(sys.argv[1]))
            s = socket.socket(socket.AF_UNIX); s.bind(os.path.basename(sys.argv[1])); s.listen(1)
            print("ready", flush=True)
            c, _ = s.accept()
            data, fds, flags, _ = socket.recv_fds(c, 65536, 4)
            n = len(data)
            while True:
                more = c.recv(65536)
                if not more: break
                n += len(more)
            print(data[:10].decode(), n, len(fds), os.read(fds[0], 100).decode())
            """;

    @TempDir
    Path directory;

    private String receive(Path socket, byte[] payload) throws Exception {
        Process receiver;
        try {
            receiver = new ProcessBuilder("python3", "-c", RECEIVER, socket.toString())
                    .redirectErrorStream(true)
                    .start();
        } catch (IOException e) {
            System.out.println("skipped: no python3 to receive a descriptor with");
            assumeTrue(false, "no python3");
            throw e;
        }
        try (var output = receiver.inputReader(UTF_8)) {
            assertThat(output.readLine()).isEqualTo("ready");
            try (Fd memory = HostFiles.open(content(), HostFiles.O_RDONLY, 0)) {
                UnixSockets.sendDescriptor(socket.toString(), payload, memory);
            }
            return output.readLine();
        } finally {
            receiver.destroyForcibly();
        }
    }

    private String content() throws IOException {
        return Files.writeString(directory.resolve("content"), "the file").toString();
    }

    @Test
    void oneDescriptorTravelsWithTheBytes() throws Exception {
        assertThat(receive(directory.resolve("s"), "/dev/pts/0".getBytes(UTF_8)))
                .isEqualTo("/dev/pts/0 10 1 the file");
    }

    @Test
    void aPathLongerThanAnAddressWorks() throws Exception {
        Path deep = directory.resolve("d".repeat(100)).resolve("e".repeat(100));
        Files.createDirectories(deep);
        assertThat(receive(deep.resolve("console.sock"), new byte[] {'x'})).isEqualTo("x 1 1 the file");
    }

    @Test
    void moreBytesThanTheSocketBuffersFollow() throws Exception {
        byte[] payload = "y".repeat(2_000_000).getBytes(UTF_8);
        assertThat(receive(directory.resolve("s"), payload)).isEqualTo("yyyyyyyyyy 2000000 1 the file");
    }

    @Test
    void nobodyListening() throws Exception {
        try (Fd fd = HostFiles.open("/dev/null", HostFiles.O_RDONLY, 0)) {
            String socket = directory.resolve("none").toString();
            assertThatThrownBy(() -> UnixSockets.sendDescriptor(socket, new byte[1], fd))
                    .hasMessage("connect " + socket + ": ENOENT");
        }
    }

    /** Between two of ours; what the kernel does with a second descriptor is not left open here. */
    @Test
    void aDescriptorIsReceived() throws Exception {
        String path = directory.resolve("s").toString();
        try (Fd listener = UnixSockets.listen(path, 1);
                Fd out = UnixSockets.connect(path);
                Fd file = HostFiles.open(content(), HostFiles.O_RDONLY, 0)) {
            assertThat(UnixSockets.acceptBlocking(listener, 5)).isNotNull().satisfies(in -> {
                try (in) {
                    UnixSockets.send(out, "hello".getBytes(UTF_8), file);
                    UnixSockets.Received first = UnixSockets.receive(in, 100);
                    assertThat(first.bytes()).isEqualTo("hello".getBytes(UTF_8));
                    assertThat(first.descriptor()).isNotNull().satisfies(fd -> {
                        assertThat(Path.of(fd.procPath())).hasContent("the file");
                        fd.close();
                    });
                    UnixSockets.send(out, "bare".getBytes(UTF_8), null);
                    assertThat(UnixSockets.receive(in, 100)).satisfies(second -> {
                        assertThat(second.bytes()).isEqualTo("bare".getBytes(UTF_8));
                        assertThat(second.descriptor()).isNull();
                    });
                    UnixSockets.shutdown(out);
                    assertThat(UnixSockets.receive(in, 100).bytes()).isEmpty();
                }
            });
            assertThat(UnixSockets.acceptBlocking(listener, 5)).isNull();
        }
    }
}
