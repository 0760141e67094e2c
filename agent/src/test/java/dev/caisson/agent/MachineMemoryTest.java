package dev.caisson.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MachineMemoryTest {
    private static final int PAGE = 4096;
    private static final int PHDR = 56;

    @TempDir
    private Path directory;

    /** A core with a segment that is no memory, and one of ten pages at 0x100000. */
    private Path core(int entrySize) throws Exception {
        ByteBuffer core = ByteBuffer.allocate(3 * PAGE + 10 * PAGE).order(ByteOrder.LITTLE_ENDIAN);
        core.putLong(32, 64).putShort(54, (short) entrySize).putShort(56, (short) 3);
        // PT_NOTE, vmalloc's, memory.
        core.putInt(64, 4).putLong(64 + 24, 0).putLong(64 + 40, 100L * PAGE);
        core.putInt(64 + PHDR, 1).putLong(64 + PHDR + 24, -1).putLong(64 + PHDR + 40, 100L * PAGE);
        core.putInt(64 + 2 * PHDR, 1)
                .putLong(64 + 2 * PHDR + 8, 3 * PAGE)
                .putLong(64 + 2 * PHDR + 24, 0x100000)
                .putLong(64 + 2 * PHDR + 40, 10 * PAGE);
        return Files.write(directory.resolve("core"), core.array());
    }

    @Test
    void pagesThatAreMemoryAreRead() throws Exception {
        try (MachineMemory memory = MachineMemory.open(core(PHDR))) {
            assertThat(memory.touch(0x100, 10)).isEqualTo(10);
            assertThat(memory.touch(0x109, 1)).isEqualTo(1);
            assertThat(memory.touch(0xfe, 4)).isEqualTo(2);
            assertThat(memory.touch(0x108, 40)).isEqualTo(2);
            assertThat(memory.touch(0, 100)).isZero();
            assertThat(memory.touch(0x100, 0)).isZero();
        }
    }

    @Test
    void anotherKindOfFileIsRefused() throws Exception {
        Path other = core(57);
        assertThatIOException().isThrownBy(() -> MachineMemory.open(other));
        Path end = Files.write(directory.resolve("end"), new byte[63]);
        assertThatIOException().isThrownBy(() -> MachineMemory.open(end));
    }
}
