package dev.caisson.kvm.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.caisson.kvm.Seeds;
import dev.caisson.linux.Fd;
import dev.caisson.linux.HostFiles;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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

    @Test
    void copiesShareWhatTheyDoNotWrite(@TempDir Path directory) throws Exception {
        String path = directory.resolve("saved").toString();
        int create = HostFiles.O_RDWR | HostFiles.O_CREAT;
        try (GuestMemory memory = GuestMemory.allocate(4 << 20);
                Fd out = HostFiles.open(path, create, 0600)) {
            memory.putInt(0x1000, 1);
            memory.putInt(0x30_0000, 3);
            memory.save(out, 8192);
        }
        try (GuestMemory one = GuestMemory.copyOf(HostFiles.open(path, HostFiles.O_RDONLY, 0), 8192, 4 << 20);
                GuestMemory two = GuestMemory.copyOf(HostFiles.open(path, HostFiles.O_RDONLY, 0), 8192, 4 << 20)) {
            assertThat(one.getInt(0x1000)).isEqualTo(1);
            assertThat(one.getInt(0x30_0000)).isEqualTo(3);
            assertThat(one.used()).as("read only").isZero();
            one.putInt(0x1000, 7);
            one.putInt(0x20_0000, 2);
            assertThat(one.used()).isEqualTo(2 * 4096);
            assertThat(two.getInt(0x1000)).isEqualTo(1);
            assertThat(two.getInt(0x20_0000)).isZero();
            String second = directory.resolve("second").toString();
            try (Fd out = HostFiles.open(second, create, 0600)) {
                one.save(out, 0);
            }
            try (GuestMemory three = GuestMemory.copyOf(HostFiles.open(second, HostFiles.O_RDONLY, 0), 0, 4 << 20)) {
                assertThat(three.getInt(0x1000)).isEqualTo(7);
                assertThat(three.getInt(0x20_0000)).isEqualTo(2);
                assertThat(three.getInt(0x30_0000)).isEqualTo(3);
            }
        }
    }

    @Test
    void pagesOfACopyAreItsOwnBeforeTheyAreWrittenTo(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("template");
        byte[] content = new byte[1 << 20];
        content[5 * 4096] = 5;
        content[9 * 4096] = 9;
        Files.write(file, content);
        try (GuestMemory copy =
                GuestMemory.copyOf(HostFiles.open(file.toString(), HostFiles.O_RDONLY, 0), 0, content.length)) {
            assertThat(copy.getByte(5 * 4096)).isEqualTo((byte) 5);
            copy.putByte(100 * 4096, (byte) 1);
            Footprint footprint = copy.footprint();
            assertThat(footprint.own().stream()).containsExactly(100);
            assertThat(footprint.seen().get(5)).isTrue();

            copy.own(BitSet.valueOf(new long[] {1L << 9 | 1L << 20}));
            assertThat(copy.footprint().own().stream()).containsExactly(9, 20, 100);
            assertThat(copy.getByte(9 * 4096)).isEqualTo((byte) 9);
            assertThat(copy.getByte(20 * 4096)).isZero();
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(content);
    }
}
