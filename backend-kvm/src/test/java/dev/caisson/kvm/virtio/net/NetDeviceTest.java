package dev.caisson.kvm.virtio.net;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.virtio.DeviceEvents;
import dev.caisson.kvm.virtio.TestDriver;
import dev.caisson.linux.Fd;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.NativeMemory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A card whose tap is played by a pair of sockets that keep packets apart as well. */
class NetDeviceTest {
    private static final int SYS_SOCKETPAIR = 53;
    private static final int SYS_READ = 0;
    private static final int SYS_WRITE = 1;
    private static final int AF_UNIX = 1;
    private static final int SEQPACKET_NONBLOCK = 5 | 0x800;
    private static final byte[] MAC = {2, 0, 0, 0, 0, 9};

    private final KernelCalls calls = new KernelCalls();
    private final NativeMemory buffer = new NativeMemory(70_000);
    private final List<DeviceEvents.Action> armed = new ArrayList<>();
    private Fd host;
    private GuestMemory memory;
    private NetDevice device;
    private TestDriver driver;

    @BeforeEach
    void open() throws Exception {
        assertThat(calls.call(SYS_SOCKETPAIR, AF_UNIX, SEQPACKET_NONBLOCK, 0, buffer.address()))
                .isZero();
        host = Fd.adopt(buffer.getInt(0), "host's end");
        memory = GuestMemory.allocate(8 << 20);
        device = new NetDevice(Fd.adopt(buffer.getInt(4), "tap"), MAC, 1400);
        device.attach((fd, action) -> new DeviceEvents.Watch() {
            @Override
            public void arm(boolean readable, boolean writable) {
                armed.clear();
                if (readable) {
                    armed.add(action);
                }
            }

            @Override
            public void close() {
                armed.clear();
            }
        });
        driver = new TestDriver(memory, device, true).start();
    }

    @AfterEach
    void close() {
        device.close();
        host.close();
        memory.close();
        buffer.close();
        calls.close();
    }

    private static byte[] packet(int length, int value) {
        byte[] packet = new byte[length];
        Arrays.fill(packet, (byte) value);
        return packet;
    }

    private byte[] hostReads() {
        long got = calls.call(SYS_READ, host.number(), buffer.address(), buffer.size());
        return got < 0 ? new byte[0] : buffer.getBytes(0, (int) got);
    }

    private void hostWrites(byte[] packet) {
        buffer.putBytes(0, packet);
        assertThat(calls.call(SYS_WRITE, host.number(), buffer.address(), packet.length))
                .isEqualTo(packet.length);
        List<DeviceEvents.Action> all = List.copyOf(armed);
        armed.clear();
        all.forEach(driver.transport::perform);
    }

    @Test
    void configurationIsAddressAndMtu() {
        assertThat(driver.transport.read(0x100, 4)).isEqualTo(2);
        assertThat(driver.transport.read(0x104, 2)).isEqualTo(0x0900);
        assertThat(driver.transport.read(0x10a, 2)).isEqualTo(1400);
        assertThatThrownBy(() -> new NetDevice(host, new byte[] {1, 0, 0, 0, 0, 0}, 1500))
                .as("a multicast address")
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aCardWithoutACableLosesPacketsAndGetsOneOnce() throws Exception {
        assertThat(calls.call(SYS_SOCKETPAIR, AF_UNIX, SEQPACKET_NONBLOCK, 0, buffer.address()))
                .isZero();
        try (Fd far = Fd.adopt(buffer.getInt(0), "far end");
                NetDevice card = NetDevice.unplugged(MAC, 1500)) {
            Fd cable = Fd.adopt(buffer.getInt(4), "cable");
            TestDriver other = new TestDriver(memory, card, true).start();
            other.add(1, other.out(packet(200, 1)));
            other.notify(1);
            assertThat(other.completed(1)).isNotEmpty();
            assertThat(card.dropped()).isEqualTo(1);
            TestDriver.Buffer room = other.in(1600);
            other.add(0, room);
            other.notify(0);
            assertThat(other.completed(0)).isEmpty();
            card.attach((fd, action) -> new DeviceEvents.Watch() {
                @Override
                public void arm(boolean readable, boolean writable) {}

                @Override
                public void close() {}
            });
            card.plug(cable, new byte[] {2, 0, 0, 0, 0, 7}, 1450);
            assertThat(other.transport.read(0x104, 2)).isEqualTo(0x0700);
            assertThat(other.transport.read(0x10a, 2))
                    .as("what the card was made for")
                    .isEqualTo(1500);
            buffer.putBytes(0, packet(300, 8));
            assertThat(calls.call(SYS_WRITE, far.number(), buffer.address(), 300))
                    .isEqualTo(300);
            other.notify(0);
            assertThat(other.completed(0)[1]).isEqualTo(300);
            other.add(1, other.out(packet(200, 1)));
            other.notify(1);
            assertThat(calls.call(SYS_READ, far.number(), buffer.address(), buffer.size()))
                    .isEqualTo(200);
            assertThatThrownBy(() -> card.plug(Fd.adopt((int) calls.call(32, far.number()), "another"), MAC, 1500))
                    .hasMessageContaining("second cable");
        }
    }

    @Test
    void aPacketInPiecesStaysOnePacket() throws Exception {
        driver.add(1, driver.out(packet(12, 0)), driver.out(packet(14, 1)), driver.out(packet(1000, 2)));
        driver.add(1, driver.out(packet(100, 3)));
        driver.notify(1);
        assertThat(hostReads()).hasSize(12 + 14 + 1000).endsWith(2).contains(1);
        assertThat(hostReads()).hasSize(100).containsOnly(3);
        assertThat(hostReads()).isEmpty();
        assertThat(driver.completed(1)).isNotEmpty();
        assertThat(driver.completed(1)).isNotEmpty();
    }

    @Test
    void packetsWaitForBuffers() throws Exception {
        hostWrites(packet(200, 7));
        hostWrites(packet(300, 8));
        TestDriver.Buffer first = driver.in(1600);
        driver.add(0, first);
        driver.notify(0);
        int[] done = driver.completed(0);
        assertThat(done[1]).isEqualTo(200);
        assertThat(Arrays.copyOf(driver.bytes(first), 200)).containsOnly(7);
        TestDriver.Buffer head = driver.in(100);
        TestDriver.Buffer tail = driver.in(1500);
        driver.add(0, head, tail);
        driver.notify(0);
        assertThat(driver.completed(0)[1]).isEqualTo(300);
        assertThat(driver.bytes(head)).containsOnly(8);
        assertThat(Arrays.copyOf(driver.bytes(tail), 200)).containsOnly(8);
        driver.add(0, driver.in(1600));
        driver.notify(0);
        assertThat(driver.completed(0)).isEmpty();
        hostWrites(packet(60, 9));
        assertThat(driver.completed(0)[1]).isEqualTo(60);
    }

    @Test
    void whatNobodyTakesIsLost() throws Exception {
        for (int i = 0; i < 5000 && device.dropped() == 0; i++) {
            driver.add(1, driver.out(packet(500, 1)));
            driver.notify(1);
            assertThat(driver.completed(1)).isNotEmpty();
        }
        assertThat(device.dropped()).isPositive();
        assertThat(driver.transport.isBroken()).isFalse();
    }

    @Test
    void noPacketThrows() throws Exception {
        Seeds.each(random -> {
            memory.zero(0x10000, 0x8000);
            TestDriver hostile = new TestDriver(memory, device, random.nextBoolean());
            hostile.start();
            for (int i = 0; i < 40 && !hostile.transport.isBroken(); i++) {
                TestDriver.Buffer[] pieces = new TestDriver.Buffer[1 + random.nextInt(4)];
                boolean receive = random.nextInt(3) == 0;
                for (int j = 0; j < pieces.length; j++) {
                    int length = random.nextInt(300);
                    pieces[j] =
                            (random.nextInt(10) == 0) != receive ? hostile.in(length) : hostile.out(packet(length, j));
                }
                hostile.add(receive ? 0 : 1, pieces);
                hostile.notify(random.nextInt(2));
                if (random.nextBoolean()) {
                    buffer.putByte(0, 1);
                    calls.call(SYS_WRITE, host.number(), buffer.address(), random.nextInt(400));
                }
                while (hostReads().length > 0) {
                    // Make room.
                }
            }
        });
    }
}
