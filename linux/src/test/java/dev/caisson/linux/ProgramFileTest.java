package dev.caisson.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

final class ProgramFileTest {
    private static ProgramFile read(byte[] content) throws IOException {
        return ProgramFile.read((position, length) -> {
            assertThat(position).isNotNegative();
            assertThat(length).isBetween(0, 4096);
            int from = (int) Math.min(position, content.length);
            return ByteBuffer.wrap(
                    Arrays.copyOfRange(content, from, (int) Math.min(position + length, content.length)));
        });
    }

    private static ProgramFile read(String text) throws IOException {
        return read(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    @Test
    void thisMachinesProgramsNameTheirLoader() throws IOException {
        ProgramFile program = read(Files.readAllBytes(Path.of("/bin/ls").toRealPath()));
        assertThat(program)
                .isEqualTo(new ProgramFile(ProgramFile.Kind.ELF, "/lib64/ld-linux-x86-64.so.2", ProgramFile.EM_X86_64));
    }

    /** execve(2), "Interpreter scripts". */
    @Test
    void scriptsNameTheirInterpreter() throws IOException {
        assertThat(read("#!/bin/sh\n").interpreter()).isEqualTo("/bin/sh");
        assertThat(read("#! \t/usr/bin/env python3 -u\n").interpreter()).isEqualTo("/usr/bin/env");
        assertThat(read("#!/bin/sh").interpreter()).isEqualTo("/bin/sh");
        assertThat(read("#!\n/bin/sh").interpreter()).isNull();
        assertThat(read("#!" + "x".repeat(5000)).interpreter()).hasSize(254);
    }

    @Test
    void therestIsNoProgram() throws IOException {
        assertThat(read("").kind()).isEqualTo(ProgramFile.Kind.EMPTY);
        assertThat(read("#").kind()).isEqualTo(ProgramFile.Kind.OTHER);
        assertThat(read("\177ELF").kind()).isEqualTo(ProgramFile.Kind.OTHER);
        assertThat(read("hello").kind()).isEqualTo(ProgramFile.Kind.OTHER);
    }

    private static byte[] elf(boolean wide) {
        ByteBuffer b = ByteBuffer.allocate(200).order(ByteOrder.LITTLE_ENDIAN);
        b.put(new byte[] {0x7f, 'E', 'L', 'F', (byte) (wide ? 2 : 1), 1, 1});
        b.putShort(18, (short) (wide ? 62 : 3));
        if (wide) {
            b.putLong(32, 64).putShort(54, (short) 56).putShort(56, (short) 2);
            b.putInt(64 + 56, 3).putLong(64 + 56 + 8, 180).putLong(64 + 56 + 32, 6);
        } else {
            b.putInt(28, 52).putShort(42, (short) 32).putShort(44, (short) 2);
            b.putInt(52 + 32, 3).putInt(52 + 32 + 4, 180).putInt(52 + 32 + 16, 6);
        }
        b.position(180).put(new byte[] {'/', 'l', 'd', '.', 's', 0});
        return b.array();
    }

    @Test
    void bothWidths() throws IOException {
        assertThat(read(elf(true))).isEqualTo(new ProgramFile(ProgramFile.Kind.ELF, "/ld.s", 62));
        assertThat(read(elf(false))).isEqualTo(new ProgramFile(ProgramFile.Kind.ELF, "/ld.s", 3));
    }

    /** Seeds are the files above; the source's assertions are the bounds. */
    @Test
    void anyFileIsReadWithinBounds() throws IOException {
        Random random = new Random(11);
        List<byte[]> seeds = List.of(elf(true), elf(false), "#!/bin/sh -x\n".getBytes(StandardCharsets.US_ASCII));
        for (int i = 0; i < 100_000; i++) {
            byte[] file = seeds.get(random.nextInt(seeds.size())).clone();
            for (int n = random.nextInt(8); n > 0; n--) {
                file[random.nextInt(file.length)] = (byte) (random.nextBoolean() ? random.nextInt() : 0xff);
            }
            ProgramFile read = read(random.nextInt(10) == 0 ? Arrays.copyOf(file, random.nextInt(file.length)) : file);
            assertThat(read.interpreter() == null || read.interpreter().length() <= 4096)
                    .isTrue();
        }
    }
}
