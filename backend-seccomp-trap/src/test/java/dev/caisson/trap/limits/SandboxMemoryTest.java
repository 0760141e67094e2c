package dev.caisson.trap.limits;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SandboxMemoryTest {
    private static final long MIB = 1 << 20;

    @Test
    void aReserveIsLeftBeforeTheLimit() {
        assertThat(SandboxMemory.room(256 * MIB, 13 * MIB)).isEqualTo(179 * MIB);
        assertThat(SandboxMemory.room(256 * MIB, 192 * MIB)).isZero();
        assertThat(SandboxMemory.room(256 * MIB, 200 * MIB)).isNegative();
        // A small group's is half of it.
        assertThat(SandboxMemory.room(64 * MIB, 32 * MIB)).isZero();
    }

    @Test
    void theNextLookComesBeforeTheRoomIsUsed() {
        for (long room = 4 * MIB; room < 4096 * MIB; room *= 2) {
            assertThat(SandboxMemory.until(room) * SandboxMemory.UNIT).isLessThanOrEqualTo(room);
        }
        // Where there is next to none the reserve is enough for what comes between two looks.
        assertThat(SandboxMemory.until(-MIB) * SandboxMemory.UNIT).isEqualTo(2 * MIB);
    }

    @Test
    void whatIsHeldCountsByItsSize() {
        assertThat(SandboxMemory.units(0)).isEqualTo(1);
        assertThat(SandboxMemory.units(100 * SandboxMemory.UNIT)).isEqualTo(101);
    }

    /** A process whose group is not found, as on hosts without a memory controller, is not held back. */
    @Test
    void withoutAGroupNothingIsRefused() {
        SandboxMemory memory = new SandboxMemory(-1);
        assertThat(memory.mayHold(1_000_000)).isTrue();
        memory.start();
        for (int i = 0; i < 100; i++) {
            assertThat(memory.mayHold(100_000)).isTrue();
        }
    }
}
