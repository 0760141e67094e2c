package dev.caisson.kvm.virtio;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

class RngDeviceTest {
    @Test
    void requestsAreFilledDifferentlyAndNoFurtherThanTheLimit() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(2 << 20)) {
            TestDriver driver = new TestDriver(memory, new RngDevice(), true).start();
            TestDriver.Buffer one = driver.in(64);
            TestDriver.Buffer two = driver.in(64);
            TestDriver.Buffer large = driver.in(10_000);
            driver.add(0, one);
            driver.add(0, two);
            driver.add(0, large);
            driver.notify(0);
            assertThat(driver.completed(0)[1]).isEqualTo(64);
            assertThat(driver.completed(0)[1]).isEqualTo(64);
            assertThat(driver.completed(0)[1]).isEqualTo(4096);
            assertThat(driver.bytes(one)).isNotEqualTo(driver.bytes(two)).isNotEqualTo(new byte[64]);
            assertThat(driver.bytes(large)).endsWith(new byte[10_000 - 4096]);
        }
    }
}
