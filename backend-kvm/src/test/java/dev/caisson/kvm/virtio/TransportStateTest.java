package dev.caisson.kvm.virtio;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.state.StateFormatException;
import dev.caisson.kvm.state.StateReader;
import dev.caisson.kvm.state.StateWriter;
import dev.caisson.kvm.virtio.net.NetDevice;
import dev.caisson.kvm.virtio.vsock.VsockDevice;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A device goes on where another one was. */
class TransportStateTest {
    @TempDir
    Path directory;

    private static byte[] state(MmioTransport of) throws IOException {
        StateWriter to = new StateWriter();
        of.save(to);
        return to.bytes();
    }

    @Test
    void theNextDeviceAnswersWhatTheDriverHadPutIntoAQueue() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(2 << 20)) {
            TestDriver driver = new TestDriver(memory, new RngDevice(), true).start();
            TestDriver.Buffer before = driver.in(64);
            driver.add(0, before);
            driver.notify(0);
            assertThat(driver.completed(0)[1]).isEqualTo(64);
            TestDriver.Buffer onItsWay = driver.in(32);
            int head = driver.add(0, onItsWay);
            byte[] state = state(driver.transport);

            AtomicInteger interrupts = new AtomicInteger();
            MmioTransport next = new MmioTransport(memory, new RngDevice(), interrupts::incrementAndGet);
            StateReader from = new StateReader(state);
            next.restore(from);
            from.end();
            assertThat(driver.completed(0)).as("before it resumes").isEmpty();
            next.resume();
            assertThat(driver.completed(0)).containsExactly(head, 32);
            assertThat(driver.bytes(onItsWay)).isNotEqualTo(new byte[32]);
            assertThat(interrupts.get()).isPositive();
            assertThat(next.read(0x70, 4)).as("status").isEqualTo(0xf);
            assertThat(state(next)).as("again").hasSameSizeAs(state);
            TestDriver.Buffer after = driver.in(16);
            driver.add(0, after);
            next.process(0);
            assertThat(driver.completed(0)[1]).isEqualTo(16);
        }
    }

    @Test
    void aGuestHearsThatItsConnectionsAreGone() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(2 << 20);
                VsockDevice old = VsockDevice.open(3, directory.resolve("old"));
                VsockDevice fresh = VsockDevice.open(3, directory.resolve("new"))) {
            TestDriver driver = new TestDriver(memory, old, true).start();
            TestDriver.Buffer event = driver.in(4);
            memory.putInt(event.address(), -1);
            driver.add(2, event);
            driver.notify(2);
            assertThat(driver.completed(2)).as("nothing to tell").isEmpty();
            MmioTransport next = new MmioTransport(memory, fresh, () -> {});
            next.restore(new StateReader(state(driver.transport)));
            next.resume();
            // VIRTIO_VSOCK_EVENT_TRANSPORT_RESET, once.
            assertThat(driver.completed(2)[1]).isEqualTo(4);
            assertThat(driver.bytes(event)).containsExactly(0, 0, 0, 0);
            driver.add(2, driver.in(4));
            next.process(2);
            assertThat(driver.completed(2)).isEmpty();
        }
    }

    /** As of a pod that was written down: the driver believes its disk to be there. */
    @Test
    void aDiskGetsTheMediumThatItsDriverKnows() throws Exception {
        Path eight = Files.write(directory.resolve("eight"), new byte[8 * 512]);
        Path nine = Files.write(directory.resolve("nine"), new byte[9 * 512]);
        try (GuestMemory memory = GuestMemory.allocate(2 << 20)) {
            BlockDevice old = BlockDevice.open(eight, false, "disk");
            TestDriver driver = new TestDriver(memory, old, true).start();
            byte[] state = state(driver.transport);
            old.close();
            BlockDevice other = BlockDevice.open(nine, false, "disk");
            MmioTransport wrong = new MmioTransport(memory, other, () -> {});
            assertThatExceptionOfType(StateFormatException.class)
                    .isThrownBy(() -> wrong.restore(new StateReader(state)))
                    .withMessageContaining("a disk of 8 sectors in the place of one of 9");
            other.close();

            BlockDevice next = BlockDevice.empty("disk");
            MmioTransport transport = new MmioTransport(memory, next, () -> {});
            next.attach(new DeviceEvents() {
                @Override
                public Watch watch(Fd fd, Action action) {
                    throw new AssertionError("a disk waits for nothing");
                }

                @Override
                public void reconfigure(Change change) {
                    transport.reconfigure(change);
                }
            });
            transport.restore(new StateReader(state));
            assertThat(next.isEmpty()).isTrue();
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> next.insert(HostFiles.open(nine.toString(), HostFiles.O_RDWR, 0)))
                    .withMessageContaining("a disk of 9 sectors in the place of one of 8");
            assertThat(next.isEmpty()).isTrue();
            next.insert(HostFiles.open(eight.toString(), HostFiles.O_RDWR, 0));
            assertThat(next.isEmpty()).isFalse();
            assertThat(transport.read(0x100, 4)).as("capacity").isEqualTo(8);
            next.eject();
        }
    }

    /** As of a pod that was written down: its network's packets were shorter than its driver takes, and the next one's may be longer again. */
    @Test
    void aNetworkCardGoesOnInANetworkWithOtherPackets() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(2 << 20);
                NetDevice old = NetDevice.unplugged(new byte[] {2, 0, 0, 0, 0, 1}, 1500);
                NetDevice next = NetDevice.unplugged(new byte[] {2, 0, 0, 0, 0, 1}, 1500)) {
            TestDriver driver = new TestDriver(memory, old, true);
            connect(old, driver.transport);
            // The driver begins when it is known what the network is like.
            old.plug(tap(), new byte[] {2, 0, 0, 0, 0, 7}, 1450);
            driver.start();
            MmioTransport transport = new MmioTransport(memory, next, () -> {});
            connect(next, transport);
            transport.restore(new StateReader(state(driver.transport)));
            assertThatExceptionOfType(IOException.class)
                    .isThrownBy(() -> next.plug(tap(), new byte[] {2, 0, 0, 0, 0, 9}, 1501))
                    .withMessageContaining("a cable for packets of 1501 bytes in a network card for 1500");
            next.plug(tap(), new byte[] {2, 0, 0, 0, 0, 8}, 1500);
            assertThat(transport.read(0x100 + 10, 2)).as("mtu").isEqualTo(1500);
            assertThat(transport.read(0x100 + 5, 1)).as("address").isEqualTo(8);
        }
    }

    private static Fd tap() throws IOException {
        return HostFiles.open("/dev/null", HostFiles.O_RDWR, 0);
    }

    private static void connect(NetDevice card, MmioTransport transport) {
        card.attach(new DeviceEvents() {
            @Override
            public Watch watch(Fd fd, Action action) {
                return new Watch() {
                    @Override
                    public void arm(boolean readable, boolean writable) {}

                    @Override
                    public void close() {}
                };
            }

            @Override
            public void perform(Action action) {
                transport.perform(action);
            }

            @Override
            public void reconfigure(Change change) {
                transport.reconfigure(change);
            }
        });
    }

    @Test
    void anotherKindOfDeviceIsRefused() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(2 << 20)) {
            byte[] rng = state(new TestDriver(memory, new RngDevice(), true).start().transport);
            MmioTransport other = new MmioTransport(memory, new BalloonDevice(), () -> {});
            assertThatExceptionOfType(StateFormatException.class)
                    .isThrownBy(() -> other.restore(new StateReader(rng)))
                    .withMessageContaining("device 5");
            MmioTransport small = new MmioTransport(GuestMemory.allocate(1 << 20), new RngDevice(), () -> {});
            byte[] far = rng.clone();
            // The descriptors' address: far behind the memory.
            java.util.Arrays.fill(far, far.length - 52, far.length - 44, (byte) 0x70);
            assertThatExceptionOfType(StateFormatException.class)
                    .isThrownBy(() -> small.restore(new StateReader(far)))
                    .withMessageContaining("device 4");
        }
    }

    @Test
    void damageIsAnErrorOrADeviceThatWorksInBounds() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(2 << 20)) {
            TestDriver driver = new TestDriver(memory, new RngDevice(), true).start();
            driver.add(0, driver.in(64));
            byte[] state = state(driver.transport);
            Seeds.each(random -> {
                MmioTransport next = new MmioTransport(memory, new RngDevice(), () -> {});
                try {
                    next.restore(new StateReader(Seeds.damaged(random, state)));
                    next.resume();
                } catch (StateFormatException e) {
                    assertThat(e).hasMessageStartingWith("state of a machine, in ");
                }
            });
        }
    }
}
