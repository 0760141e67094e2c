package dev.caisson.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;

import dev.caisson.kvm.sys.CpuidEntry;
import java.util.List;
import org.junit.jupiter.api.Test;

class CpuidTest {
    private static CpuidEntry second(int function, int index) {
        CpuidEntry all = new CpuidEntry(function, index, 1, -1, -1, -1, -1);
        return Cpuid.of(List.of(all), 1, 4).getFirst();
    }

    @Test
    void aProcessorHasItsNumberAndNoMonitorInstruction() {
        CpuidEntry one = second(1, 0);
        assertThat(one.ebx() >>> 24).isEqualTo(1);
        assertThat(one.ebx() >>> 16 & 0xff).isEqualTo(4);
        assertThat(one.ecx() & 1 << 3).as("MONITOR").isZero();
        assertThat(one.ecx() & 1 << 31).as("hypervisor").isNotZero();
    }

    @Test
    void coresAreOneLevelAboveSingleThreads() {
        assertThat(second(0xb, 0)).isEqualTo(new CpuidEntry(0xb, 0, 1, 0, 1, 1 << 8, 1));
        assertThat(second(0xb, 1)).isEqualTo(new CpuidEntry(0xb, 1, 1, 2, 4, 2 << 8 | 1, 1));
        assertThat(second(0xb, 2)).isEqualTo(new CpuidEntry(0xb, 2, 1, 0, 0, 2, 1));
        assertThat(second(0x8000_0008, 0).ecx() & 0xf0ff).isEqualTo(2 << 12 | 3);
    }

    @Test
    void anUnknownLeafStaysAsItIs() {
        assertThat(second(0x4000_0001, 0)).isEqualTo(new CpuidEntry(0x4000_0001, 0, 1, -1, -1, -1, -1));
    }
}
