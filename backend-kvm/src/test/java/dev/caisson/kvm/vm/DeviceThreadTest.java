package dev.caisson.kvm.vm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.kvm.virtio.DeviceEvents;
import dev.caisson.kvm.virtio.MmioTransport;
import dev.caisson.kvm.virtio.RngDevice;
import dev.caisson.linux.Fd;
import dev.caisson.linux.UnixSockets;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real sockets, waited for by the real thread. */
@Timeout(30)
class DeviceThreadTest {
    private static final long MOMENT_MILLIS = 200;

    @TempDir
    Path directory;

    private final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
    private final Semaphore ran = new Semaphore(0);
    private GuestMemory memory;
    private DeviceThread thread;
    private SocketChannel far;
    private Fd near;
    private DeviceEvents.Watch watch;

    @BeforeEach
    void begin() throws Exception {
        memory = GuestMemory.allocate(1 << 20);
        thread = DeviceThread.create(failures::add);
        thread.start();
        Path path = directory.resolve("s");
        try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(path));
            near = Objects.requireNonNull(UnixSockets.tryConnect(path.toString()));
            far = server.accept();
        }
        MmioTransport transport = new MmioTransport(memory, new RngDevice(), () -> {});
        watch = thread.eventsOf(transport).watch(near, ran::release);
    }

    @AfterEach
    void end() throws Exception {
        far.close();
        watch.close();
        thread.close();
        near.close();
        memory.close();
        assertThat(failures).isEmpty();
    }

    private boolean runsWithin(long millis) throws InterruptedException {
        return ran.tryAcquire(millis, TimeUnit.MILLISECONDS);
    }

    @Test
    void whatIsArmedRunsOnceEachTime() throws Exception {
        far.write(ByteBuffer.wrap(new byte[] {1}));
        assertThat(runsWithin(MOMENT_MILLIS)).as("not armed yet").isFalse();
        for (int i = 0; i < 3; i++) {
            watch.arm(true, false);
            assertThat(runsWithin(10_000)).isTrue();
        }
        assertThat(runsWithin(MOMENT_MILLIS)).isFalse();
        watch.arm(false, true);
        assertThat(runsWithin(10_000)).as("there is room to write").isTrue();
    }

    @Test
    void anEndThatNobodyWantsToHearOfWakesNobody() throws Exception {
        watch.arm(true, false);
        watch.arm(false, false);
        far.close();
        assertThat(runsWithin(MOMENT_MILLIS)).isFalse();
        watch.arm(true, false);
        assertThat(runsWithin(10_000)).as("the end is there still").isTrue();
        // As a device does that cannot go on with it yet.
        watch.arm(false, false);
        assertThat(runsWithin(MOMENT_MILLIS)).isFalse();
    }
}
