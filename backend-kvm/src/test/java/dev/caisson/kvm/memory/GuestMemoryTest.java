package dev.caisson.kvm.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.kvm.Seeds;
import org.junit.jupiter.api.Test;

class GuestMemoryTest {
    private static final long FOUR_GIB = 1L << 32;

    @Test
    void whatIsWrittenIsRead() throws Exception {
        try (GuestMemory memory = GuestMemory.allocate(1 << 20)) {
            memory.putLong(0xfff8, 0x1122_3344_5566_7788L);
            assertThat(memory.getLong(0xfff8)).isEqualTo(0x1122_3344_5566_7788L);
            assertThat(memory.getByte(0xfff8)).as("little-endian").isEqualTo(0x88);
            memory.putIndex(10, 0xfffe);
            assertThat(memory.getIndex(10)).isEqualTo(0xfffe);
            byte[] bytes = new byte[3];
            memory.read(0xfffe, bytes, 1, 2);
            assertThat(bytes).containsExactly(0, 0x22, 0x11);
        }
    }

    @Test
    void memoryBehindTheHoleBeginsAtFourGib() throws Exception {
        // Nothing of it is used but the touched pages.
        try (GuestMemory memory = GuestMemory.allocate(GuestMemory.HOLE + (64 << 20))) {
            assertThat(memory.regions())
                    .containsExactly(
                            new GuestMemory.Region(0, 0, GuestMemory.HOLE),
                            new GuestMemory.Region(FOUR_GIB, GuestMemory.HOLE, 64 << 20));
            memory.putInt(GuestMemory.HOLE - 4, 1);
            memory.putInt(FOUR_GIB, 2);
            assertThat(memory.getInt(GuestMemory.HOLE - 4)).isEqualTo(1);
            assertThat(memory.getInt(FOUR_GIB)).isEqualTo(2);
            for (long outside : new long[] {
                GuestMemory.HOLE - 3, GuestMemory.HOLE, 0xd000_0000L, FOUR_GIB - 1, FOUR_GIB + (64 << 20) - 3, -1
            }) {
                assertThatThrownBy(() -> memory.getInt(outside))
                        .isInstanceOf(GuestFault.class)
                        .hasMessageContaining(Long.toHexString(outside));
            }
        }
    }

    @Test
    void everyAddressIsEitherMemoryOrAFault() throws Exception {
        long size = GuestMemory.HOLE + (2 << 20);
        try (GuestMemory memory = GuestMemory.allocate(size)) {
            long[] edges = {0, 1 << 20, GuestMemory.HOLE, FOUR_GIB, FOUR_GIB + (2 << 20), Long.MAX_VALUE, Long.MIN_VALUE
            };
            Seeds.each(random -> {
                for (int i = 0; i < 200; i++) {
                    long address = edges[random.nextInt(edges.length)] + random.nextInt(-64, 64);
                    long length = random.nextInt(4) == 0 ? random.nextLong() : random.nextInt(-2, 200);
                    boolean low = address >= 0
                            && length >= 0
                            && address <= GuestMemory.HOLE
                            && length <= GuestMemory.HOLE - address;
                    boolean high = address >= FOUR_GIB
                            && length >= 0
                            && address <= FOUR_GIB + (2 << 20)
                            && length <= FOUR_GIB + (2 << 20) - address;
                    assertThat(memory.contains(address, length))
                            .as("0x%x + %d", address, length)
                            .isEqualTo(low || high);
                }
            });
        }
    }
}
