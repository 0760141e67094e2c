package dev.caisson.kvm.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.bus.Bus;
import dev.caisson.kvm.device.ConsoleLog;
import dev.caisson.kvm.device.ResetPort;
import dev.caisson.kvm.device.SerialPort;
import dev.caisson.kvm.device.SleepPort;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.virtio.BalloonDevice;
import dev.caisson.kvm.virtio.BlockDevice;
import dev.caisson.kvm.virtio.ConsoleDevice;
import dev.caisson.kvm.virtio.MmioTransport;
import dev.caisson.kvm.virtio.RngDevice;
import dev.caisson.kvm.virtio.TestDriver;
import dev.caisson.kvm.virtio.VirtioDevice;
import dev.caisson.kvm.virtio.fs.FsDevice;
import dev.caisson.kvm.virtio.net.NetDevice;
import dev.caisson.kvm.virtio.vsock.VsockDevice;
import dev.caisson.kvm.x86.AcpiTables;
import dev.caisson.kvm.x86.Layout;
import dev.caisson.linux.EventFd;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import dev.caisson.linux.MemFd;
import dev.caisson.linux.direct.KernelCalls;
import dev.caisson.linux.direct.Mapping;
import dev.caisson.linux.direct.NativeMemory;
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
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Garbage on every surface that a guest can reach, at once and from two processors, while the host's side of the devices lives: registers, ports, rings,
 * disks, sockets, packets, files. As devices and their thread are in a machine, without KVM. What the agent says is in {@code HostileAgentTest}.
 */
@Timeout(value = 2, unit = TimeUnit.HOURS)
class HostileGuestTest {
    /** How long it goes on; {@code ./dev fuzz-kvm} for minutes. */
    private static final long SECONDS = Long.getLong("caisson.fuzz.seconds", 2);

    private static final long FIRST_SEED = Long.getLong("caisson.fuzz.seed", new SplittableRandom().nextLong());
    private static final int PROCESSORS = 2;
    private static final int STEPS = 1500;
    private static final long STUCK_SECONDS = 60;
    private static final int SYS_SOCKETPAIR = 53;
    private static final int AF_UNIX = 1;
    private static final int SEQPACKET_NONBLOCK = 5 | 0x800;
    private static final int DISK = 10 * 512;
    private static final long HEAP_GROWTH = 64L << 20;

    @TempDir
    Path directory;

    private final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
    /** Interrupts, by the type of the device. */
    private final Map<Integer, AtomicLong> heard = new ConcurrentHashMap<>();

    private final AtomicLong fileRequests = new AtomicLong();

    /** One machine's devices, wired as {@link VirtualMachine} does. */
    private final class Machine implements AutoCloseable {
        final GuestMemory memory = GuestMemory.allocate(HostileGuest.MEMORY);
        final DeviceThread work = DeviceThread.create(failures::add);
        final Bus ports = new Bus();
        final Bus addresses = new Bus();
        final List<HostileGuest.Device> devices = new ArrayList<>();
        final List<AutoCloseable> owned = new ArrayList<>();
        final BlockDevice drive;
        final FsDevice files;
        final Fd cable;
        final Mapping pages;
        private int count;

        Machine(Path directory) throws Exception {
            SerialPort serial = new SerialPort(new ConsoleLog(), () -> {});
            ports.add(Layout.SERIAL_PORT, Layout.SERIAL_PORTS, serial);
            ports.add(Layout.RESET_PORT, 1, new ResetPort(() -> {}));
            ports.add(Layout.SLEEP_PORT, Layout.SLEEP_PORTS, new SleepPort(AcpiTables.SLEEP_OFF, () -> {}));
            try (Fd file = MemFd.memory("registers", 16 * Layout.VIRTIO_PAGE)) {
                pages = Mapping.shared(file, 16 * Layout.VIRTIO_PAGE);
            }
            plug(new ConsoleDevice((bytes, length) -> {}));
            plug(owned(BlockDevice.open(directory.resolve("disk"), false, "disk")));
            plug(owned(BlockDevice.open(directory.resolve("fixed-disk"), true, "fixed-disk")));
            drive = owned(BlockDevice.empty("drive"));
            plug(drive);
            plug(new RngDevice());
            plug(owned(new BalloonDevice()));
            files = owned(new FsDevice("files"));
            files.share("data", HostFiles.open(directory.resolve("shared").toString(), HostFiles.O_PATH, 0), false);
            files.share("fixed", HostFiles.open(directory.resolve("fixed").toString(), HostFiles.O_PATH, 0), true);
            plug(files);
            try (KernelCalls calls = new KernelCalls();
                    NativeMemory pair = new NativeMemory(8)) {
                assertThat(calls.call(SYS_SOCKETPAIR, AF_UNIX, SEQPACKET_NONBLOCK, 0, pair.address()))
                        .isZero();
                cable = owned(Fd.adopt(pair.getInt(0), "cable"));
                plug(owned(new NetDevice(Fd.adopt(pair.getInt(4), "tap"), new byte[] {2, 0, 0, 0, 0, 9}, 1400)));
            }
            plug(owned(VsockDevice.open(HostileRequests.GUEST_CID, directory.resolve("v"))));
        }

        private <T extends AutoCloseable> T owned(T resource) {
            owned.add(resource);
            return resource;
        }

        private void plug(VirtioDevice device) throws IOException {
            AtomicLong heardOf = heard.computeIfAbsent(device.type(), type -> new AtomicLong());
            MmioTransport transport = new MmioTransport(memory, device, heardOf::incrementAndGet);
            transport.publish(pages, (long) count * Layout.VIRTIO_PAGE);
            device.attach(work.eventsOf(transport));
            addresses.add(Layout.VIRTIO + (long) count++ * Layout.VIRTIO_PAGE, Layout.VIRTIO_PAGE, transport);
            List<EventFd> notifications = new ArrayList<>();
            for (int i = 0; i < device.queues(); i++) {
                int queue = i;
                EventFd notified = owned(EventFd.open("queue " + i));
                notifications.add(notified);
                work.watch(notified, () -> transport.process(queue));
            }
            devices.add(new HostileGuest.Device(device.type(), transport, notifications));
        }

        /** In the order of {@link VirtualMachine#close}. */
        @Override
        public void close() {
            work.end();
            devices.forEach(device -> device.transport().shutDown());
            work.close();
            for (AutoCloseable each : owned) {
                try {
                    each.close();
                } catch (Exception e) {
                    throw new AssertionError("close " + each, e);
                }
            }
            pages.close();
            memory.close();
        }
    }

    private void prepare() throws IOException {
        Files.write(directory.resolve("disk"), new byte[DISK]);
        Files.write(directory.resolve("fixed-disk"), new byte[DISK]);
        Files.writeString(directory.resolve("outside"), "not the guest's");
        Files.createDirectories(directory.resolve("fixed"));
        Files.writeString(directory.resolve("fixed/a"), "stays");
        Path shared = directory.resolve("shared");
        Files.createDirectories(shared.resolve("d"));
        Files.writeString(shared.resolve("a"), "a");
        if (!Files.isSymbolicLink(shared.resolve("link"))) {
            Files.deleteIfExists(shared.resolve("link"));
            Files.createSymbolicLink(shared.resolve("link"), directory.resolve("outside"));
        }
    }

    @Test
    void aGuestCanBreakItsOwnDevicesOnly() throws Exception {
        System.out.println("garbage for " + SECONDS + " s, first seed " + FIRST_SEED);
        SplittableRandom seeds = new SplittableRandom(FIRST_SEED);
        trial(seeds.nextLong()); // classes are loaded now
        int descriptors = descriptors();
        long heap = heap();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        int trials = 1;
        for (; System.nanoTime() < end; trials++) {
            trial(seeds.nextLong());
        }
        assertThat(descriptors())
                .as("descriptors after " + trials + " machines")
                .isLessThanOrEqualTo(descriptors);
        assertThat(heap() - heap).as("growth of the heap").isLessThan(HEAP_GROWTH);
        assertThat(heard.values())
                .as("every device has answered")
                .allSatisfy(each -> assertThat(each).hasPositiveValue());
        assertThat(fileRequests).hasPositiveValue();
        System.out.println(trials + " machines with " + trials * STEPS * PROCESSORS
                + " steps of their guests; interrupts by device type: " + heard + ", file requests: " + fileRequests);
    }

    private void trial(long seed) throws Exception {
        try {
            SplittableRandom random = new SplittableRandom(seed);
            prepare();
            Path ports = directory.resolve("v_" + HostileRequests.HOST_PORT);
            try (Machine machine = new Machine(directory);
                    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                server.bind(UnixDomainSocketAddress.of(ports));
                server.configureBlocking(false);
                machine.work.start();
                AtomicBoolean over = new AtomicBoolean();
                List<CompletableFuture<?>> running = new ArrayList<>();
                for (int i = 0; i < PROCESSORS; i++) {
                    running.add(inThread(new HostileGuest(
                            random.split(), machine.memory, machine.ports, machine.addresses, machine.devices, STEPS)));
                }
                SplittableRandom hosts = random.split();
                CompletableFuture<?> host = inThread(() -> host(machine, server, hosts, over));
                for (CompletableFuture<?> each : running) {
                    each.get(STUCK_SECONDS, TimeUnit.SECONDS);
                }
                over.set(true);
                host.get(STUCK_SECONDS, TimeUnit.SECONDS);
                assertThat(failures).isEmpty();
                fileRequests.addAndGet(machine.files.counts().requests());
                if (random.nextBoolean()) {
                    serveAgain(machine);
                } // else it ends in the middle of everything
            } finally {
                Files.deleteIfExists(ports);
            }
            assertUntouched();
        } catch (Exception | AssertionError e) {
            throw new AssertionError("seed " + seed, e);
        }
    }

    private static CompletableFuture<?> inThread(Runnable work) {
        CompletableFuture<?> done = new CompletableFuture<>();
        Thread.ofPlatform().daemon().name("hostile").start(() -> {
            try {
                work.run();
                done.complete(null);
            } catch (RuntimeException | Error e) {
                done.completeExceptionally(e);
            }
        });
        return done;
    }

    /** Those on the host that a machine's devices talk to. */
    private void host(Machine machine, ServerSocketChannel server, SplittableRandom random, AtomicBoolean over) {
        List<SocketChannel> open = new ArrayList<>();
        try (KernelCalls calls = new KernelCalls();
                NativeMemory packet = new NativeMemory(2000)) {
            while (!over.get()) {
                switch (random.nextInt(6)) {
                    case 0 -> keep(open, server.accept());
                    case 1 -> keep(open, caller(random));
                    case 2 -> talk(open, random);
                    case 3 -> calls.call(1, machine.cable.number(), packet.address(), 12 + random.nextInt(1500));
                    case 4 -> {
                        machine.files.unshare("data");
                        String shared = directory.resolve("shared").toString();
                        machine.files.share("data", HostFiles.open(shared, HostFiles.O_PATH, 0), false);
                    }
                    default -> {
                        machine.drive.eject();
                        String disk = directory.resolve("disk").toString();
                        machine.drive.insert(HostFiles.open(disk, HostFiles.O_RDWR, 0));
                    }
                }
            }
            for (SocketChannel each : open) {
                each.close();
            }
        } catch (IOException e) {
            throw new AssertionError("the host's side", e);
        }
    }

    private static void keep(List<SocketChannel> open, @Nullable SocketChannel more) throws IOException {
        if (more != null) {
            more.configureBlocking(false);
            open.add(more);
        }
        if (open.size() > 20) {
            open.removeFirst().close();
        }
    }

    private @Nullable SocketChannel caller(SplittableRandom random) throws IOException {
        SocketChannel caller = SocketChannel.open(StandardProtocolFamily.UNIX);
        caller.configureBlocking(false);
        try {
            caller.connect(UnixDomainSocketAddress.of(directory.resolve("v")));
            caller.write(
                    ByteBuffer.wrap(("CONNECT " + random.nextInt(4) + "\nfirst").getBytes(StandardCharsets.US_ASCII)));
        } catch (IOException e) {
            // As many wait as the device lets wait, or it has hung up already.
            caller.close();
            return null;
        }
        return caller;
    }

    private static void talk(List<SocketChannel> open, SplittableRandom random) throws IOException {
        if (open.isEmpty()) {
            return;
        }
        SocketChannel one = open.get(random.nextInt(open.size()));
        try {
            one.write(ByteBuffer.wrap(new byte[random.nextInt(3000)]));
            one.read(ByteBuffer.allocate(random.nextInt(3000)));
        } catch (IOException e) {
            open.remove(one); // the guest has ended it
            one.close();
        }
    }

    /** After a reset a device is as good as new, whatever was before. */
    private static void serveAgain(Machine machine) throws Exception {
        for (HostileGuest.Device each : machine.devices) {
            CompletableFuture<?> reset = inThread(() -> each.transport().write(0x70, 4, 0));
            reset.get(STUCK_SECONDS, TimeUnit.SECONDS);
            assertThat(each.transport().read(0x70, 4)).isZero();
        }
        RngDevice rng = new RngDevice();
        TestDriver driver = new TestDriver(machine.memory, rng, true).start();
        TestDriver.Buffer buffer = driver.in(64);
        driver.memory.zero(buffer.address(), 64);
        driver.add(0, buffer);
        driver.notify(0);
        assertThat(driver.completed(0)).hasSize(2);
        assertThat(driver.bytes(buffer)).isNotEqualTo(new byte[64]);
    }

    private void assertUntouched() throws IOException {
        assertThat(directory.resolve("outside")).hasContent("not the guest's");
        assertThat(directory.resolve("fixed/a")).hasContent("stays");
        try (Stream<Path> in = Files.list(directory.resolve("fixed"))) {
            assertThat(in).hasSize(1);
        }
        assertThat(Files.readAllBytes(directory.resolve("fixed-disk"))).isEqualTo(new byte[DISK]);
        assertThat(Files.size(directory.resolve("disk"))).isEqualTo(DISK);
        try (Stream<Path> around = Files.list(directory)) {
            assertThat(around.map(Path::getFileName).map(Path::toString))
                    .containsExactlyInAnyOrder("disk", "fixed-disk", "outside", "fixed", "shared");
        }
    }

    private static int descriptors() {
        return Objects.requireNonNull(new java.io.File("/proc/self/fd").list()).length;
    }

    private static long heap() {
        Runtime runtime = Runtime.getRuntime();
        long[] used = new long[3];
        for (int i = 0; i < used.length; i++) {
            System.gc();
            used[i] = runtime.totalMemory() - runtime.freeMemory();
        }
        return Arrays.stream(used).min().orElseThrow();
    }
}
