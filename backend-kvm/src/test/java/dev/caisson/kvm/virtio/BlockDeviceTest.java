package dev.caisson.kvm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Requests as virtio 1.2, 5.2.6 describes them, against a file. */
class BlockDeviceTest {
    private static final int SECTORS = 64;

    @TempDir
    Path directory;

    private Path disk;
    private GuestMemory memory;

    @BeforeEach
    void open() throws Exception {
        memory = GuestMemory.allocate(2 << 20);
        byte[] content = new byte[SECTORS * 512 + 100];
        for (int i = 0; i < content.length; i++) {
            content[i] = (byte) (i / 512);
        }
        disk = Files.write(directory.resolve("disk"), content);
    }

    @AfterEach
    void close() {
        memory.close();
    }

    private static byte[] header(int type, long sector) {
        return ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(0, type)
                .putLong(8, sector)
                .array();
    }

    private int request(TestDriver driver, TestDriver.Buffer... data) throws GuestFault {
        TestDriver.Buffer status = driver.in(1);
        driver.memory.putByte(status.address(), 0xee);
        TestDriver.Buffer[] all = Arrays.copyOf(data, data.length + 1);
        all[data.length] = status;
        driver.add(0, all);
        driver.notify(0);
        assertThat(driver.completed(0)).as("completed").isNotEmpty();
        return driver.memory.getByte(status.address());
    }

    @Test
    void readsAndWritesSectors() throws Exception {
        try (BlockDevice block = BlockDevice.open(disk, false, "root")) {
            TestDriver driver = new TestDriver(memory, block, true).start();
            assertThat(driver.transport.read(0x100, 8)).as("capacity").isEqualTo(SECTORS);
            TestDriver.Buffer one = driver.in(512);
            TestDriver.Buffer more = driver.in(1024);
            assertThat(request(driver, driver.out(header(0, 5)), one, more)).isZero();
            assertThat(driver.bytes(one)).containsOnly(5);
            assertThat(driver.bytes(more)).startsWith(6).endsWith(7);

            byte[] fresh = new byte[512];
            Arrays.fill(fresh, (byte) 0x77);
            assertThat(request(driver, driver.out(header(1, 9)), driver.out(fresh)))
                    .isZero();
            assertThat(request(driver, driver.out(header(4, 0)))).as("flush").isZero();
            byte[] content = Files.readAllBytes(disk);
            assertThat(Arrays.copyOfRange(content, 9 * 512, 10 * 512)).isEqualTo(fresh);
            assertThat(content[10 * 512]).isEqualTo((byte) 10);

            TestDriver.Buffer name = driver.in(20);
            assertThat(request(driver, driver.out(header(8, 0)), name)).isZero();
            assertThat(new String(driver.bytes(name), StandardCharsets.US_ASCII))
                    .startsWith("root\0");
            assertThat(request(driver, driver.out(header(99, 0)))).as("unknown").isEqualTo(2);
        }
    }

    /** The driver hears of a new medium by a change of the configuration (virtio 1.2, 2.5.1 and 5.2.5). */
    @Test
    void aMediumCanBePutInAndTakenOut() throws Exception {
        try (BlockDevice block = BlockDevice.empty("drive3")) {
            TestDriver driver = new TestDriver(memory, block, true);
            block.attach(new DeviceEvents() {
                @Override
                public Watch watch(Fd fd, Action action) {
                    throw new AssertionError("a disk waits for nothing");
                }

                @Override
                public void reconfigure(Change change) {
                    driver.transport.reconfigure(change);
                }
            });
            driver.start();
            assertThat(driver.transport.read(0x100, 8)).as("capacity").isZero();
            assertThat(request(driver, driver.out(header(0, 0)), driver.in(512)))
                    .as("read of nothing")
                    .isEqualTo(1);
            TestDriver.Buffer name = driver.in(20);
            assertThat(request(driver, driver.out(header(8, 0)), name)).isZero();
            assertThat(new String(driver.bytes(name), StandardCharsets.US_ASCII))
                    .startsWith("drive3\0");

            int generation = driver.read(0xfc);
            int interrupts = driver.interrupts;
            block.insert(HostFiles.open(disk.toString(), HostFiles.O_RDWR, 0));
            assertThat(driver.interrupts).isEqualTo(interrupts + 1);
            assertThat(driver.read(0x60) & 2).as("configuration changed").isEqualTo(2);
            assertThat(driver.read(0xfc)).isNotEqualTo(generation);
            driver.write(0x64, 2);
            assertThat(driver.read(0x60) & 2).isZero();
            assertThat(driver.transport.read(0x100, 8)).isEqualTo(SECTORS);
            TestDriver.Buffer sector = driver.in(512);
            assertThat(request(driver, driver.out(header(0, 5)), sector)).isZero();
            assertThat(driver.bytes(sector)).containsOnly(5);

            block.eject();
            assertThat(block.isEmpty()).isTrue();
            assertThat(driver.transport.read(0x100, 8)).isZero();
            assertThat(request(driver, driver.out(header(0, 5)), driver.in(512)))
                    .isEqualTo(1);
        }
    }

    @Test
    void discardedSectorsReadAsZeros() throws Exception {
        try (BlockDevice block = BlockDevice.open(disk, false, "root")) {
            TestDriver driver = new TestDriver(memory, block, true).start();
            byte[] range = ByteBuffer.allocate(16)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(0, 16)
                    .putInt(8, 8)
                    .array();
            assertThat(request(driver, driver.out(header(11, 0)), driver.out(range)))
                    .isZero();
            byte[] content = Files.readAllBytes(disk);
            assertThat(Arrays.copyOfRange(content, 16 * 512, 24 * 512)).containsOnly(0);
            assertThat(content[24 * 512]).isEqualTo((byte) 24);
            assertThat(content[16 * 512 - 1]).isEqualTo((byte) 15);
        }
    }

    @Test
    void nothingOutsideTheDiskIsTouched() throws Exception {
        byte[] before = Files.readAllBytes(disk);
        try (BlockDevice block = BlockDevice.open(disk, false, "root")) {
            TestDriver driver = new TestDriver(memory, block, true).start();
            byte[] two = new byte[1024];
            for (long sector : new long[] {SECTORS - 1, SECTORS, Long.MAX_VALUE, -1, Long.MAX_VALUE / 512}) {
                assertThat(request(driver, driver.out(header(1, sector)), driver.out(two)))
                        .isEqualTo(1);
                assertThat(request(driver, driver.out(header(0, sector)), driver.in(1024)))
                        .isEqualTo(1);
            }
            assertThat(request(driver, driver.out(header(1, 0)), driver.out(new byte[511])))
                    .as("not whole sectors")
                    .isEqualTo(1);
        }
        assertThat(Files.readAllBytes(disk)).isEqualTo(before);
    }

    @Test
    void aReadOnlyDiskIsNotWritten() throws Exception {
        byte[] before = Files.readAllBytes(disk);
        try (BlockDevice block = BlockDevice.open(disk, true, "root")) {
            TestDriver driver = new TestDriver(memory, block, true).start();
            assertThat(driver.read(0x10) & 1 << 5).as("VIRTIO_BLK_F_RO").isNotZero();
            assertThat(request(driver, driver.out(header(1, 0)), driver.out(new byte[512])))
                    .isEqualTo(1);
            TestDriver.Buffer sector = driver.in(512);
            assertThat(request(driver, driver.out(header(0, 3)), sector)).isZero();
            assertThat(driver.bytes(sector)).containsOnly(3);
        }
        assertThat(Files.readAllBytes(disk)).isEqualTo(before);
    }

    @Test
    void aRequestWithoutRoomForAStatusBreaksTheDevice() throws Exception {
        try (BlockDevice block = BlockDevice.open(disk, true, "root")) {
            TestDriver driver = new TestDriver(memory, block, true).start();
            driver.add(0, driver.out(header(0, 0)));
            driver.notify(0);
            assertThat(driver.transport.isBroken()).isTrue();
        }
    }

    @Test
    void noRequestThrowsOrLeavesTheDisk() throws Exception {
        try (BlockDevice block = BlockDevice.open(disk, false, "root")) {
            Seeds.each(random -> {
                memory.zero(0x10000, 0x4000);
                TestDriver driver = new TestDriver(memory, block, random.nextBoolean()).start();
                for (int i = 0; i < 30 && !driver.transport.isBroken(); i++) {
                    byte[] first =
                            header(random.nextInt(16), random.nextInt(4) == 0 ? random.nextLong() : random.nextInt(70));
                    driver.add(
                            0,
                            driver.out(Seeds.damaged(random, first)),
                            random.nextBoolean()
                                    ? driver.out(new byte[random.nextInt(1100)])
                                    : driver.in(random.nextInt(1100)),
                            driver.in(random.nextInt(3)));
                    driver.notify(0);
                }
                assertThat(Files.size(disk)).isEqualTo(SECTORS * 512 + 100);
            });
        }
    }
}
