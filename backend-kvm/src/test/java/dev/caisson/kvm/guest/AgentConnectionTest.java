package dev.caisson.kvm.guest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.ttrpc.TtrpcClient;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class AgentConnectionTest {
    @TempDir
    Path directory;

    private ServerSocketChannel machine() throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(directory.resolve("vsock")));
        return server;
    }

    /** As when a guest's kernel hangs: its machine takes the connection, and nobody ever says a word. */
    @Test
    @Timeout(30)
    void aGuestThatSaysNothingIsNotWaitedForEver() throws IOException {
        try (ServerSocketChannel machine = machine()) {
            assertThatThrownBy(() -> AgentConnection.open(directory.resolve("vsock"), 7, Duration.ofMillis(100)))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("port 7 of the guest did not answer within");
            assertThat(machine.isOpen()).isTrue();
        }
    }

    @Test
    @Timeout(30)
    void oneThatAnswersInTimeIsNotCutOffLater() throws Exception {
        try (ServerSocketChannel machine = machine()) {
            Thread guest = Thread.ofVirtual().start(() -> {
                try (SocketChannel c = machine.accept()) {
                    c.write(ByteBuffer.wrap("OK 9\n".getBytes(StandardCharsets.US_ASCII)));
                    ByteBuffer rest = ByteBuffer.allocate(64);
                    while (c.read(rest) >= 0) {
                        rest.clear();
                    }
                } catch (IOException e) {
                    throw new java.io.UncheckedIOException(e);
                }
            });
            TtrpcClient client = AgentConnection.open(directory.resolve("vsock"), 7, Duration.ofSeconds(20));
            assertThat(guest.isAlive()).isTrue();
            client.close();
            guest.join();
        }
    }
}
