package dev.caisson.kvm.virtio.vsock;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.virtio.DeviceEvents;
import dev.caisson.kvm.virtio.TestDriver;
import dev.caisson.linux.Fd;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A guest's driver, played here, talks to real unix sockets. */
@Timeout(60)
class VsockDeviceTest {
    private static final long GUEST = 3;
    private static final int PORT = 1024;
    private static final int GUEST_PORT = 7000;
    private static final int BUFFER = 4096;

    @TempDir
    Path directory;

    private Path path;
    private GuestMemory memory;
    private VsockDevice device;
    private TestDriver driver;
    private ServerSocketChannel server;
    private final Map<Integer, TestDriver.Buffer> offered = new LinkedHashMap<>();
    private final Events events = new Events();

    /** Stands for the device thread: what is armed runs when it is told to. */
    private static final class Events implements DeviceEvents {
        private final List<Action> armed = new ArrayList<>();

        @Override
        public Watch watch(Fd fd, Action action) {
            return new Watch() {
                @Override
                public void arm(boolean readable, boolean writable) {
                    armed.remove(action);
                    if (readable || writable) {
                        armed.add(action);
                    }
                }

                @Override
                public void close() {
                    armed.remove(action);
                }
            };
        }

        List<Action> take() {
            List<Action> all = new ArrayList<>(armed);
            armed.clear();
            return all;
        }
    }

    private record Got(VsockPacket packet, byte[] data) {}

    @BeforeEach
    void open() throws Exception {
        path = directory.resolve("v");
        memory = GuestMemory.allocate(4 << 20);
        device = VsockDevice.open(GUEST, path);
        driver = new TestDriver(memory, device, true);
        device.attach(events);
        driver.start();
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(path + "_" + PORT));
        server.configureBlocking(false);
    }

    @AfterEach
    void close() throws Exception {
        server.close();
        device.close();
        memory.close();
        assertThat(Files.exists(path)).isFalse();
    }

    private void offer(int count) throws GuestFault {
        for (int i = 0; i < count && offered.size() < TestDriver.SIZE; i++) {
            TestDriver.Buffer buffer = driver.in(BUFFER);
            offered.put(driver.add(0, buffer), buffer);
        }
        driver.notify(0);
    }

    private void happen() {
        for (DeviceEvents.Action action : events.take()) {
            driver.transport.perform(action);
        }
    }

    private List<Got> received() throws GuestFault {
        List<Got> all = new ArrayList<>();
        for (int[] done = driver.completed(0); done.length > 0; done = driver.completed(0)) {
            byte[] bytes =
                    Arrays.copyOf(driver.bytes(java.util.Objects.requireNonNull(offered.remove(done[0]))), done[1]);
            VsockPacket packet = VsockPacket.parse(Arrays.copyOf(bytes, VsockPacket.SIZE));
            byte[] data = Arrays.copyOfRange(bytes, VsockPacket.SIZE, bytes.length);
            assertThat(packet.length()).isEqualTo(data.length);
            all.add(new Got(packet, data));
        }
        return all;
    }

    private static VsockPacket packet(int hostPort, int operation, int flags, int length, int credit, int forwarded) {
        return new VsockPacket(GUEST, 2, GUEST_PORT, hostPort, length, 1, operation, flags, credit, forwarded);
    }

    private void send(VsockPacket packet, byte[] data) throws GuestFault {
        byte[] all = Arrays.copyOf(packet.bytes(), VsockPacket.SIZE + data.length);
        System.arraycopy(data, 0, all, VsockPacket.SIZE, data.length);
        driver.add(1, driver.out(all));
        driver.notify(1);
        driver.completed(1);
    }

    private void send(int operation, int flags) throws GuestFault {
        send(packet(PORT, operation, flags, 0, 1 << 16, 0), new byte[0]);
    }

    private SocketChannel connected() throws Exception {
        offer(2);
        send(VsockPacket.REQUEST, 0);
        assertThat(received()).singleElement().satisfies(got -> {
            assertThat(got.packet().operation()).isEqualTo(VsockPacket.RESPONSE);
            assertThat(got.packet().sourcePort()).isEqualTo(PORT);
            assertThat(got.packet().targetPort()).isEqualTo(GUEST_PORT);
            assertThat(got.packet().targetCid()).isEqualTo(GUEST);
        });
        SocketChannel host = server.accept();
        assertThat(host).isNotNull();
        return host;
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    private static String read(SocketChannel from) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(1 << 17);
        int got = from.read(buffer);
        return got < 0 ? "END" : new String(buffer.array(), 0, got, StandardCharsets.US_ASCII);
    }

    @Test
    void bytesGoBothWays() throws Exception {
        try (SocketChannel host = connected()) {
            send(packet(PORT, VsockPacket.DATA, 0, 5, 1 << 16, 0), text("hello"));
            assertThat(read(host)).isEqualTo("hello");
            host.write(ByteBuffer.wrap(text("world")));
            happen();
            assertThat(received()).singleElement().satisfies(got -> {
                assertThat(got.packet().operation()).isEqualTo(VsockPacket.DATA);
                assertThat(got.data()).isEqualTo(text("world"));
                assertThat(got.packet().forwarded()).isEqualTo(5);
            });
        }
        happen();
        offer(2);
        assertThat(received()).singleElement().satisfies(got -> {
            assertThat(got.packet().operation()).isEqualTo(VsockPacket.SHUTDOWN);
            assertThat(got.packet().flags()).isEqualTo(VsockPacket.NO_SEND);
        });
        send(VsockPacket.SHUTDOWN, 3);
        assertThat(received())
                .singleElement()
                .satisfies(got -> assertThat(got.packet().operation()).isEqualTo(VsockPacket.RESET));
        assertThat(device.connectionCount()).isZero();
        assertThat(events.armed).as("only the listener is left").hasSize(1);
    }

    @Test
    void aGuestThatHasSaidAllStillListens() throws Exception {
        try (SocketChannel host = connected()) {
            send(packet(PORT, VsockPacket.DATA, 0, 4, 1 << 16, 0), text("last"));
            send(VsockPacket.SHUTDOWN, VsockPacket.NO_SEND);
            assertThat(read(host)).isEqualTo("last");
            assertThat(read(host)).isEqualTo("END");
            host.write(ByteBuffer.wrap(text("answer")));
            offer(1);
            happen();
            assertThat(received())
                    .singleElement()
                    .satisfies(got -> assertThat(got.data()).isEqualTo(text("answer")));
            assertThat(device.connectionCount()).isEqualTo(1);
        }
        offer(2);
        happen();
        assertThat(received()).extracting(got -> got.packet().operation()).contains(VsockPacket.RESET);
        assertThat(device.connectionCount()).isZero();
    }

    @Test
    void aHostThatHasSaidAllStillListens() throws Exception {
        try (SocketChannel host = connected()) {
            host.shutdownOutput();
            offer(1);
            happen();
            assertThat(received()).singleElement().satisfies(got -> {
                assertThat(got.packet().operation()).isEqualTo(VsockPacket.SHUTDOWN);
                assertThat(got.packet().flags()).isEqualTo(VsockPacket.NO_SEND);
            });
            send(packet(PORT, VsockPacket.DATA, 0, 5, 1 << 16, 0), text("still"));
            assertThat(read(host)).isEqualTo("still");
            offer(1);
            send(VsockPacket.SHUTDOWN, VsockPacket.NO_SEND);
            assertThat(read(host)).isEqualTo("END");
            assertThat(received())
                    .singleElement()
                    .satisfies(got -> assertThat(got.packet().operation()).isEqualTo(VsockPacket.RESET));
        }
        assertThat(device.connectionCount()).isZero();
    }

    @Test
    void aGuestThatWantsNoMoreIsToldNothingAndItsWriterHearsOfIt() throws Exception {
        try (SocketChannel host = connected()) {
            send(VsockPacket.SHUTDOWN, VsockPacket.NO_RECEIVE);
            assertThatThrownBy(() -> host.write(ByteBuffer.wrap(text("unwanted"))))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("pipe");
            offer(1);
            happen();
            assertThat(received()).isEmpty();
            send(packet(PORT, VsockPacket.DATA, 0, 5, 1 << 16, 0), text("still"));
            assertThat(read(host)).isEqualTo("still");
        }
    }

    /** Both sides' connections are refused, and are taken again when there are descriptors. */
    @Test
    void outOfDescriptorsConnectionsAreRefused() throws Exception {
        connectAndEnd(); // what is needed for it is loaded now
        try (SocketChannel caller = SocketChannel.open(StandardProtocolFamily.UNIX);
                DescriptorLimit limit = new DescriptorLimit()) {
            limit.exhaust();
            offer(4);
            send(packet(PORT, VsockPacket.REQUEST, 0, 0, 1 << 16, 0), new byte[0]);
            caller.connect(UnixDomainSocketAddress.of(path));
            happen();
            limit.restore();
            assertThat(received()).extracting(got -> got.packet().operation()).contains(VsockPacket.RESET);
            assertThat(read(caller)).isEqualTo("END");
        }
        offer(4);
        happen();
        received();
        connectAndEnd();
    }

    private void connectAndEnd() throws Exception {
        connected().close();
        send(VsockPacket.SHUTDOWN, 3);
        offer(4);
        happen();
        received();
        assertThat(device.connectionCount()).isZero();
    }

    @Test
    void nobodyThereIsAReset() throws Exception {
        offer(1);
        send(packet(PORT + 1, VsockPacket.REQUEST, 0, 0, 1 << 16, 0), new byte[0]);
        assertThat(received()).singleElement().satisfies(got -> {
            assertThat(got.packet().operation()).isEqualTo(VsockPacket.RESET);
            assertThat(got.packet().sourcePort()).isEqualTo(PORT + 1);
        });
    }

    @Test
    void theHostConnectsByNamingAPort() throws Exception {
        try (SocketChannel host = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
            host.write(ByteBuffer.wrap(text("CONNECT 7000\nfirst")));
            happen();
            happen();
            offer(1);
            List<Got> got = received();
            assertThat(got).hasSize(1);
            VsockPacket request = got.getFirst().packet();
            assertThat(request.operation()).isEqualTo(VsockPacket.REQUEST);
            assertThat(request.targetPort()).isEqualTo(7000);
            send(packet(request.sourcePort(), VsockPacket.RESPONSE, 0, 0, 1 << 16, 0), new byte[0]);
            assertThat(read(host)).isEqualTo("OK " + request.sourcePort() + "\n");
            offer(1);
            happen();
            assertThat(received())
                    .singleElement()
                    .satisfies(each -> assertThat(each.data()).isEqualTo(text("first")));
        }
    }

    @Test
    void aLineThatIsNoneEndsTheConnection() throws Exception {
        for (String line : List.of("CONNECT\n", "CONNECT 4294967296\n", "GET / HTTP/1.1\n", "x".repeat(100))) {
            try (SocketChannel host = SocketChannel.open(UnixDomainSocketAddress.of(path))) {
                host.write(ByteBuffer.wrap(text(line)));
                happen();
                happen();
                assertThat(read(host)).isEqualTo("END");
            } catch (IOException reset) {
                // Unread bytes turn the end into a reset.
                assertThat(reset).hasMessageContaining("reset");
            }
        }
        assertThat(device.connectionCount()).isZero();
    }

    @Test
    void theGuestGetsNoMoreThanItHasRoomFor() throws Exception {
        try (SocketChannel host = connected()) {
            send(packet(PORT, VsockPacket.CREDIT_UPDATE, 0, 0, 10, 0), new byte[0]);
            host.write(ByteBuffer.wrap(text("0123456789abcdef")));
            offer(3);
            happen();
            assertThat(received())
                    .singleElement()
                    .satisfies(got -> assertThat(got.data()).isEqualTo(text("0123456789")));
            send(packet(PORT, VsockPacket.CREDIT_UPDATE, 0, 0, 10, 8), new byte[0]);
            assertThat(received())
                    .singleElement()
                    .satisfies(got -> assertThat(got.data()).isEqualTo(text("abcdef")));
        }
    }

    @Test
    void aHostThatDoesNotReadIsWaitedForAndLosesNothing() throws Exception {
        try (SocketChannel host = connected()) {
            host.setOption(java.net.StandardSocketOptions.SO_RCVBUF, 4096);
            byte[] chunk = new byte[8192];
            new SplittableRandom(9).nextBytes(chunk);
            int written = 0;
            int told = 0;
            // As a correct guest: never more than there is room for.
            while (written - told + chunk.length <= Connection.WINDOW && written < 4 << 20) {
                send(packet(PORT, VsockPacket.DATA, 0, chunk.length, 1 << 16, 0), chunk);
                written += chunk.length;
                offer(1);
                for (Got got : received()) {
                    told = got.packet().forwarded();
                }
            }
            send(VsockPacket.SHUTDOWN, VsockPacket.NO_SEND);
            int read = 0;
            ByteBuffer buffer = ByteBuffer.allocate(5000);
            for (int got = host.read(buffer.clear()); got >= 0; got = host.read(buffer.clear())) {
                for (int i = 0; i < got; i++) {
                    assertThat(buffer.get(i)).isEqualTo(chunk[(read + i) % chunk.length]);
                }
                read += got;
                happen();
            }
            assertThat(read).isEqualTo(written).isGreaterThan(Connection.WINDOW / 2);
        }
    }

    /** What waits for the host goes round in its room: the room's end is in the middle of packets. */
    @Test
    void aHostThatReadsSlowlyGetsAllInItsOrder() throws Exception {
        SplittableRandom random = new SplittableRandom(11);
        byte[] all = new byte[1500 << 10];
        random.nextBytes(all);
        byte[] got = new byte[all.length];
        int read = 0;
        int written = 0;
        int told = 0;
        try (SocketChannel host = connected()) {
            host.configureBlocking(false);
            while (read < all.length) {
                int length = Math.min(1 + random.nextInt(20_000), all.length - written);
                if (length > 0 && written - told + length <= Connection.WINDOW) {
                    byte[] chunk = Arrays.copyOfRange(all, written, written + length);
                    send(packet(PORT, VsockPacket.DATA, 0, length, 1 << 16, 0), chunk);
                    written += length;
                } else {
                    int n = host.read(ByteBuffer.wrap(got, read, Math.min(30_000, got.length - read)));
                    assertThat(n).as("what was sent is there").isPositive();
                    read += n;
                    happen();
                }
                if (offered.isEmpty()) {
                    offer(1);
                }
                for (Got each : received()) {
                    told = each.packet().forwarded();
                }
            }
        }
        assertThat(got).isEqualTo(all);
    }

    /** Linux sends no more than its own buffer holds, whatever room we have. */
    @Test
    void aGuestHearsOfRoomWhenHalfOfItsOwnBufferHasGone() throws Exception {
        int buffer = 1 << 16;
        byte[] chunk = new byte[buffer / 8];
        try (SocketChannel host = connected()) {
            offer(1);
            for (int i = 1; i <= 4; i++) {
                assertThat(received()).as("updates before " + i).isEmpty();
                send(packet(PORT, VsockPacket.DATA, 0, chunk.length, buffer, 0), chunk);
                assertThat(read(host)).hasSize(chunk.length);
            }
            assertThat(received()).singleElement().satisfies(got -> {
                assertThat(got.packet().operation()).isEqualTo(VsockPacket.CREDIT_UPDATE);
                assertThat(got.packet().forwarded()).isEqualTo(buffer / 2);
            });
        }
    }

    /** Each interrupt takes the guest some exits, and with what it has sent it does nothing but to free it. */
    @Test
    void theGuestIsNotInterruptedForEachPacketThatWasSent() throws Exception {
        VsockPacket packet = packet(PORT, VsockPacket.DATA, 0, 5, 1 << 16, 0);
        try (SocketChannel host = connected()) {
            send(packet, text("first"));
            offer(1);
            host.write(ByteBuffer.wrap(text("answer")));
            happen();
            assertThat(received()).hasSize(1);
            int before = driver.interrupts;
            for (int i = 1; i < TestDriver.SIZE / 2; i++) {
                send(packet, text("again"));
                assertThat(driver.interrupts).as("interrupts after " + i).isEqualTo(before);
            }
            send(packet, text("again"));
            assertThat(driver.interrupts).as("half of the queue").isEqualTo(before + 1);
        }
    }

    /** What all of them may leave with us together has a bound. */
    @Test
    void theFirstConnectionsAreGivenMoreRoomThanLaterOnes() throws Exception {
        List<SocketChannel> hosts = new ArrayList<>();
        int promised = 0;
        for (int i = 0; i < 200; i++) {
            offer(1);
            send(
                    new VsockPacket(GUEST, 2, GUEST_PORT + i, PORT, 0, 1, VsockPacket.REQUEST, 0, 1 << 16, 0),
                    new byte[0]);
            Got answer = received().getLast();
            assertThat(answer.packet().operation()).isEqualTo(VsockPacket.RESPONSE);
            int window = answer.packet().credit();
            assertThat(window).as("of " + i).isEqualTo(i < 33 ? 1 << 20 : i < 96 ? 256 << 10 : 64 << 10);
            promised += window;
            hosts.add(server.accept());
        }
        assertThat(promised).isLessThan(56 << 20);
        for (SocketChannel host : hosts) {
            host.close();
        }
    }

    @Test
    void aGuestThatSendsMoreThanItMayLosesItsConnection() throws Exception {
        try (SocketChannel host = connected()) {
            byte[] chunk = new byte[16 << 10];
            for (int i = 0; i < 100 && device.connectionCount() == 1; i++) {
                send(packet(PORT, VsockPacket.DATA, 0, chunk.length, 1 << 16, 0), chunk);
                offer(1);
            }
            assertThat(device.connectionCount()).isZero();
            assertThat(received().getLast().packet().operation()).isEqualTo(VsockPacket.RESET);
            assertThat(host.isOpen()).isTrue();
        }
    }

    @Test
    void noPacketThrowsOrLeavesAConnectionBehind() throws Exception {
        Seeds.each(random -> {
            offered.clear();
            memory.zero(0x10000, 0x10000);
            TestDriver hostile = new TestDriver(memory, device, random.nextBoolean());
            hostile.start();
            for (int i = 0; i < 60 && !hostile.transport.isBroken(); i++) {
                byte[] data = new byte[random.nextInt(3000)];
                VsockPacket packet = new VsockPacket(
                        random.nextInt(10) == 0 ? random.nextLong() : GUEST,
                        random.nextInt(10) == 0 ? random.nextLong() : 2,
                        random.nextInt(3),
                        random.nextInt(10) == 0 ? random.nextInt() : PORT,
                        random.nextInt(10) == 0 ? random.nextInt() : data.length,
                        random.nextInt(20) == 0 ? 2 : 1,
                        random.nextInt(9),
                        random.nextInt(4),
                        random.nextInt(4) == 0 ? random.nextInt() : 1 << 16,
                        random.nextInt(4) == 0 ? random.nextInt() : 0);
                byte[] all = Arrays.copyOf(packet.bytes(), VsockPacket.SIZE + data.length);
                hostile.add(1, hostile.out(random.nextInt(5) == 0 ? Seeds.damaged(random, all) : all));
                hostile.notify(1);
                if (random.nextBoolean()) {
                    hostile.add(0, hostile.in(random.nextInt(10) == 0 ? random.nextInt(60) : 512));
                    hostile.notify(0);
                }
                SocketChannel host = server.accept();
                if (host != null) {
                    host.configureBlocking(false);
                    try {
                        host.write(ByteBuffer.wrap(new byte[random.nextInt(2000)]));
                    } catch (IOException e) {
                        // The guest has ended the connection already.
                        assertThat(e).hasMessageContaining("pipe");
                    }
                    if (random.nextBoolean()) {
                        host.close();
                    }
                }
                for (DeviceEvents.Action action : events.take()) {
                    hostile.transport.perform(action);
                }
            }
            hostile.write(0x70, 0);
            assertThat(device.connectionCount()).isZero();
        });
    }
}
