package dev.caisson.kvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.kvm.Seeds;
import dev.caisson.kvm.memory.GuestMemory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ElfKernelTest {
    private static final int NOTES = 0x200;
    private static final int CODE = 0x1000;

    @TempDir
    Path directory;

    /** Two segments, the second longer in memory, and a PVH note behind another one. */
    private static byte[] kernel() {
        ByteBuffer elf = ByteBuffer.allocate(0x3000).order(ByteOrder.LITTLE_ENDIAN);
        elf.putInt(0, 0x464c_457f).put(4, (byte) 2).put(5, (byte) 1);
        elf.putShort(16, (short) 2).putShort(18, (short) 62);
        elf.putLong(24, 0x100_0000).putLong(32, 64).putShort(54, (short) 56).putShort(56, (short) 3);
        header(elf, 64, 1, CODE, 0x100_0000, 0x1000, 0x1000);
        header(elf, 64 + 56, 1, CODE + 0x1000, 0x120_0000, 0x800, 0x2000);
        header(elf, 64 + 112, 4, NOTES, 0, 12 + 4 + 4 + 12 + 4 + 8, 0);
        elf.position(NOTES);
        elf.putInt(4)
                .putInt(2)
                .putInt(6)
                .put("GNU\0".getBytes(StandardCharsets.US_ASCII))
                .putInt(7);
        elf.putInt(4)
                .putInt(8)
                .putInt(18)
                .put("Xen\0".getBytes(StandardCharsets.US_ASCII))
                .putLong(0x100_0850);
        Arrays.fill(elf.array(), CODE, CODE + 0x1000, (byte) 0x11);
        Arrays.fill(elf.array(), CODE + 0x1000, CODE + 0x1800, (byte) 0x22);
        return elf.array();
    }

    private static void header(ByteBuffer elf, int at, int type, long offset, long address, long file, long memory) {
        elf.putInt(at, type).putLong(at + 8, offset).putLong(at + 24, address);
        elf.putLong(at + 32, file).putLong(at + 40, memory);
    }

    private record Bytes(byte[] bytes) implements ElfKernel.Source {
        @Override
        public long size() {
            return bytes.length;
        }

        @Override
        public byte[] read(long offset, int length) {
            return Arrays.copyOfRange(bytes, (int) offset, (int) offset + length);
        }
    }

    @Test
    void readsEntryAndSegments() throws IOException {
        ElfKernel kernel = ElfKernel.parse(new Bytes(kernel()));
        assertThat(kernel.entry()).isEqualTo(0x100_0000);
        assertThat(kernel.pvhEntry()).isEqualTo(0x100_0850);
        assertThat(kernel.segments())
                .containsExactly(
                        new ElfKernel.Segment(0x100_0000, CODE, 0x1000, 0x1000),
                        new ElfKernel.Segment(0x120_0000, CODE + 0x1000, 0x800, 0x2000));
    }

    @Test
    void loadsSegmentsAndInitramfs() throws Exception {
        Path kernel = Files.write(directory.resolve("vmlinux"), kernel());
        Path initramfs = Files.write(directory.resolve("initramfs"), new byte[] {7, 8, 9});
        try (GuestMemory memory = GuestMemory.allocate(32 << 20)) {
            GuestLoader.Loaded loaded = GuestLoader.load(memory, kernel, initramfs);
            assertThat(loaded).isEqualTo(new GuestLoader.Loaded(0x100_0000, 0x100_0850, (32 << 20) - 4096, 3));
            assertThat(memory.getByte(0x100_0fff)).isEqualTo(0x11);
            assertThat(memory.getByte(0x120_0000)).isEqualTo(0x22);
            assertThat(memory.getByte(0x120_0800)).as("not in the file").isZero();
            assertThat(memory.getByte((32 << 20) - 4094)).isEqualTo(9);
        }
    }

    @Test
    void saysWhatIsWrong() throws Exception {
        byte[] withoutNote = kernel();
        withoutNote[NOTES + 20 + 8] = 17;
        assertThat(ElfKernel.parse(new Bytes(withoutNote)).pvhEntry()).isEqualTo(-1);
        Path kernel = Files.write(directory.resolve("vmlinux"), kernel());
        try (GuestMemory memory = GuestMemory.allocate(16 << 20)) {
            assertThatThrownBy(() -> GuestLoader.load(memory, kernel, null))
                    .isInstanceOf(KernelFormatException.class)
                    .hasMessageContaining("no memory at 0x1000000");
        }
        try (GuestMemory memory = GuestMemory.allocate(0x120_3000)) {
            Path initramfs = Files.write(directory.resolve("large"), new byte[0x2000]);
            assertThatThrownBy(() -> GuestLoader.load(memory, kernel, initramfs))
                    .hasMessageContaining("no room behind the kernel");
        }
    }

    @Test
    void damageIsNeverMoreThanAKernelFormatException() throws Exception {
        byte[] good = kernel();
        Path file = directory.resolve("damaged");
        try (GuestMemory memory = GuestMemory.allocate(32 << 20)) {
            Seeds.each(random -> {
                Files.write(file, Seeds.damaged(random, good));
                try {
                    GuestLoader.load(memory, file, null);
                } catch (KernelFormatException expected) {
                    assertThat(expected).hasMessageNotContaining("defect");
                }
            });
        }
    }
}
