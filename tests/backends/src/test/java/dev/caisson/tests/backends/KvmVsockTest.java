package dev.caisson.tests.backends;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.caisson.kvm.virtio.BlockDevice;
import dev.caisson.kvm.virtio.vsock.VsockDevice;
import dev.caisson.kvm.vm.VirtualMachine;
import dev.caisson.kvm.vm.VmEnd;
import java.io.ByteArrayOutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Streams between a real guest's AF_VSOCK sockets and unix sockets here. In the lab. */
@Timeout(300)
class KvmVsockTest {
    @TempDir
    Path directory;

    @BeforeAll
    static void thereIsKvm() {
        assumeTrue(System.getenv("CAISSON_LAB") != null, "SKIPPED: guests run in the lab");
    }

    private static byte[] readExactly(SocketChannel from, int length) throws Exception {
        return Channels.newInputStream(from).readNBytes(length);
    }

    private static String line(SocketChannel from) throws Exception {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (byte[] next = readExactly(from, 1); next.length == 1 && next[0] != '\n'; next = readExactly(from, 1)) {
            line.write(next[0]);
        }
        return line.toString(StandardCharsets.US_ASCII);
    }

    private static void echoed(SocketChannel socket, int length) throws Exception {
        byte[] sent = new byte[length];
        new SplittableRandom(length).nextBytes(sent);
        Thread writer = Thread.startVirtualThread(() -> {
            try {
                ByteBuffer all = ByteBuffer.wrap(sent);
                while (all.hasRemaining()) {
                    socket.write(all);
                }
                socket.shutdownOutput();
            } catch (java.io.IOException e) {
                throw new java.io.UncheckedIOException(e);
            }
        });
        assertThat(readExactly(socket, length)).isEqualTo(sent);
        writer.join();
        assertThat(readExactly(socket, 1)).as("end").isEmpty();
    }

    @Test
    void bothSidesConnectAndNothingIsLost() throws Exception {
        Path path = directory.resolve("v");
        try (BlockDevice block = BlockDevice.open(GuestProgram.disk(directory, "vsock.c"), true, "program");
                VsockDevice vsock = VsockDevice.open(3, path);
                ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(path + "_1024"));
            AutoCloseable listening = server;
            String script = "b=/bin/busybox; $b dd if=/dev/vda of=/run/v bs=64k 2>/dev/null;"
                    + " $b chmod 755 /run/v; /run/v; echo ended $? >/dev/ttyS0";
            try (VirtualMachine vm =
                    VirtualMachine.create(KvmGuests.config(1, KvmGuests.shell(script), List.of(block, vsock)))) {
                vm.start();
                Thread.startVirtualThread(() -> {
                    try {
                        if (vm.await(Duration.ofMinutes(4)) != null) {
                            // Nobody will come any more.
                            listening.close();
                        }
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                });
                try (SocketChannel guest = server.accept()) {
                    assertThat(line(guest)).isEqualTo("ready");
                    long begin = System.nanoTime();
                    echoed(guest, 2 << 20);
                    System.out.println("2 MiB there and back: " + (System.nanoTime() - begin) / 1_000_000 + " ms");
                }
                for (int i = 0; i < 20; i++) {
                    try (SocketChannel guest = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
                        guest.write(ByteBuffer.wrap("CONNECT 5000\n".getBytes(StandardCharsets.US_ASCII)));
                        assertThat(line(guest)).startsWith("OK ");
                        echoed(guest, 1000 + i);
                    }
                }
                assertThat(vm.await(Duration.ofMinutes(2)))
                        .as(() -> vm.console().lastLines(30))
                        .isEqualTo(new VmEnd(VmEnd.Cause.POWER_OFF, ""));
                assertThat(vm.console().text()).contains("ended 0");
            }
        }
        assertThat(path).doesNotExist();
    }
}
