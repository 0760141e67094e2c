package dev.caisson.kvm.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.kvm.memory.GuestMemory;
import org.junit.jupiter.api.Test;

/** Both ways to tell a kernel where it is. */
class LinuxStartTest {
    private static String line(GuestMemory memory, long at) throws Exception {
        StringBuilder text = new StringBuilder();
        for (long i = at; memory.getByte(i) != 0; i++) {
            text.append((char) memory.getByte(i));
        }
        return text.toString();
    }

    @Test
    void theZeroPageSaysWhatBootRstWants() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(64 << 20)) {
            long page = LinuxStart.write(memory, "console=ttyS0", 0x300_0000, 1234);
            assertThat(memory.getShort(page + 0x1fe)).isEqualTo(0xaa55);
            assertThat(memory.getInt(page + 0x202)).as("HdrS").isEqualTo(0x5372_6448);
            assertThat(line(memory, memory.getInt(page + 0x228))).isEqualTo("console=ttyS0");
            assertThat(memory.getInt(page + 0x218)).isEqualTo(0x300_0000);
            assertThat(memory.getInt(page + 0x21c)).isEqualTo(1234);
            assertThat(memory.getLong(page + 0x70)).isEqualTo(0xe0000);
            assertThat(memory.getByte(page + 0x1e8)).as("entries of the map").isEqualTo(3);
            // The last one: usable, from 1 MiB to the end.
            long last = page + 0x2d0 + 40;
            assertThat(memory.getLong(last)).isEqualTo(1 << 20);
            assertThat(memory.getLong(last + 8)).isEqualTo(63 << 20);
            assertThat(memory.getInt(last + 16)).isEqualTo(1);
        }
    }

    @Test
    void theFirstGibIsMappedToItself() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(2 << 20)) {
            LongMode.write(memory);
            for (long address : new long[] {0, 0x100_0000, 0x3fff_ffff}) {
                long pointers = memory.getLong(0x9000 + 8 * (address >> 39)) & -4096;
                long directory = memory.getLong(pointers + 8 * (address >> 30)) & -4096;
                long entry = memory.getLong(directory + 8 * (address >> 21 & 511));
                assertThat(entry & 0x81).as("present, large").isEqualTo(0x81);
                assertThat(entry & -(2L << 20)).isEqualTo(address & -(2L << 20));
            }
        }
    }

    @Test
    void pvhPointsToTheSame() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(GuestMemory.HOLE + (1 << 20))) {
            long info = PvhStart.write(memory, "quiet", 0x300_0000, 99);
            assertThat(memory.getInt(info)).isEqualTo(0x336e_c578);
            assertThat(line(memory, memory.getLong(info + 24))).isEqualTo("quiet");
            assertThat(memory.getInt(info + 12)).as("modules").isEqualTo(1);
            assertThat(memory.getLong(memory.getLong(info + 16))).isEqualTo(0x300_0000);
            assertThat(memory.getInt(info + 48)).as("entries of the map").isEqualTo(4);
            long high = memory.getLong(info + 40) + 3 * 24;
            assertThat(memory.getLong(high)).isEqualTo(1L << 32);
            assertThat(memory.getLong(high + 8)).isEqualTo(1 << 20);
        }
    }

    @Test
    void aCommandLineHasAnEnd() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(2 << 20)) {
            assertThatThrownBy(() -> LinuxStart.write(memory, "x".repeat(2048), 0, 0))
                    .hasMessageContaining("2048 bytes: at most 2047");
            LinuxStart.write(memory, "x".repeat(2047), 0, 0);
        }
    }
}
