package dev.caisson.linux.direct;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.linux.Fd;
import dev.caisson.linux.MemFd;
import java.io.RandomAccessFile;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class MappingTest {
    private static final int SYS_POLL = 7;

    @Test
    void twoMappingsOfAMemoryFileShareItsBytes() throws Exception {
        try (Fd file = MemFd.memory("mapping-test", 8192);
                Mapping one = Mapping.shared(file, 8192);
                Mapping other = Mapping.shared(file, 8192)) {
            one.putInt(4096, 0x0102_0304);
            assertThat(other.getByte(4096)).isEqualTo(4);
            other.putShortRelease(8, 0xbeef);
            assertThat(one.getShortAcquire(8)).isEqualTo(0xbeef);
            assertThatThrownBy(() -> one.getLong(8185)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> one.address(8000, 193)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void aMemoryFileKeepsItsSize() throws Exception {
        try (Fd file = MemFd.memory("mapping-test", 8192);
                RandomAccessFile again = new RandomAccessFile(file.procPath(), "rw")) {
            assertThat(again.length()).isEqualTo(8192);
            assertThatThrownBy(() -> again.setLength(4096)).hasMessageContaining("not permitted");
            assertThatThrownBy(() -> again.setLength(16384)).hasMessageContaining("not permitted");
        }
    }

    @Test
    void aClosedMappingIsRefusedAndUnmapped() throws Exception {
        try (Fd file = MemFd.memory("mapping-test-closed", 4096)) {
            Mapping mapping = Mapping.shared(file, 4096);
            assertThat(java.nio.file.Files.readString(java.nio.file.Path.of("/proc/self/maps")))
                    .contains("mapping-test-closed");
            mapping.close();
            mapping.close();
            assertThatThrownBy(() -> mapping.getByte(0)).isInstanceOf(IllegalStateException.class);
            assertThat(java.nio.file.Files.readString(java.nio.file.Path.of("/proc/self/maps")))
                    .doesNotContain("mapping-test-closed");
        }
    }

    @Test
    void aSignalEndsABlockingCall() throws Exception {
        AtomicLong result = new AtomicLong();
        CountDownLatch known = new CountDownLatch(1);
        int[] id = new int[1];
        Thread blocked = Thread.ofPlatform().start(() -> {
            try (KernelCalls calls = new KernelCalls()) {
                id[0] = InterruptSignal.threadId(calls);
                known.countDown();
                result.set(calls.call(SYS_POLL, 0, 0, -1));
            }
        });
        assertThat(known.await(10, TimeUnit.SECONDS)).isTrue();
        try (KernelCalls calls = new KernelCalls()) {
            // It may not be in the call yet, so more than one may be needed.
            while (blocked.isAlive()) {
                InterruptSignal.send(calls, id[0]);
                blocked.join(20);
            }
            assertThat(result.get()).isEqualTo(-4);
            // The kernel's thread ends a little later than Java's.
            assertThatThrownBy(() -> {
                        while (true) {
                            InterruptSignal.send(calls, id[0]);
                            Thread.sleep(5);
                        }
                    })
                    .hasMessageContaining("ESRCH");
        }
    }
}
