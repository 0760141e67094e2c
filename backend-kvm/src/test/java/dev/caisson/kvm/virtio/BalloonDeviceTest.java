package dev.caisson.kvm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

class BalloonDeviceTest {
    private static final int REPORTS = 2;

    @Test
    void reportedPagesAreTheHostsAgainAndReadAsZeros() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(8 << 20);
                BalloonDevice balloon = new BalloonDevice()) {
            TestDriver driver = new TestDriver(memory, balloon, true).start();
            byte[] content = new byte[2 << 20];
            java.util.Arrays.fill(content, (byte) 7);
            memory.write(4 << 20, content);
            memory.write(6 << 20, content);
            // The queue's own pages are there afterwards.
            driver.add(REPORTS, new TestDriver.Buffer(3 << 20, 4096, true));
            driver.notify(REPORTS);
            assertThat(driver.completed(REPORTS)).isNotEmpty();
            long before = memory.used();
            driver.add(
                    REPORTS,
                    new TestDriver.Buffer(4 << 20, 1 << 20, true),
                    new TestDriver.Buffer(6 << 20, 1 << 20, true));
            driver.notify(REPORTS);
            assertThat(driver.completed(REPORTS)).isNotEmpty();
            assertThat(before - memory.used()).isEqualTo(2 << 20);
            assertThat(balloon.returned()).isEqualTo((2 << 20) + 4096);
            assertThat(memory.getByte((4 << 20) + 5)).isZero();
            assertThat(memory.getByte(5 << 20)).as("not reported").isEqualTo(7);
        }
    }

    @Test
    void aReportOfPartsOfPagesIsIgnored() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(8 << 20);
                BalloonDevice balloon = new BalloonDevice()) {
            TestDriver driver = new TestDriver(memory, balloon, true).start();
            memory.putLong(0x50_0100, 5);
            driver.add(REPORTS, new TestDriver.Buffer(0x50_0100, 4096, true));
            driver.notify(REPORTS);
            assertThat(driver.completed(REPORTS)).isNotEmpty();
            assertThat(memory.getLong(0x50_0100)).isEqualTo(5);
            assertThat(balloon.returned()).isZero();
        }
    }
}
