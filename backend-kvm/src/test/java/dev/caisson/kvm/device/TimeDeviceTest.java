package dev.caisson.kvm.device;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class TimeDeviceTest {
    private static final Instant TIME = Instant.parse("2026-11-29T10:00:00.123456789Z");
    private static final long NANOS = TIME.getEpochSecond() * 1_000_000_000L + TIME.getNano();

    @Test
    void itIsReadWholeOrInTwoHalvesOfOneTime() {
        Clock ticking = new Clock() {
            private Instant next = TIME;

            @Override
            public Instant instant() {
                Instant now = next;
                next = next.plus(Duration.ofHours(1));
                return now;
            }

            @Override
            public ZoneOffset getZone() {
                return ZoneOffset.UTC;
            }

            @Override
            public Clock withZone(java.time.ZoneId zone) {
                return Clock.system(zone); // asked for by nobody
            }
        };
        TimeDevice device = new TimeDevice(ticking);
        assertThat(device.read(0, 4) | device.read(4, 4) << 32).isEqualTo(NANOS);
        assertThat(device.read(0, 8)).isEqualTo(NANOS + 3_600_000_000_000L);
        device.write(0, 8, 1);
        assertThat(device.read(1, 1)).isZero();
        assertThat(device.read(8, 8)).isZero();
    }
}
