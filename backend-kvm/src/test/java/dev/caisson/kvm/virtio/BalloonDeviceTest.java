package dev.caisson.kvm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.linux.Fd;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class BalloonDeviceTest {
    private static final int REPORTS = 2;

    @Test
    void reportedPagesAreTheHostsAgainAndReadAsZeros() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(8 << 20);
                BalloonDevice balloon = new BalloonDevice()) {
            TestDriver driver = new TestDriver(memory, balloon, true).start();
            byte[] content = new byte[2 << 20];
            Arrays.fill(content, (byte) 7);
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

    private static byte[] numbers(int... pages) {
        ByteBuffer b = ByteBuffer.allocate(pages.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        for (int each : pages) {
            b.putInt(each);
        }
        return b.array();
    }

    private static TestDriver inMachine(GuestMemory memory, BalloonDevice balloon) {
        TestDriver driver = new TestDriver(memory, balloon, true);
        balloon.attach(new DeviceEvents() {
            @Override
            public Watch watch(Fd fd, Action action) {
                throw new AssertionError("a balloon waits for nothing");
            }

            @Override
            public void reconfigure(Change change) {
                driver.transport.reconfigure(change);
            }
        });
        return driver.start();
    }

    @Test
    void whatTheGuestGivesIsTheHostsUntilItTakesItBack() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(16 << 20);
                BalloonDevice balloon = new BalloonDevice()) {
            TestDriver driver = inMachine(memory, balloon);
            int generation = driver.read(0xfc);
            balloon.want(3);
            assertThat(driver.transport.read(0x100, 4))
                    .as("pages that are wanted")
                    .isEqualTo(3 * 256);
            assertThat(driver.read(0xfc)).isNotEqualTo(generation);
            assertThat(driver.read(0x60) & 2)
                    .as("the configuration has changed")
                    .isEqualTo(2);
            byte[] content = new byte[1 << 20];
            Arrays.fill(content, (byte) 7);
            memory.write(8 << 20, content);
            // Down, up, and one beside.
            driver.add(0, driver.out(numbers(2050, 2049, 2048, 2060, 2061, 2100)));
            driver.notify(0);
            assertThat(driver.completed(0)).isNotEmpty();
            assertThat(balloon.size()).isEqualTo(6 * 4096);
            assertThat(balloon.returned()).isEqualTo(6 * 4096);
            assertThat(driver.transport.read(0x104, 4)).isEqualTo(6);
            for (int given : new int[] {2048, 2049, 2050, 2060, 2061, 2100}) {
                assertThat(memory.getByte((long) given << 12))
                        .as("page %s", given)
                        .isZero();
            }
            for (int kept : new int[] {2051, 2059, 2062, 2099, 2101}) {
                assertThat(memory.getByte((long) kept << 12))
                        .as("page %s", kept)
                        .isEqualTo(7);
            }
            driver.add(1, driver.out(numbers(2048, 2049)));
            driver.notify(1);
            assertThat(driver.completed(1)).isNotEmpty();
            assertThat(balloon.size()).isEqualTo(4 * 4096);
        }
    }

    @Test
    void aGuestThatGivesWhatItHasNotIsBroken() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(8 << 20);
                BalloonDevice balloon = new BalloonDevice()) {
            TestDriver driver = inMachine(memory, balloon);
            driver.add(1, driver.out(numbers(5, 6, 7)));
            driver.notify(1);
            assertThat(balloon.size()).as("more than it gave").isZero();
            driver.add(0, driver.out(numbers(2047, 2048)));
            driver.notify(0);
            assertThat(driver.transport.isBroken()).isTrue();
            assertThat(balloon.size()).isZero();
            driver.start();
            driver.rewind();
            driver.add(0, driver.out(numbers(-1)));
            driver.notify(0);
            assertThat(driver.transport.isBroken()).isTrue();
            assertThat(balloon.returned()).isZero();
        }
    }

    /** Of a machine that goes on from elsewhere. */
    @Test
    void aDriverIsToldThoughNothingHasChanged() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(8 << 20);
                BalloonDevice balloon = new BalloonDevice()) {
            TestDriver driver = inMachine(memory, balloon);
            balloon.want(0);
            assertThat(driver.read(0x60) & 2).isZero();
            balloon.tell();
            assertThat(driver.read(0x60) & 2).isEqualTo(2);
        }
    }
}
