package dev.caisson.kvm.device;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.Seeds;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Against the PC16550D data sheet and what Linux's 8250 driver looks for. */
class SerialPortTest {
    private final ConsoleLog log = new ConsoleLog();
    private int interrupts;
    private final SerialPort port = new SerialPort(log, () -> interrupts++);

    private int read(int register) {
        return (int) port.read(register, 1);
    }

    private void write(int register, int value) {
        port.write(register, 1, value);
    }

    @Test
    void bytesLeaveAndTheTransmitterIsAlwaysEmpty() {
        for (byte each : "hello\n".getBytes(StandardCharsets.US_ASCII)) {
            assertThat(read(5) & 0x60).isEqualTo(0x60);
            write(0, each);
        }
        assertThat(log.text()).isEqualTo("hello\n");
        assertThat(interrupts).isZero();
    }

    @Test
    void anEmptyTransmitterInterruptsOnceUntilItIsIdentified() {
        write(1, 2);
        assertThat(interrupts).isEqualTo(1);
        assertThat(read(2) & 0xf).isEqualTo(2);
        assertThat(read(2) & 0xf).as("reading it takes it back").isEqualTo(1);
        write(0, 'x');
        assertThat(interrupts).isEqualTo(2);
    }

    @Test
    void receivedBytesAreReadInOrder() {
        write(1, 1);
        port.receive(new byte[] {'a', (byte) 0xff});
        assertThat(interrupts).isEqualTo(1);
        assertThat(read(2) & 0xf).isEqualTo(4);
        assertThat(read(5) & 1).isEqualTo(1);
        assertThat(read(0)).isEqualTo('a');
        assertThat(interrupts).as("there is more").isEqualTo(2);
        assertThat(read(0)).isEqualTo(0xff);
        assertThat(read(5) & 1).isZero();
    }

    @Test
    void theDivisorHidesDataAndEnable() {
        write(3, 0x83);
        write(0, 0x0c);
        write(1, 0x01);
        assertThat(read(0)).isEqualTo(0x0c);
        assertThat(read(1)).isEqualTo(1);
        write(3, 3);
        assertThat(read(1)).as("interrupts enabled").isZero();
        assertThat(log.text()).isEmpty();
    }

    @Test
    void loopbackIsThereAsDriversProbeIt() {
        write(4, 0x1a);
        assertThat(read(6) & 0xf0).isEqualTo(0x90);
        write(0, 'z');
        assertThat(read(0)).isEqualTo('z');
        assertThat(log.text()).as("nothing leaves").isEmpty();
    }

    @Test
    void noAccessThrows() throws Exception {
        Seeds.each(random -> {
            for (int i = 0; i < 300; i++) {
                int size = 1 << random.nextInt(4);
                if (random.nextBoolean()) {
                    port.write(random.nextInt(8), size, random.nextLong());
                } else {
                    assertThat(port.read(random.nextInt(8), size)).isBetween(0L, 255L);
                }
            }
        });
    }

    @Test
    void theLogKeepsTheEnd() {
        for (int i = 0; i < 70_000; i++) {
            log.put(i % 1000 == 999 ? '\n' : 'a' + i / 1000 % 26);
        }
        assertThat(log.text()).hasSize(1 << 16);
        log.put(0x1b);
        assertThat(log.lastLines(2)).hasSize(999 + 1 + 1).endsWith("\n?");
    }
}
