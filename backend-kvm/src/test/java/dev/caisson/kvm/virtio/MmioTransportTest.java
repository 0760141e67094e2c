package dev.caisson.kvm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.memory.GuestFault;
import dev.caisson.kvm.memory.GuestMemory;
import dev.caisson.linux.Fd;
import dev.caisson.linux.MemFd;
import dev.caisson.linux.direct.Mapping;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The transport and its queues, by a console. */
class MmioTransportTest {
    private static final int TRANSMIT = 1;

    private GuestMemory memory;
    private final StringBuilder said = new StringBuilder();
    private final ConsoleDevice console =
            new ConsoleDevice((bytes, length) -> said.append(new String(bytes, 0, length, StandardCharsets.US_ASCII)));

    @BeforeEach
    void open() throws Exception {
        memory = GuestMemory.allocate(2 << 20);
    }

    @AfterEach
    void close() {
        memory.close();
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void requestsAreDoneInOrder(boolean eventIndex) throws GuestFault {
        TestDriver driver = new TestDriver(memory, console, eventIndex).start();
        for (int round = 0; round < 50; round++) {
            said.setLength(0);
            int one = driver.add(TRANSMIT, driver.out(text("one ")), driver.out(text("and ")));
            int two = driver.addIndirect(
                    TRANSMIT, driver.out(text("two ")), driver.out(text("and ")), driver.out(text("three")));
            driver.interrupts = 0;
            driver.notify(TRANSMIT);
            assertThat(said).hasToString("one and two and three");
            assertThat(driver.interrupts).isEqualTo(1);
            assertThat(driver.read(0x60)).isEqualTo(1);
            driver.write(0x64, 1);
            assertThat(driver.read(0x60)).isZero();
            assertThat(driver.completed(TRANSMIT)).containsExactly(one, 0);
            assertThat(driver.completed(TRANSMIT)).containsExactly(two, 0);
            assertThat(driver.completed(TRANSMIT)).isEmpty();
        }
    }

    @Test
    void inputWaitsForBuffers() throws GuestFault {
        TestDriver driver = new TestDriver(memory, console, true).start();
        assertThat(console.receive(text("hello"))).isEqualTo(5);
        driver.transport.process(0);
        assertThat(driver.interrupts).isZero();
        TestDriver.Buffer first = driver.in(3);
        TestDriver.Buffer second = driver.in(8);
        driver.add(0, first);
        driver.add(0, second);
        driver.notify(0);
        assertThat(driver.bytes(first)).isEqualTo(text("hel"));
        assertThat(driver.completed(0)[1]).isEqualTo(3);
        assertThat(driver.completed(0)[1]).isEqualTo(2);
    }

    @Test
    void aDriverThatWantsNoInterruptGetsNone() throws GuestFault {
        TestDriver driver = new TestDriver(memory, console, false).start();
        driver.memory.putShort(0x10000 + 0x4000 + 0x1000, 1);
        driver.add(TRANSMIT, driver.out(text("x")));
        driver.notify(TRANSMIT);
        assertThat(said).hasToString("x");
        assertThat(driver.interrupts).isZero();
    }

    @Test
    void featuresThatWereNotOfferedAreNotAgreedOn() {
        TestDriver driver = new TestDriver(memory, console, false);
        driver.write(0x70, 3);
        driver.write(0x24, 1);
        driver.write(0x20, 1 | 1 << 20);
        driver.write(0x70, 0xb);
        assertThat(driver.read(0x70)).isEqualTo(3);
        driver.write(0x20, 0);
        driver.write(0x70, 0xb);
        assertThat(driver.read(0x70)).as("without VERSION_1").isEqualTo(3);
    }

    @Test
    void aResetForgetsEverything() throws GuestFault {
        TestDriver driver = new TestDriver(memory, console, true).start();
        driver.write(0x70, 0);
        assertThat(driver.read(0x70)).isZero();
        driver.write(0x30, TRANSMIT);
        assertThat(driver.read(0x44)).isZero();
        driver.add(TRANSMIT, driver.out(text("ghost")));
        driver.notify(TRANSMIT);
        assertThat(said).isEmpty();
    }

    /** What a hostile driver may try; the device asks for a reset, and works after one. */
    @Test
    void brokenRequestsBreakTheDeviceOnly() throws GuestFault {
        List<Runnable> attacks = new ArrayList<>();
        TestDriver[] current = new TestDriver[1];
        // Memory that is not there; a length that wraps; a loop; an index outside; wrong orders; indirect tricks.
        attacks.add(() -> descriptor(current[0], 0, 0x7fff_0000_0000L, 10, 0, 0));
        attacks.add(() -> descriptor(current[0], 0, -8, 16, 0, 0));
        attacks.add(() -> descriptor(current[0], 0, (2 << 20) - 4, 5, 0, 0));
        attacks.add(() -> descriptor(current[0], 0, 0x1000, 4, 1, 0));
        attacks.add(() -> descriptor(current[0], 0, 0x1000, 4, 1, 8));
        attacks.add(() -> descriptor(current[0], 0, 0x1000, 16, 4, 0));
        attacks.add(() -> descriptor(current[0], 0, 0x1000, 24, 4, 0));
        attacks.add(() -> descriptor(current[0], 0, 0x1000, 0, 4, 0));
        attacks.add(() -> descriptor(current[0], 0, 0x1000, 16 * 9, 4, 0));
        attacks.add(() -> descriptor(current[0], 0, 0x1000, 16, 5, 0));
        attacks.add(() -> {
            descriptor(current[0], 0, 0x1000, 4, 3, 1);
            descriptor(current[0], 1, 0x1000, 4, 0, 0);
        });
        for (Runnable attack : attacks) {
            TestDriver driver = new TestDriver(memory, console, true).start();
            current[0] = driver;
            // An indirect table that refers to another one.
            driver.descriptor(0x1000L, 0, 0x1000, 16, 4, 0);
            attack.run();
            driver.publish(TRANSMIT, 0);
            driver.notify(TRANSMIT);
            assertThat(driver.transport.isBroken()).isTrue();
            assertThat(driver.read(0x70) & 0x40).as("NEEDS_RESET").isNotZero();
            assertThat(driver.interrupts).isEqualTo(1);
            driver.notify(TRANSMIT);
            said.setLength(0);
            memory.zero(0x10000, 0x8000);
            TestDriver again = new TestDriver(memory, console, true).start();
            again.add(TRANSMIT, again.out(text("alive")));
            again.notify(TRANSMIT);
            assertThat(said).hasToString("alive");
            memory.zero(0x10000, 0x8000);
        }
    }

    private static void descriptor(TestDriver driver, int index, long address, int length, int flags, int next) {
        try {
            driver.descriptor(TRANSMIT, index, address, length, flags, next);
        } catch (GuestFault e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void moreRequestsThanEntriesBreakTheQueue() throws GuestFault {
        TestDriver driver = new TestDriver(memory, console, true).start();
        memory.putIndex(0x10000 + 0x4000 + 0x1000 + 2, TestDriver.SIZE + 1);
        driver.notify(TRANSMIT);
        assertThat(driver.transport.isBroken()).isTrue();
    }

    /** What a guest reads from memory is what it would be answered. */
    @Test
    void thePageIsWhatReadsAnswer() throws Exception {
        try (Fd file = MemFd.memory("registers", 8192);
                Mapping page = Mapping.shared(file, 8192)) {
            Seeds.each(random -> {
                TestDriver driver = new TestDriver(memory, console, true);
                driver.transport.publish(page, 4096);
                if (random.nextBoolean()) {
                    driver.start();
                }
                for (int i = 0; i < 20; i++) {
                    if (random.nextInt(4) == 0) {
                        driver.publish(TRANSMIT, random.nextInt(TestDriver.SIZE + 1));
                        driver.notify(TRANSMIT);
                    } else {
                        driver.write(4 * random.nextInt(0x40), random.nextInt(-1, 16));
                    }
                    for (int register = 0; register < 0x200; register += 4) {
                        assertThat(page.getInt(4096 + register))
                                .as("0x%x", register)
                                .isEqualTo(driver.read(register));
                    }
                }
                assertThat(page.getLong(0)).isZero();
            });
        }
    }

    @Test
    void noRegisterAccessAndNoRingContentThrows() throws Exception {
        Seeds.each(random -> {
            TestDriver driver = new TestDriver(memory, console, random.nextBoolean());
            if (random.nextInt(4) > 0) {
                driver.start();
            }
            for (int i = 0; i < 100; i++) {
                switch (random.nextInt(6)) {
                    case 0 -> driver.transport.read(random.nextInt(0x1000), 1 << random.nextInt(4));
                    case 1 -> driver.transport.write(random.nextInt(0x1000), 1 << random.nextInt(4), random.nextLong());
                    case 2 -> driver.write(4 * random.nextInt(0x40), random.nextInt(-1, 16));
                    case 3 -> driver.notify(random.nextInt(3));
                    case 4 -> {
                        byte[] noise = new byte[random.nextInt(64)];
                        random.nextBytes(noise);
                        memory.write(0x10000 + random.nextInt(0x8000), noise);
                    }
                    default -> {
                        driver.descriptor(
                                random.nextInt(2),
                                random.nextInt(TestDriver.SIZE),
                                random.nextInt(3 << 20),
                                random.nextInt(10_000),
                                random.nextInt(8),
                                random.nextInt(TestDriver.SIZE + 1));
                        int queue = random.nextInt(2);
                        driver.publish(queue, random.nextInt(TestDriver.SIZE + 1));
                        driver.notify(queue);
                    }
                }
            }
            driver.write(0x70, 0);
            assertThat(driver.read(0x70)).isZero();
        });
    }
}
